"""`python -m diagnostic`: run this service."""

from common.runtime import main
from diagnostic.service import SERVICE
from diagnostic.settings import DiagnosticSettings

main(SERVICE, DiagnosticSettings)
