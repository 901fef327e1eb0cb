"""What the rules of this folder are about: the fields they need of others' events, their commands, their deadlines."""

import msgspec

from common.declare.inputs import Command, Consumed


class Company(msgspec.Struct, frozen=True, gc=False):
    """The part of a company's profile that counts here."""

    region: str


class CompanyRegistered(Consumed, frozen=True):
    """A company is known to the register (service *companies*)."""

    company: Company


class Note(Command, frozen=True):
    """A company notes what it wants. Key: its SIREN."""

    wish: str
