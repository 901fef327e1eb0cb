"""What a file asks of its envelope and an envelope of those who wait."""

from common.declare.inputs import FollowUp


class ServeWaiting(FollowUp, frozen=True):
    """The envelope has money that a waiting file could take: offer it to those who are next."""


class OfferRelease(FollowUp, frozen=True):
    """Money came back and this waiting file is next: serve it if it still waits and still fits."""

    voucher_id: str
