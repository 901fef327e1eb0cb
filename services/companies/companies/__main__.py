"""`python -m companies`: runs the service."""

from common.runtime import main
from companies.service import SERVICE

main(SERVICE)
