"""Links and commands that people are given lead somewhere: mails of a demonstration, every `curl` of a README."""

import mailbox
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from croissance.main import app
from croissance.population import Population
from embedded.state import state_of

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # that is what detached means
]
ROOT = Path(__file__).resolve().parents[2]
READMES = sorted(ROOT.glob("services/*/README.md"))
RUNNER = CliRunner()
SIREN = "732829320"
PATIENCE = 60
"""Seconds that a fact may take to the service that a command asks."""


def croissance(*arguments: str) -> None:
    names = {name: None for name in os.environ if name.startswith("CROISSANCE_") and "CACHE" not in name}
    done = RUNNER.invoke(app, arguments, env=names)
    assert done.exit_code == 0, (done.stderr[-3000:], done.exception)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A running system, stopped at the end: what its supervisor wrote of it."""
    folder = tmp_path_factory.mktemp("links")
    croissance("up", "--detach", "--data", str(folder))
    croissance("demo", "--data", str(folder), "--companies", "60", "--json")
    state = state_of(folder)
    assert state is not None
    yield state
    croissance("down", "--data", str(folder))


def links_of(inbox: str, base: str) -> dict[str, set[str]]:
    """What the mails of an inbox link to in the installation, by path without what varies."""
    found: dict[str, set[str]] = {}
    with closing(mailbox.mbox(inbox, create=False)) as box:
        mails = list(box)
    for mail in mails:
        texts = [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]  # pyright: ignore[reportAttributeAccessIssue]
        texts.append(str(mail["List-Unsubscribe"] or ""))
        for text in texts:
            for link in re.findall(re.escape(base) + r"[^\s\"<>]*", text):
                kind = re.sub(r"[0-9a-f-]{36}|token=.*", "…", link.removeprefix(base))
                found.setdefault(kind, set()).add(link.rstrip("."))
    return found


def test_every_link_of_a_mail_leads_somewhere(system: dict[str, Any]) -> None:
    base = system["public_url"]
    found = links_of(system["inbox"], base)
    assert {"", "/v1/labels/…", "/v1/unsubscribe?…"} <= set(found), set(found)
    with httpx.Client(follow_redirects=True, timeout=30) as client:
        for links in found.values():
            for link in sorted(links)[:5]:
                assert client.get(link).status_code == 200, link
        one_click = min(found["/v1/unsubscribe?…"])
        assert client.post(one_click, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        label = client.get(min(found["/v1/labels/…"])).json()
        assert label["valid"]
        assert client.get(label["verification_url"]).json()["label_id"] == label["label_id"]


# --- the commands of the READMEs -------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    """Every curl of a README, the lines that set its variables before it: (service, script)."""
    for readme in READMES:
        for block in re.findall(r"```(?:sh|bash)\n(.*?)```", readme.read_text("utf-8"), re.DOTALL):
            settings = "\n".join(re.findall(r"^[A-Z]+=.*$", block, re.MULTILINE))
            for start in (match.start() for match in re.finditer(r"^curl ", block, re.MULTILINE)):
                rest = re.split(r"\n(?=curl |# |[A-Z]+=)", block[start:], maxsplit=1)[0]
                yield readme.parent.name, f"{settings}\n{rest}"


def settled(script: str, url: str) -> str:
    """What a script prints once it succeeds; what it asks of may be on its way for a while."""
    until = time.monotonic() + PATIENCE
    while True:
        text = re.sub(r"^curl ", "curl --silent --show-error --fail-with-body ", script, flags=re.MULTILINE)
        done = subprocess.run(
            ["/bin/sh", "-c", text], env={**os.environ, "URL": url}, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout
        assert time.monotonic() < until, (script, done.stdout, done.stderr)


def test_every_curl_of_a_readme_works(system: dict[str, Any]) -> None:
    found = list(commands())
    mentioned = sum(len(re.findall(r"^curl ", readme.read_text("utf-8"), re.MULTILINE)) for readme in READMES)
    assert len(found) == mentioned >= 12
    assert {service for service, _ in found} == {readme.parent.name for readme in READMES}
    url = system["public_url"]
    first = [script for service, script in found if service == "companies"]
    for script in first:
        assert SIREN in settled(script, url)
    answers = msgspec.json.decode(next(iter(Population(1).draw(0, 1))).answers)
    body = msgspec.json.encode({"siren": SIREN, "answers": answers}).decode()
    diagnosis = f"curl -L $URL/v1/diagnostics:submit -H 'content-type: application/json' -d '{body}'"
    assert "global_score" in settled(diagnosis, url)
    for _, script in found:
        if script not in first:
            settled(script, url)
