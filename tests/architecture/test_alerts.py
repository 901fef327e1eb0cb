"""Alerts fire, and end, over what the metrics of a real trouble look like: judged by Prometheus' own `promtool`."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
PROMTOOL = shutil.which("promtool")
PUBLISHED = "https://croissance-connectee.example/"
"""Where the folder docs/ is published."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    return group["rules"]


def promtool(*arguments: str) -> None:
    if PROMTOOL is None:
        pytest.skip("machine: promtool is not there (it comes with Prometheus; Debian: the package prometheus)")
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Life(NamedTuple):
    """A trouble: what is scraped each minute, and at which minutes the alert fires, and for whom."""

    alert: str
    series: dict[str, str]
    fires: dict[str, list[dict[str, str]]]


VOUCHERS = {"job": "vouchers"}
HERE = {"job": "vouchers", "instance": "a"}
LIVES = {
    "a number is missing, then sent again": Life(
        "CroissanceSequenceGap",
        {'croissance_sequence_gaps{job="vouchers", instance="a"}': "0x3 1x5 0x5"},
        {"3m": [], "4m": [], "5m": [HERE], "9m": [HERE], "10m": []},
    ),
    "a letter is open until it is settled, however long": Life(
        "CroissanceDeadLetters",
        {
            'croissance_dead_letters_open{job="vouchers", instance="a"}': "0x2 1x600 0x9",
            'croissance_dead_letters_open{job="vouchers", instance="b"}': "0x2 1x600 0x9",
            'croissance_dead_letters_open{job="labels", instance="c"}': "0x700",
        },
        {"2m": [], "3m": [VOUCHERS], "10h": [VOUCHERS], "10h5m": []},
    ),
    "nobody catches up": Life(
        "CroissanceLagNotFalling",
        {'croissance_consumer_lag{job="vouchers", topic="t"}': "2000x40"},
        {"5m": [], "20m": [{"job": "vouchers", "topic": "t"}]},
    ),
    "much is read, less each minute": Life(
        "CroissanceLagNotFalling",
        {'croissance_consumer_lag{job="vouchers", topic="t"}': "90000-100x40"},
        {"20m": [], "40m": []},
    ),
    "the broker is frozen: nothing fails, nothing goes out; then it goes on": Life(
        "CroissanceOutboxWaiting",
        {
            'croissance_unpublished_seconds{job="vouchers", instance="a"}': "0x2 10+60x10 0x9",
            'croissance_unpublished_seconds{job="vouchers", instance="b"}': "0x2 9+60x10 0x9",
            'croissance_relay_failures_total{job="vouchers", instance="a"}': "0x30",
            'croissance_events_published_total{job="vouchers", instance="a"}': "70x30",
        },
        {"3m": [], "4m": [], "5m": [VOUCHERS], "13m": [VOUCHERS], "14m": []},
    ),
    "the broker refuses: the relay starts over again and again": Life(
        "CroissanceOutboxWaiting",
        {
            'croissance_relay_failures_total{job="vouchers"}': "0x2 2+2x20",
            'croissance_unpublished_seconds{job="vouchers"}': "0x30",
        },
        {"2m": [], "8m": [VOUCHERS]},
    ),
    "a process starts again and again": Life(
        "CroissanceRestartLoop",
        {'croissance_batch_seconds_created{job="vouchers", instance="a"}': "5x3 60 120 180 240 240x20"},
        {"3m": [], "7m": [HERE], "22m": []},
    ),
    "a process does not answer": Life(
        "CroissanceProcessDown",
        {'up{part_of="croissance", job="vouchers", instance="a"}': "1x2 0x5 1x3"},
        {"4m": [], "5m": [{**HERE, "part_of": "croissance"}], "9m": []},
    ),
    "the only process of a service is gone, with its target": Life(
        "CroissanceServiceGone",
        {
            'up{part_of="croissance", job="vouchers", instance="a"}': "1x5 stale",
            'up{part_of="croissance", job="labels", instance="b"}': "1x600",
        },
        {"5m": [], "7m": [], "8m": [VOUCHERS], "6h": [VOUCHERS], "6h10m": []},
    ),
    "one of two processes is gone": Life(
        "CroissanceServiceGone",
        {
            'up{part_of="croissance", job="vouchers", instance="a"}': "1x5 stale",
            'up{part_of="croissance", job="vouchers", instance="b"}': "1x60",
        },
        {"20m": []},
    ),
    "all is gone": Life(
        "CroissanceGone",
        {
            'up{part_of="croissance", job="vouchers", instance="a"}': "1x5 stale",
            'up{part_of="another", job="vouchers", instance="a"}': "1x30",
        },
        {"5m": [], "9m": [{"part_of": "croissance"}]},
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_an_alert_fires_as_long_as_its_trouble_lasts(name: str, tmp_path: Path) -> None:
    life = LIVES[name]
    bare = [{key: value for key, value in rule.items() if key != "annotations"} for rule in rules()]
    (severity,) = [rule["labels"]["severity"] for rule in bare if rule["alert"] == life.alert]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": bare}]}), "utf-8")
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in life.series.items()],
        "alert_rule_test": [
            {
                "eval_time": at,
                "alertname": life.alert,
                "exp_alerts": [{"exp_labels": {**labels, "severity": severity}} for labels in alerts],
            }
            for at, alerts in life.fires.items()
        ],
    }
    file = tmp_path / "test.yml"
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]}
    file.write_text(yaml.safe_dump(document), "utf-8")

    promtool("test", "rules", str(file))


def test_every_alert_is_tried_both_ways() -> None:
    for rule in rules():
        seen = [
            bool(alerts) for life in LIVES.values() if life.alert == rule["alert"] for alerts in life.fires.values()
        ]
        assert {True, False} <= set(seen), rule["alert"]


def test_prometheus_reads_the_rules_with_their_texts() -> None:
    promtool("check", "rules", str(FOLDER / "alerts.yml"))


def test_every_alert_leads_to_a_page_of_the_runbook_from_wherever_it_is_read() -> None:
    for rule in rules():
        address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert address.startswith(PUBLISHED)
        text = (ROOT / address.removeprefix(PUBLISHED)).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        pages = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in pages, rule["alert"]
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_the_board_shows_what_every_alert_looks_at_and_which_fire() -> None:
    board = json.loads((FOLDER / "grafana" / "croissance.json").read_text("utf-8"))
    shown = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    for rule in rules():
        looked_at = set(re.findall(r"\bcroissance_\w+|\bup\b", rule["expr"]))
        assert looked_at
        assert [name for name in looked_at if name not in shown] == [], rule["alert"]
    assert 'ALERTS{alertname=~"Croissance.+", alertstate="firing"}' in shown
    assert all(rule["alert"].startswith("Croissance") for rule in rules())
