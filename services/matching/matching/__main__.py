"""`python -m matching`: run the service."""

from common.runtime import main
from matching.service import SERVICE

main(SERVICE)
