"""What this service publishes on `croissance.labels.v1`. Key: the SIREN."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from common.declare.event import Event

Siren = Annotated[str, Field(pattern=r"^\d{9}$", description="SIREN of the company")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", description="UUID")]
Year = Annotated[int, Field(ge=2000, le=2999, description="calendar year, Europe/Paris")]
Region = Annotated[str, Field(pattern=r"^(\d{2})?$", description="INSEE code of the region, empty when unknown")]


class LabelApplied(Event, frozen=True, kw_only=True):
    """A company filed an application; its outcome follows in the same breath."""

    siren: Siren
    application_id: Id
    charter_version: str
    region: Region = ""


class LabelGranted(Event, frozen=True, kw_only=True):
    """The label is granted until `expires_at`; `rank` is the company's place in its cohort."""

    siren: Siren
    label_id: Id
    cohort_year: Year
    rank: Annotated[int, Field(ge=1, description="order of the grant in the cohort")]
    score: Annotated[int, Field(ge=0, le=100, description="points of the file")]
    exemplary: Annotated[bool, Field(description="the file has the mention « exemplaire »")]
    granted_at: datetime
    expires_at: datetime
    verification_path: Annotated[str, Field(pattern="^/", description="path that anybody can verify the label at")]
    region: Region
    name: Annotated[str | None, Field(description="name of the company, null when it may not be shown")]


class LabelRefused(Event, frozen=True, kw_only=True):
    """An application does not fulfil the admission rules. `reasons` are French sentences, one for each of `codes`."""

    siren: Siren
    application_id: Id
    reasons: Annotated[tuple[str, ...], Field(min_length=1)]
    codes: Annotated[tuple[str, ...], Field(min_length=1)]
    region: Region = ""


class LabelWaitlisted(Event, frozen=True, kw_only=True):
    """An admissible application waits for a place; `position` 1 is the next to be served."""

    siren: Siren
    application_id: Id
    cohort_year: Year
    position: Annotated[int, Field(ge=1)]
    region: Region = ""


class LabelExpired(Event, frozen=True, kw_only=True):
    """A label came to the end of its validity without being renewed."""

    siren: Siren
    label_id: Id
    expired_at: datetime
    region: Region = ""
