"""`python -m notifications`: run the service."""

from common.process.main import main
from notifications.app import APP

main(APP)
