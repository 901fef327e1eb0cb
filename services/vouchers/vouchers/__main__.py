"""`python -m vouchers`: one process of the service."""

from common.process.main import main
from vouchers.app import APP

if __name__ == "__main__":
    main(APP)
