"""The matching service as data: start reading here."""

from typing import Final

from common.declare.service import Service
from matching import events
from matching.basis import DIRECTORY, LOADS
from matching.directory.table import LINES
from matching.needs.table import NEEDS
from matching.places.offers import HOLDERS

SERVICE: Final = Service(
    name="matching",
    title="Mise en relation avec les connecteurs et recommandation d'aides",
    aggregates=(NEEDS, LINES),
    publishes=(
        events.NeedOpened,
        events.ConnectorMatched,
        events.NeedUnserved,
        events.AidsRecommended,
        events.MatchAccepted,
        events.MatchDeclined,
        events.MatchExpired,
    ),
    pools=(LOADS, HOLDERS),
    views=(DIRECTORY,),
)
