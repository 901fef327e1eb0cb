"""`python -m companies`: runs the service."""

from common.process.main import main
from companies.app import APP

main(APP)
