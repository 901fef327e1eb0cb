"""What this service is: the things it keeps, each with its rules, and what it publishes."""

from typing import Final

from common.declare.service import Service
from diagnostic.diagnostics.table import DIAGNOSTICS
from diagnostic.events import DiagnosticCompleted, DiagnosticStarted, ExpressDiagnosticCompleted

SERVICE: Final = Service(
    name="diagnostic",
    title="Diagnostic de maturité numérique",
    aggregates=(DIAGNOSTICS,),
    publishes=(DiagnosticStarted, DiagnosticCompleted, ExpressDiagnosticCompleted),
)
