"""`python -m cluster`: follow deploy/README.md line by line on a real API server; exit 1 when a line fails.

kube-apiserver and etcd are real, and so are the operators' definitions of their kinds: what they refuse here, a cluster
refuses. Nobody works for the server: what operators, controllers and the kubelet would do is played (`played.py`).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from .parts import KUBERNETES, MissingError, ensure
from .played import Kubectl, play, secrets_that_nobody_makes
from .readme import Command, commands
from .server import api_server

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE: Final = "croissance"
PATIENCE: Final = 120.0
"""Seconds for a command."""

SKIPPED: Final = (
    (
        r"^One machine: Compose\n",
        "",
        "needs a Docker engine; tests/architecture/test_deploy.py has Compose read the file",
    ),
    (r"", r"^kubectl .*\blogs\b", "needs a kubelet, which runs the container"),
)
"""Section and command → why it cannot be followed without more than a server."""

KNOWN: Final = ("metadata.name: this is used in Pod names and hostnames",)
"""Warnings of the server that are lived with: the name of the provisioning Job ends in the version, which has dots."""


Fate = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: passed, failed or skipped, and why."""

    fate: Fate
    why: str = ""


def skipped(command: Command) -> str:
    """Why a command is not followed here; "" when it is."""
    section = "\n".join((*command.section, ""))
    reasons = [why for where, what, why in SKIPPED if re.search(where, section) and re.search(what, command.text)]
    return reasons[0] if reasons else ""


def shell(text: str, folder: Path, kubeconfig: Path) -> Outcome:
    """Run a command as a reader would, in a folder that looks like the repository."""
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}  # noqa: TID251  as a shell has it
    command = ["bash", "-euo", "pipefail", "-c", text]
    try:
        done = subprocess.run(  # noqa: S603  the lines of our own document
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return Outcome("failed", f"no answer within {PATIENCE:.0f} s")
    told = [line for line in done.stderr.splitlines() if line.startswith("Warning:")]
    warnings = [line for line in told if not any(known in line for known in KNOWN)]
    if done.returncode or warnings:
        return Outcome("failed", done.stderr.strip() if done.returncode else "\n".join(warnings))
    return Outcome("passed", "\n".join(told))


def follow(
    found: Sequence[Command], folder: Path, kubeconfig: Path, kubectl: Kubectl
) -> Iterator[tuple[Command, Outcome]]:
    """Each command and what became of it. Whoever waits or reads finds what operators made of the lines above."""
    for command in found:
        why = skipped(command)
        if why:
            yield command, Outcome("skipped", why)
            continue
        if re.search(r"\b(wait|get)\b", command.text):
            play(kubectl)
        yield command, shell(command.text, folder, kubeconfig)


def next_version(found: Sequence[Command], folder: Path, kubeconfig: Path) -> Outcome:
    """What the document says in words: change IMAGE_TAG and apply again."""
    overlay = folder / "deploy" / "k8s" / "overlays" / "production" / "kustomization.yaml"
    text = overlay.read_text("utf-8")
    overlay.write_text(re.sub(r"IMAGE_TAG=\S+", "IMAGE_TAG=99.0.0", text), "utf-8")
    (apply,) = [command.text for command in found if "apply --kustomize" in command.text]
    return shell(apply, folder, kubeconfig)


def every_secret(kubectl: Kubectl) -> Outcome:
    """Whether each secret that a pod reads was made by a line or by an operator."""
    play(kubectl)
    missing = secrets_that_nobody_makes(kubectl)
    return Outcome("failed", f"nobody makes {', '.join(sorted(missing))}") if missing else Outcome("passed")


def tell(where: str, what: str, outcome: Outcome) -> None:
    """One line, and the reason below it."""
    mark = {"passed": "✔", "failed": "✘", "skipped": "–"}[outcome.fate]
    first, *rest = what.splitlines()
    print(f"{mark} {where:24} {first}{' …' if rest else ''}")
    for line in outcome.why.splitlines():
        print(f"  {'':24} {line}")
    sys.stdout.flush()


def check(deploy: Path, parts: Path) -> dict[Fate, int]:
    """Follow the README of a folder of the deployment; how many lines passed, failed, were skipped."""
    counts: dict[Fate, int] = {"passed": 0, "failed": 0, "skipped": 0}
    found = list(commands((deploy / "README.md").read_text("utf-8")))
    with tempfile.TemporaryDirectory(prefix="cluster-") as scratch:
        folder = Path(scratch) / "repository"
        shutil.copytree(deploy, folder / "deploy")
        with api_server(parts, Path(scratch)) as kubeconfig:

            def kubectl(*arguments: str, text: str = "") -> str:
                command = ["kubectl", "--kubeconfig", str(kubeconfig), "--namespace", NAMESPACE, *arguments]
                done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603
                return done.stdout

            kubectl("apply", "--server-side", "--filename", str(parts / "kinds"))
            kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
            for command, outcome in follow(found, folder, kubeconfig, kubectl):
                counts[outcome.fate] += 1
                tell(f"README.md:{command.line}", command.text, outcome)
            more = {
                "another IMAGE_TAG, applied again": next_version(found, folder, kubeconfig),
                "every secret that a pod reads": every_secret(kubectl),
            }
            for what, outcome in more.items():
                counts[outcome.fate] += 1
                tell("in words", what, outcome)
    return counts


def main() -> int:
    """Make the parts if they are not there, follow the document, say what passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deploy", type=Path, default=ROOT / "deploy", help="the folder of the deployment")
    deploy: Path = parser.parse_args().deploy
    for program in ("kubectl", "openssl", "bash"):
        if shutil.which(program) is None:
            print(f"{program} is not installed: nothing was followed", file=sys.stderr)
            return 2
    began = time.monotonic()
    try:
        parts = ensure(lambda text: print(text, file=sys.stderr))
    except MissingError as error:
        print(f"{error}\nNothing was followed.", file=sys.stderr)
        return 2
    counts = check(deploy, parts)
    told = ", ".join(f"{count} {fate}" for fate, count in counts.items())
    print(f"kube-apiserver {KUBERNETES}: {told}, in {time.monotonic() - began:.0f} s")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
