"""One-click unsubscription (RFC 8058): signed links name a contact by an opaque reference, never by its address."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

_SALT: Final = "notifications/unsubscribe"
PATH: Final = "/v1/unsubscribe"


class UnsubscribeLinks:
    """Makes and reads the links. The newest key signs, every key verifies."""

    def __init__(self, keys: Sequence[str], public_url: str) -> None:
        self._serializer = URLSafeSerializer(list(keys), salt=_SALT)
        self._base = f"{public_url}{PATH}?token="

    def make(self, ref: UUID) -> str:
        """The link that unsubscribes the contact `ref`."""
        return self._base + quote(str(self._serializer.dumps(ref.hex)))

    def read(self, token: str) -> UUID | None:
        """The contact a token names; None when it is not one of ours."""
        try:
            return UUID(hex=str(self._serializer.loads(token)))
        except (BadSignature, ValueError):
            return None
