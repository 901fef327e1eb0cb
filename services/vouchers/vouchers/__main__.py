"""`python -m vouchers`: run the service."""

from common.process.start import start

start("vouchers.app")
