"""The HTTP doors of vouchers.

routes.py  apply for a chèque, decide on files, read files, envelopes and the ledger
bodies.py  what people send
"""

from vouchers.api.routes import routes

__all__ = ["routes"]
