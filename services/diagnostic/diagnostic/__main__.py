"""`python -m diagnostic`: run this service."""

from common.process.main import main
from diagnostic.app import APP

main(APP)
