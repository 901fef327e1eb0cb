"""`python -m vouchers`: one process of the service."""

from common.runtime import main
from vouchers.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)
