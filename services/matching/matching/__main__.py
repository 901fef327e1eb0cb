"""`python -m matching`: run the service."""

from common.process.start import start

start("matching.app")
