"""The configurable figures of mail: every one is our default, changed by `CROISSANCE_NOTIFICATIONS__…`."""

from datetime import time, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from common.declare.errors import Misconfigured
from common.process.settings import Settings
from notifications.mail.letters import read_person
from notifications.mail.rendering import Site
from notifications.mail.smtp import is_greeting, read_url
from notifications.ruleset import Ruleset


def _readable_url(url: SecretStr) -> SecretStr:
    read_url(url.get_secret_value())
    return url


def _greeting(name: str) -> str:
    if name and not is_greeting(name):
        raise ValueError("expected a full domain name, or an address in brackets")
    return name


def _person(text: str) -> str:
    if text:
        read_person(text)
    return text


def _address(text: str) -> str:
    return read_person(text).address


Person = Annotated[str, AfterValidator(_person)]
Address = Annotated[str, AfterValidator(_address)]


class SmtpSettings(BaseModel):
    """Where mail goes: `smtp://[user:password@]host:port`, `smtps://…` for TLS from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[SecretStr, AfterValidator(_readable_url)] = SecretStr("smtp://127.0.0.1:1025")
    greeting: Annotated[
        str,
        AfterValidator(_greeting),
        Field(description="name in EHLO; empty: that of this machine where it is a full one, else the sender's domain"),
    ] = ""


class MailSettings(BaseModel):
    """How mails are grouped, limited, sent and tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sending: Annotated[bool, Field(description="false: messages are recorded and none is sent by this process")] = True
    sender: Annotated[Person, Field(min_length=1, description="From, as `Name <address>`")] = (
        "Croissance connectée <ne-pas-repondre@croissance-connectee.example>"
    )
    reply_to: Annotated[Person, Field(description="address people may answer to; empty: none")] = ""

    gather_seconds: Annotated[
        float, Field(ge=0, le=3600, description="ordinary messages of one wave wait so long for each other")
    ] = 2.0
    ordinary_mails_per_week: Annotated[int, Field(ge=0, description="per company, rolling 7 days; 0: no limit")] = 2
    quiet_hours: Annotated[bool, Field(description="no ordinary mail between quiet_from and quiet_until")] = False
    quiet_from: time = time(20)
    quiet_until: time = time(8)
    late_contact_days: Annotated[
        float, Field(ge=0, description="a message without a contact waits so long for one; 0: it is never sent")
    ] = 7.0
    appeal_to: Annotated[
        Address, Field(description="address that takes the appeals against a refusal, as mails say")
    ] = "recours@croissance-connectee.example"
    appeal_months: Annotated[int, Field(ge=1, le=24, description="how long after its reception one may appeal")] = 2

    connections: Annotated[int, Field(ge=1, le=50, description="SMTP connections kept open by one process")] = 8
    batch_mails: Annotated[int, Field(ge=1, le=2000, description="companies served in one turn of the sender")] = 200
    mails_per_second: Annotated[float, Field(ge=0, description="most mails a second of one process; 0: no limit")] = 0.0
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.25
    timeout_seconds: Annotated[float, Field(gt=0, le=300, description="of one SMTP command")] = 30.0
    lease_seconds: Annotated[
        float, Field(ge=60, description="after so long a mail whose sender died is sent again, same Message-ID")
    ] = 300.0
    max_attempts: Annotated[int, Field(ge=1, le=50, description="temporary refusals (4xx) before giving up")] = 8
    retry_seconds: Annotated[float, Field(gt=0, description="pause after the first temporary refusal; doubles")] = 60.0
    retry_max_seconds: Annotated[float, Field(gt=0, description="longest pause")] = 6 * 3600.0

    @model_validator(mode="after")
    def _can_work_together(self) -> "MailSettings":
        faults: list[str] = []
        if self.lease_seconds <= self.timeout_seconds:
            faults.append("lease_seconds must be above timeout_seconds: a mail under way would be sent twice")
        if self.retry_max_seconds < self.retry_seconds:
            faults.append("retry_max_seconds must not be below retry_seconds")
        if self.quiet_hours and self.quiet_from == self.quiet_until:
            faults.append("quiet_from and quiet_until are the same: no hour would be quiet")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def site(self, public_url: str) -> Site:
        """Where links of mails lead, and whom people may write to."""
        help_to = read_person(self.reply_to).address if self.reply_to else ""
        return Site(public_url.rstrip("/"), self.appeal_to, self.appeal_months, help_to)

    @property
    def ruleset(self) -> Ruleset:
        """The figures that decide when waiting messages leave."""
        return Ruleset(
            gather=timedelta(seconds=self.gather_seconds),
            per_week=self.ordinary_mails_per_week,
            quiet=(self.quiet_from, self.quiet_until) if self.quiet_hours else None,
            lease=timedelta(seconds=self.lease_seconds),
        )


class NotificationSettings(Settings):
    """Everything a process of this service reads from its environment."""

    smtp: SmtpSettings = SmtpSettings()
    notifications: MailSettings = MailSettings()

    @field_validator("public_url")
    @classmethod
    def _can_be_a_link(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("links of mails begin with it: expected http(s)://host[:port][/path]")
        return url


def settings_of(settings: Settings) -> NotificationSettings:
    """The settings of a process, which `App.settings` made.

    Raises:
        Misconfigured: it was started with those of another service.
    """
    if not isinstance(settings, NotificationSettings):
        raise Misconfigured(f"notifications needs NotificationSettings, not {type(settings).__name__}")
    return settings
