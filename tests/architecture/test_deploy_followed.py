"""The document of the deployment is followed on a real API server, where one was built (`make deploy-check`)."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from cluster.__main__ import skipped  # noqa: E402
from cluster.parts import home  # noqa: E402
from cluster.readme import Command, commands  # noqa: E402

README = ROOT / "deploy" / "README.md"
built = pytest.mark.skipif(
    shutil.which("kubectl") is None or not home().is_dir(),
    reason="machine: no kubectl, or no API server (make deploy-check builds one in ten minutes)",
)
PAGE = """# A page

```sh
before a section  # a comment
```

## First

Words.

```yaml
no: command
```

### Inner

```sh
# only a comment
one | two \\
  | three 'with # inside'

four
```

## Second

```sh
five
```
"""


def test_commands_are_read_as_a_reader_pastes_them() -> None:
    assert list(commands(PAGE)) == [
        Command((), 4, "before a section"),
        Command(("First", "Inner"), 19, "one | two \\\n  | three 'with # inside'"),
        Command(("First", "Inner"), 22, "four"),
        Command(("Second",), 28, "five"),
    ]


def test_no_line_of_the_page_is_skipped_without_need() -> None:
    found = list(commands(README.read_text("utf-8")))
    assert len(found) == sum(len(re.findall(r"^\S", block, re.MULTILINE)) for block in blocks()) - comments()
    left = [command for command in found if skipped(command)]
    assert {command.section[0] for command in left} == {"One machine: Compose", "Kubernetes"}
    assert [c.text.split()[3] for c in left if c.section[0] == "Kubernetes"] == ["logs"]
    assert len(found) - len(left) > 10


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def comments() -> int:
    return sum(line.startswith("#") for block in blocks() for line in block.splitlines())


def followed(deploy: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", "--deploy", str(deploy)]
    return subprocess.run(command, cwd=ROOT / "tools", capture_output=True, text=True, check=False)


@built
def test_every_line_passes_on_a_real_server() -> None:
    done = followed(ROOT / "deploy")
    assert (done.returncode, "✘" in done.stdout) == (0, False), done.stdout + done.stderr


OWN_NAME = """      - select: {kind: Job}  # a Job cannot be changed: each version has its own
        fieldPaths: [metadata.name]
        options: {delimiter: "-", index: 2}
"""
BROKEN = [
    ("k8s/partners/kustomization.yaml", "type: loadbalancer", "type: balancer", "Unsupported value"),
    ("k8s/base/postgres.yaml", "inRoles:", "roles:", 'unknown field "spec.managed.roles[0].roles"'),
    ("k8s/base/cli.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "would violate PodSecurity"),
    (
        "README.md",
        "generic croissance-reader",
        "generic croissance-looker",
        "nobody makes croissance-db-app, croissance-reader",
    ),
    ("k8s/overlays/production/kustomization.yaml", OWN_NAME, "", "field is immutable"),
]
"""File, what stands there, what is put in its place → what the server says."""


@built
def test_what_a_cluster_refuses_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", broken)
    for file, right, wrong, _ in BROKEN:
        text = (broken / file).read_text("utf-8")
        assert right in text
        (broken / file).write_text(text.replace(right, wrong), "utf-8")
    done = followed(broken)
    assert done.returncode == 1, done.stdout + done.stderr
    assert [told for *_, told in BROKEN if told not in done.stdout] == [], done.stdout
