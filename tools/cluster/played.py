"""What operators and controllers would do, played: there is an API server here, and nobody who works for it.

Only what the manifests ask for is played, under the names that they give, so that a line that waits for something else
waits in vain.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from common.core import clock

Kubectl = Callable[..., str]
"""Runs kubectl in the namespace of the project and returns what it printed."""

BROKER_CA: Final = "croissance-cluster-ca-cert"


def items(kubectl: Kubectl, kind: str) -> list[dict[str, Any]]:
    """Every object of a kind."""
    return json.loads(kubectl("get", kind, "--output", "json"))["items"]


def status(kubectl: Kubectl, kind: str, name: str, content: Mapping[str, Any]) -> None:
    """Write the status of an object, as who works for it would."""
    patch = json.dumps({"status": content})
    kubectl("patch", kind, name, "--subresource", "status", "--type", "merge", "--patch", patch)


def secret(kubectl: Kubectl, name: str, **content: str) -> None:
    """Make a secret as an operator would."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    kubectl("apply", "--filename", "-", text=json.dumps(document))


def play(kubectl: Kubectl) -> None:
    """Finish every Job (controller and kubelet); answer every account, the broker (Strimzi), the database (CNPG)."""
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    there = {item["metadata"]["name"] for item in items(kubectl, "secret")}
    for job in items(kubectl, "job"):
        if not job.get("status", {}).get("conditions"):
            done = [
                {"type": kind, "status": "True", "reason": "Played", "message": "", "lastTransitionTime": now}
                for kind in ("SuccessCriteriaMet", "Complete")
            ]
            content = {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": done}
            status(kubectl, "job", job["metadata"]["name"], content)
    for user in items(kubectl, "kafkauser"):
        name = user["metadata"]["name"]
        if name not in there:
            secret(kubectl, name, password="played")  # noqa: S106  nobody's
            status(kubectl, "kafkauser", name, {"conditions": [{"type": "Ready", "status": "True"}], "secret": name})
    for broker in items(kubectl, "kafka"):
        listeners = [
            {"name": listener["name"], "bootstrapServers": f"played:{listener['port']}"}
            for listener in broker["spec"]["kafka"]["listeners"]
        ]
        status(kubectl, "kafka", broker["metadata"]["name"], {"listeners": listeners})
        if BROKER_CA not in there:
            secret(kubectl, f"{broker['metadata']['name']}-cluster-ca-cert", **{"ca.crt": "played"})
    for database in items(kubectl, "clusters.postgresql.cnpg.io"):
        if f"{database['metadata']['name']}-app" not in there:
            secret(kubectl, f"{database['metadata']['name']}-app", uri="played")


def secrets_that_nobody_makes(kubectl: Kubectl) -> set[str]:
    """Secrets that pods read (and no README line and no operator made)."""
    read: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, dict):
            found: dict[str, Any] = part  # pyright: ignore[reportUnknownVariableType]
            for key, value in found.items():
                if key == "secretKeyRef":
                    read.add(value["name"])
                look(value)
        elif isinstance(part, list):
            for value in part:  # pyright: ignore[reportUnknownVariableType]
                look(value)

    for kind in ("deployment", "job", "cronjob"):
        look(items(kubectl, kind))
    return read - {item["metadata"]["name"] for item in items(kubectl, "secret")}
