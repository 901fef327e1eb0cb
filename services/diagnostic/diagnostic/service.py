"""What this service is: what comes in, what goes out, what decides."""

from pathlib import Path
from typing import Final

from common.service import Service
from diagnostic import store
from diagnostic.api import routes
from diagnostic.decide import decide
from diagnostic.events import DiagnosticCompleted, DiagnosticStarted, ExpressDiagnosticCompleted
from diagnostic.inputs import (
    CompanyProfileUpdated,
    CompanyRegistered,
    DiscardDraft,
    SaveAnswers,
    StartDiagnostic,
    SubmitDiagnostic,
)
from diagnostic.model import DiagnosticFile, initial
from diagnostic.upkeep import fold_benchmark

SERVICE: Final[Service[DiagnosticFile, None]] = Service(
    name="diagnostic",
    title="Diagnostic de maturité numérique",
    state=DiagnosticFile,
    initial=initial,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    consumes={"companies": (CompanyRegistered, CompanyProfileUpdated)},
    publishes=(DiagnosticStarted, DiagnosticCompleted, ExpressDiagnosticCompleted),
    commands=(StartDiagnostic, SaveAnswers, SubmitDiagnostic),
    deadlines=(DiscardDraft,),
    routes=routes,
    loops=(fold_benchmark,),
)
