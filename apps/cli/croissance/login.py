"""How the command line logs in to the broker: with the settings of the services. The only place that does."""

import os
from typing import Any

from common.declare.errors import Misconfigured
from common.kafka.client import KafkaSettings, client_options
from common.process.settings import Settings, read_settings
from croissance.console import fail


def kafka_settings(bootstrap: str) -> KafkaSettings:
    """How to reach the broker at `bootstrap`: account, password and certificates are those of the environment.

    Raises:
        typer.Exit: a setting of the environment cannot work; people are told which.
    """
    try:
        settings = read_settings(Settings).kafka
    except Misconfigured as error:
        fail(f"réglages de l’environnement : {error}")
    if settings.security_protocol != "PLAINTEXT" and not settings.sasl_username:
        fail(f"le courtier demande un compte ({settings.security_protocol})", "Donnez CROISSANCE_KAFKA__SASL_USERNAME.")
    if settings.ca_file and not os.access(settings.ca_file, os.R_OK):
        fail(f"certificats illisibles : {settings.ca_file}", "Corrigez CROISSANCE_KAFKA__CA_FILE.")
    return settings.model_copy(update={"bootstrap_servers": bootstrap})


def broker_options(bootstrap: str) -> dict[str, Any]:
    """The connection arguments of a client of the broker at `bootstrap`: see `kafka_settings`."""
    return client_options(kafka_settings(bootstrap))
