"""`python -m notifications`: run the service."""

from common.process.start import start

start("notifications.app")
