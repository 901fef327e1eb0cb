"""The declaration of the service: start reading here, then the tables of its aggregates."""

from typing import Final

from common.declare.service import Service
from labels.applications.table import APPLICATIONS
from labels.cohorts.table import COHORT_YEARS
from labels.events import LabelApplied, LabelExpired, LabelGranted, LabelRefused, LabelWaitlisted
from labels.places.cohort import COHORTS
from labels.places.waiting import TURNS, WAITING

SERVICE: Final = Service(
    name="labels",
    title="Label #croissance connectée : charte, candidatures, cohortes et registre public",
    aggregates=(APPLICATIONS, COHORT_YEARS),
    publishes=(LabelApplied, LabelGranted, LabelRefused, LabelWaitlisted, LabelExpired),
    pools=(COHORTS, WAITING, TURNS),
)
