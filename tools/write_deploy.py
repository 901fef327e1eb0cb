"""Write what is deployed from the declarations: Compose, Kubernetes, Prometheus; `--check` tells drift.

Derived are `deploy/k8s/services` as a whole, and in files written by hand the lines between two marks. What the
declarations do not say of a service is in `deploy/k8s/services.toml`.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.declare.service import PARTITIONS, Service, topic_of
from common.postgres.connections import DatabaseSettings
from common.process.app import installed_services

ROOT = Path(__file__).resolve().parent.parent
SERVICES = "deploy/k8s/services"
BEGIN = "derived from the declarations by `make contracts`"
END = "end of what is derived"
HEAD = "# Derived from the declarations by `make contracts`: do not edit (tools/write_deploy.py).\n"
SPARE_CONNECTIONS = 124
"""Connections of the database beside those of the services: provisioning, operators, the audit."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the deployment has to know of a service.

    Attributes:
        name: of the package, the image, the account.
        group: consumer group; None when it consumes nothing.
        publishes: topics of its events, for whoever may read them.
        dead_letters: topic of what it could not apply, for nobody else.
        reads: topics of others.
        components: folders of `deploy/k8s` that it has besides those that follow from the rest.
    """

    name: str
    group: str | None
    publishes: tuple[str, ...]
    dead_letters: str
    reads: tuple[str, ...]
    components: tuple[str, ...] = ()

    @property
    def owns(self) -> tuple[str, ...]:
        """Topics that it alone writes."""
        return (*self.publishes, self.dead_letters)


def facts_of(service: Service, components: Sequence[str] = ()) -> Facts:
    """What the deployment has to know of a declared service."""
    return Facts(
        name=service.name,
        group=service.group if service.consumes else None,
        publishes=tuple(service.outputs),
        dead_letters=service.dead_letter_topic,
        reads=tuple(sorted(topic_of(producer) for producer in service.consumes)),
        components=tuple(components),
    )


def declared(root: Path) -> list[Facts]:
    """The installed services, in alphabetical order.

    Raises:
        ValueError: `services.toml` speaks of a service that is not installed, or of a component that is not there.
    """
    table: dict[str, list[str]] = tomllib.loads((root / "deploy/k8s/services.toml").read_text("utf-8"))
    services = installed_services()
    unknown = sorted(set(table) - set(services))
    unknown += sorted({c for found in table.values() for c in found if not (root / "deploy/k8s" / c).is_dir()})
    if unknown:
        raise ValueError(f"deploy/k8s/services.toml: unknown {', '.join(unknown)}")
    return [facts_of(service, table.get(name, ())) for name, service in services.items()]


def user(service: Facts) -> str:
    """The broker account: what it may write and read. Its group comes first: scaling takes it from there."""
    acls = [f"{{resource: {{type: group, name: {service.group}}}, operations: [Read]}}"] if service.group else []
    acls += [
        f"{{resource: {{type: topic, name: {topic}}}, operations: [Write, Read, Describe]}}" for topic in service.owns
    ]
    listed = "".join(f"      - {acl}\n" for acl in acls)
    listed += "".join(f"      {acl}\n" for acl in readable(service.reads).splitlines())
    return f"""{HEAD}apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata:
  name: croissance-{service.name}
  labels: {{strimzi.io/cluster: croissance}}
spec:
  authentication: {{type: scram-sha-512}}
  authorization:
    type: simple
    acls:
{listed}"""


def topics(service: Facts) -> str:
    """Its topics, by name only: partitions, replicas and labels are the same for all, see the base."""
    head = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\n"
    return HEAD + "---\n".join(f"{head}metadata: {{name: {topic}}}\n" for topic in service.owns)


def kustomization(resources: Sequence[str], components: Sequence[str] = ()) -> str:
    """A kustomization of files or folders."""
    text = (
        f"{HEAD}apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{', '.join(resources)}]\n"
    )
    return text + (f"components: [{', '.join(components)}]\n" if components else "")


def kubernetes(services: Sequence[Facts]) -> dict[str, str]:
    """Every file of `deploy/k8s/services`, by path."""
    files = {f"{SERVICES}/kustomization.yaml": kustomization([service.name for service in services])}
    for service in services:
        folder = f"{SERVICES}/{service.name}"
        components = ("service", "consumer" if service.group else "steady", *service.components)
        files[f"{folder}/user.yaml"] = user(service)
        files[f"{folder}/topics.yaml"] = topics(service)
        files[f"{folder}/kustomization.yaml"] = kustomization(
            ["user.yaml", "topics.yaml"], [f"../../{component}" for component in components]
        )
    return files


MAIL: Final = """  environment:
    <<: *environment
    CROISSANCE_SMTP__URL: ${CROISSANCE_SMTP__URL:-smtp://mail:1025}
"""
"""What a service that sends mail has in Compose beside the others."""


def compose(services: Sequence[Facts]) -> str:
    """The services of the Compose file."""
    return "\n".join(
        f"{service.name}:\n"
        "  <<: *service\n"
        f"  build: {{<<: *build, args: {{SERVICE: {service.name}}}}}\n"
        f"  image: croissance-{service.name}:${{IMAGE_TAG:-dev}}\n" + (MAIL if "mail" in service.components else "")
        for service in services
    )


def readable(topics: Sequence[str]) -> str:
    """Permissions to read these topics."""
    return "".join(
        f"- {{resource: {{type: topic, name: {topic}}}, operations: [Read, Describe]}}\n" for topic in topics
    )


def regions(services: Sequence[Facts]) -> dict[str, str]:
    """What stands between the marks of files written by hand, by path, without indentation."""
    processes = len(services) * PARTITIONS
    connections = processes * DatabaseSettings().pool_size + SPARE_CONNECTIONS
    return {
        "docker-compose.yml": compose(services),
        "deploy/observability/prometheus.yml": f"names: [{', '.join(service.name for service in services)}]\n",
        "deploy/k8s/partners/region.yaml": readable([topic for service in services for topic in service.publishes]),
        "deploy/k8s/base/postgres.yaml": f'max_connections: "{connections}"  # {processes} processes, and others\n',
    }


def between(text: str, content: str) -> str:
    """A text with new content between its two marks, indented as they are.

    Raises:
        ValueError: the marks are not there, or more than once.
    """
    region = re.compile(rf"^( *)# {re.escape(BEGIN)}\n.*?^\1# {END}\n", re.MULTILINE | re.DOTALL)
    found = region.findall(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} regions “# {BEGIN}” … “# {END}” instead of one")
    (margin,) = found
    body = "".join(f"{margin}{line}" if line.strip() else line for line in content.splitlines(keepends=True))
    return region.sub(lambda _: f"{margin}# {BEGIN}\n{body}{margin}# {END}\n", text)


def wanted(root: Path, services: Sequence[Facts]) -> dict[Path, str]:
    """Every derived file, and every file with a derived region, as it must be.

    Raises:
        ValueError: a region is missing; the text names the file.
    """
    files = {root / path: text for path, text in kubernetes(services).items()}
    for path, content in regions(services).items():
        try:
            files[root / path] = between((root / path).read_text("utf-8"), content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return files


def left_over(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Files of services that are no more."""
    return sorted(path for path in (root / SERVICES).rglob("*") if path.is_file() and path not in files)


def stale(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Files that are not as they must be."""
    return sorted(
        [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
        + left_over(root, files)
    )


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Write the files, remove those of services that are no more."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in left_over(root, files):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def main() -> int:
    """Write the files, or with `--check` say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale or left over")
    check = parser.parse_args().check
    try:
        files = wanted(ROOT, declared(ROOT))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    drifted = stale(ROOT, files)
    if check:
        for path in drifted:
            print(f"stale: {path.relative_to(ROOT)} (make contracts)")
        return 1 if drifted else 0
    write(ROOT, files)
    print(f"{len(files)} files of the deployment, {len(drifted)} changed or removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
