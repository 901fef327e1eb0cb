"""A service that uses what the counter and its readers do not: foreign topics, whole topics, several outputs, pools."""

from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace

from common.declare.aggregate import NOTHING, Aggregate, Foreign, Nothing, nothing, on
from common.declare.decision import Decision, Follow
from common.declare.event import Event, PassedOn
from common.declare.inputs import Command, Consumed, FollowUp, Undecoded
from common.declare.message import Message
from common.declare.pool import Pool, Pools, Ref, View
from common.declare.service import Service

PARTNERS: Final = Foreign("partner", "updates.v1")
ARCHIVE: Final = "croissance.archive.v1"
PUBLIC: Final = "croissance.public.v1"


class Bought(Event, frozen=True, kw_only=True):
    """A seat was taken; `left` remain."""

    KEY: ClassVar[str] = "key"
    key: str
    left: int


class Announced(Event, frozen=True, kw_only=True):
    """The same, told on another topic."""

    KEY: ClassVar[str] = "key"
    key: str


class Buy(Command, frozen=True):
    """Take a seat of a room; `also`: of another one too, which the declaration does not foresee."""

    room: str
    also: str = ""


class Leave(Command, frozen=True):
    """Give the seat back: whoever waits first gets it."""

    room: str


class Offered(FollowUp, frozen=True):
    """A seat of a room is free for this key."""

    room: str


class Updated(Consumed, frozen=True):
    """What a partner says of a key."""

    name: str


class Guest(msgspec.Struct, frozen=True):
    """State of a key."""

    rooms: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    waiting: bool = False


class Room(msgspec.Struct, frozen=True):
    """Seats that many keys draw on, and who waits for one."""

    left: int = 2
    waiting: tuple[str, ...] = ()


ROOMS: Final[Pool[Room]] = Pool("rooms", Room, lambda _: Room())
PRICES: Final[View[int]] = View("prices")


def its_room(message: Message[Buy], _: Guest) -> tuple[Ref, ...]:
    """The room that is asked for; one named « ? » cannot be told."""
    if message.input.room == "?":
        raise LookupError("no such room")
    return (ROOMS.at(message.input.room),)


def buy(state: Guest, pools: Pools, message: Message[Buy]) -> Decision[Guest]:
    """Take a seat, or wait."""
    names = [name for name in (message.input.room, message.input.also) if name]
    rooms = {name: pools.get(ROOMS, name) for name in names}
    if any(room.left == 0 for room in rooms.values()):
        draws = tuple(ROOMS.drawn(n, replace(r, waiting=(*r.waiting, message.key))) for n, r in rooms.items())
        return Decision(replace(state, waiting=True), draws=draws, answer={"left": 0})
    taken = {name: replace(room, left=room.left - 1) for name, room in rooms.items()}
    left = taken[message.input.room].left
    return Decision(
        replace(state, rooms=(*state.rooms, *names), waiting=False),
        (Bought(key=message.key, left=left), Announced(key=message.key)),
        draws=tuple(ROOMS.drawn(name, room) for name, room in taken.items()),
        rows=(message.key,),
        answer={"left": left},
    )


def leave(state: Guest, pools: Pools, message: Message[Leave]) -> Decision[Guest]:
    """Give the seat back and tell the first who waits."""
    name = message.input.room
    room = pools.get(ROOMS, name)
    freed = Room(room.left + 1, room.waiting[1:])
    follow = tuple(Follow(key, Offered(name), "84") for key in room.waiting[:1])
    return Decision(replace(state, rooms=()), draws=(ROOMS.drawn(name, freed),), follow_ups=follow, answer={})


def offered(state: Guest, pools: Pools, message: Message[Offered]) -> Decision[Guest]:
    """Take the seat that came free."""
    name = message.input.room
    room = pools.get(ROOMS, name)
    return Decision(
        replace(state, rooms=(*state.rooms, name), waiting=False),
        (Bought(key=message.key, left=room.left - 1),),
        draws=(ROOMS.drawn(name, replace(room, left=room.left - 1)),),
    )


def updated(state: Guest, _: Pools, message: Message[Updated]) -> Decision[Guest]:
    """Remember what a partner says."""
    return Decision(replace(state, names=(*state.names, message.input.name)))


def archived(_: Nothing, pools: Pools, message: Message[Undecoded]) -> Decision[Nothing]:
    """Pass every record of the counter on, as it came."""
    record = message.input
    return Decision(
        NOTHING,
        (PassedOn(ARCHIVE, message.key, record.value, record.headers),),
        rows=(record.type, pools.view(PRICES)),
    )


def guest(_: str) -> Guest:
    """A key never seen."""
    return Guest()


GUESTS: Final = Aggregate(
    "guests",
    Guest,
    guest,
    (
        on(Buy, buy, pools=its_room),
        on(Leave, leave, pools=lambda message, _: (ROOMS.at(message.input.room),)),
        on(Offered, offered),
        on(Updated, updated, of=PARTNERS),
    ),
)
LOG: Final = Aggregate("log", Nothing, nothing, (on(Undecoded, archived, of="counter"),))

INN: Final = Service(
    name="inn",
    title="Auberge d'essai",
    aggregates=(GUESTS, LOG),
    publishes=(Bought,),
    also={PUBLIC: (Announced,)},
    passes=(ARCHIVE,),
    pools=(ROOMS,),
    views=(PRICES,),
)
