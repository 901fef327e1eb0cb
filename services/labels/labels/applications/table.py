"""The table of a company's file."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from labels.applications.applying import apply, its_places
from labels.applications.inputs import ApplyForLabel, CompanyProfileUpdated, DiagnosticCompleted, LabelTermReached
from labels.applications.known import diagnosed, profile_updated
from labels.applications.model import LabelFile
from labels.applications.offering import its_turn, offered
from labels.applications.term import term_reached
from labels.places.asking import OfferPlace

APPLICATIONS: Final[Aggregate[LabelFile]] = Aggregate(
    "applications",
    LabelFile,
    LabelFile,
    (
        on(DiagnosticCompleted, diagnosed, of="diagnostic"),
        on(CompanyProfileUpdated, profile_updated, of="companies"),
        on(ApplyForLabel, apply, pools=its_places),
        on(OfferPlace, offered, pools=its_turn),
        on(LabelTermReached, term_reached),
    ),
)
