"""The table of a programme year."""

from typing import Final

from common.declare.aggregate import Aggregate, Nothing, nothing, on
from labels.cohorts.cap import its_places, set_cap
from labels.cohorts.inputs import PlacesOpen, ServeWaitingList, SetCohortCap
from labels.cohorts.serving import await_places, open_places, serve, the_list, whose_turn
from labels.places.asking import AwaitOpening

COHORT_YEARS: Final[Aggregate[Nothing]] = Aggregate(
    "cohorts",
    Nothing,
    nothing,
    (
        on(SetCohortCap, set_cap, pools=its_places),
        on(AwaitOpening, await_places),
        on(PlacesOpen, open_places, pools=the_list),
        on(ServeWaitingList, serve, pools=whose_turn),
    ),
)
