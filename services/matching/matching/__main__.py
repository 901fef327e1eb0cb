"""`python -m matching`: run the service."""

from common.process.main import main
from matching.app import APP

main(APP)
