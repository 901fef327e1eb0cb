"""What the environment says of the broker and cannot work is said in a sentence, by the variable to correct."""

import pytest
import typer

from common.kafka.client import KafkaSettings
from croissance.login import broker_options, kafka_settings

ACCOUNT = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": "operator", "SASL_PASSWORD": "secret"}


def set_all(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CROISSANCE_KAFKA__{name}", value)


def test_the_account_is_that_of_the_environment_and_the_address_that_of_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, ACCOUNT | {"BOOTSTRAP_SERVERS": "elsewhere:9092"})
    options = broker_options("kafka:9093")
    assert options["bootstrap_servers"] == "kafka:9093"
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("operator", "secret")


def test_without_settings_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECURITY_PROTOCOL", "SASL_USERNAME", "SASL_PASSWORD", "CA_FILE"):
        monkeypatch.delenv(f"CROISSANCE_KAFKA__{name}", raising=False)
    assert kafka_settings("kafka:9092").security_protocol == KafkaSettings().security_protocol == "PLAINTEXT"


@pytest.mark.parametrize(
    "wrong",
    [
        {"SECURITY_PROTOCOL": "SASL"},
        {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": ""},
        {**ACCOUNT, "CA_FILE": "/nowhere/ca.pem"},
    ],
)
def test_what_cannot_work_is_named(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all(monkeypatch, wrong)
    with pytest.raises(typer.Exit):
        broker_options("kafka:9093")
    told = capsys.readouterr()
    assert "CROISSANCE_KAFKA__" in told.err + told.out
