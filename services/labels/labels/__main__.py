"""`python -m labels`: run the service."""

from common.process.main import main
from labels.app import APP

main(APP)
