"""The configurable figures of mail: every one is our default, changed by `CROISSANCE_NOTIFICATIONS__…`."""

from datetime import time, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from common.declare.errors import Misconfigured
from common.process.settings import Settings
from notifications.ruleset import Ruleset


class SmtpSettings(BaseModel):
    """Where mail goes: `smtp://[user:password@]host:port`, `smtps://…` for TLS from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = SecretStr("smtp://127.0.0.1:1025")


class MailSettings(BaseModel):
    """How mails are grouped, limited, sent and tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sending: Annotated[bool, Field(description="false: messages are recorded and none is sent by this process")] = True
    sender: Annotated[str, Field(description="From, as `Name <address>`")] = (
        "Croissance connectée <ne-pas-repondre@croissance-connectee.example>"
    )
    reply_to: Annotated[str, Field(description="address people may answer to; empty: none")] = ""

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
    diagnostic_valid_months: Annotated[
        int, Field(ge=1, description="how long a diagnosis opens the label and the chèque, as mails say")
    ] = 12

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


def settings_of(settings: Settings) -> NotificationSettings:
    """The settings of a process, which `App.settings` made.

    Raises:
        Misconfigured: it was started with those of another service.
    """
    if not isinstance(settings, NotificationSettings):
        raise Misconfigured(f"notifications needs NotificationSettings, not {type(settings).__name__}")
    return settings
