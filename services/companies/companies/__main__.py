"""`python -m companies`: run the service."""

from common.process.start import start

start("companies.app")
