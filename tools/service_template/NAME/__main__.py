"""`python -m NAME`: one process of the service."""

from common.process.main import main
from NAME.app import APP

if __name__ == "__main__":
    main(APP)
