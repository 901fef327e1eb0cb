"""`python -m labels`: run the service."""

from common.runtime import main
from labels.service import SERVICE

main(SERVICE)
