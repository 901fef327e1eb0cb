"""`python -m diagnostic`: run the service."""

from common.process.start import start

start("diagnostic.app")
