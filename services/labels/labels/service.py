"""The declaration of the service: start reading here, then `decide.py`."""

from pathlib import Path

from common.service import Service
from labels import store
from labels.api import routes
from labels.decide import decide
from labels.events import LabelApplied, LabelExpired, LabelGranted, LabelRefused, LabelWaitlisted
from labels.inputs import (
    ApplyForLabel,
    CompanyProfileUpdated,
    DiagnosticCompleted,
    LabelTermReached,
    OfferPlace,
    PlaceReviewDue,
    SetCohortCap,
)
from labels.model import LabelFile, Programme

SERVICE: Service[LabelFile, Programme] = Service(
    name="labels",
    title="Label #croissance connectée : charte, candidatures, cohortes et registre public",
    consumes={"diagnostic": (DiagnosticCompleted,), "companies": (CompanyProfileUpdated,)},
    publishes=(LabelApplied, LabelGranted, LabelRefused, LabelWaitlisted, LabelExpired),
    commands=(ApplyForLabel, OfferPlace, SetCohortCap),
    deadlines=(LabelTermReached, PlaceReviewDue),
    state=LabelFile,
    initial=LabelFile,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    routes=routes,
)
