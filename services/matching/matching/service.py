"""The matching service as data: start reading here."""

from pathlib import Path

from common.service import Service
from matching import api, events, inputs, store
from matching.decide import decide, initial
from matching.model import CompanyNeeds
from matching.rules.shared import Shared

SERVICE: Service[CompanyNeeds, Shared] = Service(
    name="matching",
    title="Mise en relation avec les connecteurs et recommandation d'aides",
    consumes={"diagnostic": (inputs.DiagnosticCompleted,)},
    publishes=(
        events.NeedOpened,
        events.ConnectorMatched,
        events.NeedUnserved,
        events.AidsRecommended,
        events.MatchAccepted,
        events.MatchDeclined,
        events.MatchExpired,
    ),
    commands=(inputs.PutConnector, inputs.AcceptMatch, inputs.DeclineMatch),
    deadlines=(inputs.OffersExpired, inputs.CapacityFreed),
    state=CompanyNeeds,
    initial=initial,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    routes=api.routes,
)
