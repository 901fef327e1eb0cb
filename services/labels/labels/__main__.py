"""`python -m labels`: run the service."""

from common.process.start import start

start("labels.app")
