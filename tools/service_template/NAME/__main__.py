"""`python -m NAME`: one process of the service."""

from common.process.start import start

if __name__ == "__main__":
    start("NAME.app")
