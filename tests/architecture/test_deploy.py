"""What is deployed is what is declared: Compose, the image, Kubernetes, alerts, held against the code."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import BaseModel

from common.declare.service import PARTITIONS, Service, topic_of
from common.http.application import HttpSettings, build_app
from common.postgres.connections import DatabaseSettings
from common.process import main
from common.process.app import installed_apps, installed_services
from common.process.settings import Settings, read_settings
from common.process.telemetry import Metrics, configure_logs
from embedded import jars, kafka, postgres
from embedded.supervisor import Spec

ROOT = Path(__file__).resolve().parents[2]
DEPLOY, K8S = ROOT / "deploy", ROOT / "deploy" / "k8s"
SERVICES: Mapping[str, Service] = installed_services()
PASSWORD = "a-password"
EXAMPLE = ROOT / ".env.example"


def tool(name: str) -> str:
    """A program of the development environment."""
    return str(Path(sys.executable).with_name(name))


def compose(file: Path = ROOT / "docker-compose.yml", **environment: str) -> subprocess.CompletedProcess[str]:
    """What Compose itself makes of a file, every profile on; no engine is asked."""
    command = [tool("docker-compose"), "--file", str(file), "--env-file", str(EXAMPLE), "--profile", "*"]
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment
    return subprocess.run(
        [*command, "config", "--format", "json"], capture_output=True, text=True, check=False, env=clean, cwd=ROOT
    )


def hadolint(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("hadolint"), str(file)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def system() -> dict[str, Any]:
    """The services of the Compose file as Compose resolves them."""
    done = compose(POSTGRES_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text("utf-8")))


def one(file: Path) -> dict[str, Any]:
    (document,) = documents(file)
    return document


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets beside Python's own variables."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    return dict(re.findall(r"(CROISSANCE_\w+)=(\S+)", text))


def config_map(file: Path) -> dict[str, str]:
    """The common settings that a kustomization generates."""
    (generated,) = one(file)["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generated["literals"])


def pod_environment(pod: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a pod's only container; those that come from elsewhere are empty."""
    (container,) = pod["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


# --- Compose and the image are well formed


def test_compose_accepts_the_file(system: dict[str, Any]) -> None:
    assert {"kafka", "postgres", "mail", "provision", "prometheus", "grafana", "jaeger", "otel-collector"} < set(system)


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("condition: service_healthy", "condition: service_happy", "kafka.condition"),
        ("    provision: {condition", "    provisions: {condition", "provisions"),
        ('ports: ["127.0.0.1::8000"]', 'ports: ["127.0.0.1::eight"]', "eight"),
        ("<<: *service\n", "<<: *services\n", "services"),
    ],
)
def test_compose_refuses_a_broken_copy(tmp_path: Path, right: str, wrong: str, complaint: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text.replace(right, wrong, 1), "utf-8")
    assert broken.read_text("utf-8") != text
    done = compose(broken, POSTGRES_PASSWORD=PASSWORD)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_compose_wants_a_password() -> None:
    done = compose()
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr


def test_hadolint_passes() -> None:
    done = hadolint(DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_refuses_a_broken_copy(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    broken.write_text(text.replace("python:3.12-slim", "python:latest").replace("--no-cache-dir ", ""), "utf-8")
    done = hadolint(broken)
    assert done.returncode != 0
    assert {"DL3007", "DL3042"} <= set(re.findall(r"DL\d+", done.stdout))


def test_images_have_a_tag_and_no_registry(system: dict[str, Any]) -> None:
    manifests = [*K8S.rglob("*.yaml")]
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
    named = [image for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if image not in stages]
    assert set(named) == {"python:3.12-slim"}
    named += [service["image"] for service in system.values()]
    bare = [image for image in named if not re.fullmatch(r"([a-z0-9-]+/)?[a-z0-9-]+:(?!latest)[\w.-]+", image)]
    assert bare == []
    images = re.findall(r"(?:image|newName): (\S+)", "\n".join(file.read_text("utf-8") for file in manifests))
    assert [image for image in images if "." in image] == []


def test_what_the_image_copies_reaches_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert ignored[0] == "*", "everything is left out first"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {f"!{source}" for source in sources} == {line for line in ignored if line.startswith("!")}
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("wanted", ["labels", "*"])
def test_the_image_installs_what_is_asked(wanted: str) -> None:
    run = re.search(r"(set -eu .*?done) ", (DEPLOY / "Dockerfile").read_text("utf-8"))
    assert run is not None
    script = f"{run[1]} && printf '%s\\n' \"$@\""
    command = ["/bin/sh", "-c", script]
    done = subprocess.run(command, env={"SERVICE": wanted}, cwd=ROOT, capture_output=True, text=True, check=False)
    folders = ["labels"] if wanted == "labels" else list(SERVICES)
    assert done.stdout.split() == [f"./services/{name}" for name in folders], done.stderr


# --- Compose runs the declared services, with our settings


def test_compose_runs_the_declared_services(system: dict[str, Any]) -> None:
    built = {name: service["build"]["args"]["SERVICE"] for name, service in system.items() if "build" in service}
    everything = {built.pop(name) for name in ("provision", "cli")}
    assert built == {name: name for name in SERVICES}
    assert everything == {"*"}
    assert {system[name]["image"] for name in built} == {f"croissance-{name}:dev" for name in SERVICES}
    assert (system["cli"]["build"]["target"], system["cli"]["profiles"]) == ("cli", ["cli"]), "when it is called for"


def test_the_image_of_the_command_line_runs_it_and_the_last_one_is_a_service() -> None:
    stages = (DEPLOY / "Dockerfile").read_text("utf-8").split("\nFROM ")
    (cli,) = [stage for stage in stages if re.match(r"\S+ AS cli\n", stage)]
    (built,) = [stage for stage in stages if re.match(r"\S+ AS build-cli\n", stage)]
    (script,) = re.findall(r"ENTRYPOINT (\[.*\])", cli)
    project = tomllib.loads((ROOT / "apps" / "cli" / "pyproject.toml").read_text("utf-8"))["project"]
    assert json.loads(script) == list(project["scripts"])
    assert "--from=build-cli" in cli
    members = {"common": "libs", "france": "libs", "embedded": "libs", "cli": "apps"}
    needed = {name.removeprefix("croissance-") for name in project["dependencies"] if name.startswith("croissance-")}
    assert needed | {"cli"} == set(members)
    assert [name for name, top in members.items() if f"./{top}/{name}" not in built] == []
    assert "exec python -m" in stages[-1], "without --target the image is that of a service"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_safe_and_can_be_scaled(system: dict[str, Any], name: str) -> None:
    service = system[name]
    assert (service["init"], service["read_only"], service["tmpfs"]) == (True, True, ["/tmp"])  # noqa: S108  in there
    assert "container_name" not in service
    assert [port.get("published") for port in service["ports"]] == [None]
    assert service["depends_on"]["provision"]["condition"] == "service_completed_successfully"
    assert service["restart"] == "unless-stopped"
    assert int(service["deploy"]["resources"]["limits"]["memory"]) > 0


def test_only_loopback_is_published(system: dict[str, Any]) -> None:
    hosts = {port.get("host_ip") for service in system.values() for port in service.get("ports", ())}
    assert hosts == {"127.0.0.1"}


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    values = re.findall(r"PASSWORD: (.+)", text)
    assert values
    assert [value for value in values if not value.startswith("${POSTGRES_PASSWORD:?")] == []
    assert dict(example())["POSTGRES_PASSWORD"] == ""


def example() -> Iterator[tuple[str, str]]:
    """The variables of `.env.example`."""
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def test_the_example_lists_what_compose_reads() -> None:
    read = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert {name for name, _ in example()} == read | {"COMPOSE_PROFILES"}


def test_the_example_has_the_defaults_of_compose() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert {name: value for name, value in example() if name in defaults} == defaults


def settings_class(name: str) -> type[Settings]:
    """The settings that a service reads: its own class, or the common one."""
    return installed_apps()[name].settings


def variables(kind: type[BaseModel], prefix: str = "CROISSANCE_") -> set[str]:
    """Every environment variable that a settings class reads."""
    names: set[str] = set()
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= variables(inner, f"{prefix}{name.upper()}__")
        else:
            names.add(field.alias or f"{prefix}{name.upper()}")
    return names


def unknown(environment: Mapping[str, str], kind: type[Settings]) -> set[str]:
    """Variables of ours that nobody reads."""
    return {name for name in environment if name.startswith("CROISSANCE_")} - variables(kind)


def test_a_variable_that_nobody_reads_is_found() -> None:
    assert unknown({"CROISSANCE_KAFKA__BOOTSTRAP_SERVERS": "", "LOG_LEVEL": ""}, Settings) == set()
    assert unknown({"CROISSANCE_KAFKA__SERVERS": ""}, Settings) == {"CROISSANCE_KAFKA__SERVERS"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable of ours."""
    for name in [name for name in os.environ if name.startswith("CROISSANCE_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_with_the_environment_of_compose(
    system: dict[str, Any], name: str, bare: pytest.MonkeyPatch
) -> None:
    environment: dict[str, str] = image_environment() | system[name]["environment"]
    kind = settings_class(name)
    assert unknown(environment, kind) == set()
    for variable, value in environment.items():
        bare.setenv(variable, value)
    settings = read_settings(kind)
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.database.dsn.get_secret_value() == f"postgresql://croissance:{PASSWORD}@postgres:5432/croissance"
    if name == "notifications":
        mail: Any = settings
        assert mail.smtp.url.get_secret_value() == "smtp://mail:1025"
    assert {"kafka", "postgres", "mail"} < set(system)


def test_provisioning_starts_with_the_environment_of_compose(system: dict[str, Any], bare: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = system["provision"]["environment"]
    assert system["provision"]["command"] == ["python", "-m", "common.process.provision"]
    assert unknown(environment, Settings) == set()
    for variable, value in environment.items():
        bare.setenv(variable, value)
    assert read_settings(Settings).kafka.bootstrap_servers == "kafka:9092"


def test_the_broker_has_the_settings_of_the_embedded_one(system: dict[str, Any]) -> None:
    own = {
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "controller.quorum.voters",
        "log.dirs",
    }
    wanted: dict[str, str] = dict(re.findall(r"^([\w.]+)=(.*)$", kafka.PROPERTIES, re.MULTILINE))
    environment: dict[str, str] = dict(system["kafka"]["environment"])
    heap, options = environment.pop("KAFKA_HEAP_OPTS"), environment.pop("KAFKA_JVM_PERFORMANCE_OPTS")
    assert environment.pop("CLUSTER_ID") == kafka.CLUSTER_ID
    given = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()}
    assert {k: v for k, v in given.items() if k not in own} == {k: v for k, v in wanted.items() if k not in own}
    assert (*heap.split(), *options.split()) == kafka.JVM


def test_the_database_has_the_tuning_of_the_embedded_one(system: dict[str, Any]) -> None:
    own = {"port", "listen_addresses", "unix_socket_directories", "shared_buffers"}
    wanted = postgres._settings(5432)  # pyright: ignore[reportPrivateUsage]
    given = dict(part.removeprefix("-c").split("=", 1) for part in system["postgres"]["command"][1:])
    assert {k: v for k, v in given.items() if k not in own} == {k: v for k, v in wanted.items() if k not in own}
    assert (given["fsync"], given["synchronous_commit"]) == ("on", "on")


# --- ports, probes, drains


async def _ready() -> list[str]:
    return []


def probed_paths(system: dict[str, Any]) -> set[str]:
    """Every path that something outside asks of a service."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8") + json.dumps([system[name]["healthcheck"] for name in SERVICES])
    text += (K8S / "service" / "deployment.yaml").read_text("utf-8")
    text += (DEPLOY / "observability" / "prometheus.yml").read_text("utf-8")
    return set(re.findall(r"(?:path: |metrics_path: |'GET', ')(/[\w/]+)", text))


async def test_the_application_serves_what_is_probed(system: dict[str, Any]) -> None:
    paths = probed_paths(system)
    assert paths == {"/health/live", "/health/ready", "/metrics"}
    log = configure_logs("labels", "")
    doors = build_app("Label", HttpSettings(), None, log=log, registry=Metrics().registry, ready=_ready)
    transport = httpx.ASGITransport(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answers = {path: (await client.get(path)).status_code for path in paths}
    assert answers == dict.fromkeys(paths, 200)


def test_everything_speaks_of_one_port(system: dict[str, Any]) -> None:
    port = int(image_environment()["CROISSANCE_HTTP__PORT"])
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    deployment = one(K8S / "service" / "deployment.yaml")["spec"]["template"]
    (scrape,) = one(DEPLOY / "observability" / "prometheus.yml")["scrape_configs"]
    (discovery,) = scrape["dns_sd_configs"]
    found = [
        int(number)
        for number in re.findall(r"EXPOSE (\d+)|'127\.0\.0\.1', (\d+)", dockerfile)
        for number in number
        if number
    ]
    found += [port["target"] for name in SERVICES for port in system[name]["ports"]]
    found += [
        int(n) for name in SERVICES for n in re.findall(r"'127\.0\.0\.1', (\d+)", str(system[name]["healthcheck"]))
    ]
    found += [deployment["spec"]["containers"][0]["ports"][0]["containerPort"], discovery["port"]]
    found += [int(deployment["metadata"]["annotations"]["prometheus.io/port"])]
    assert len(found) == 2 + 2 * len(SERVICES) + 3
    assert set(found) == {port}
    assert discovery["names"] == list(SERVICES)
    assert {rule["target_label"]: rule.get("replacement") for rule in scrape["relabel_configs"]} == {
        "job": None,
        "part_of": deployment["metadata"]["labels"]["app.kubernetes.io/part-of"],
    }


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_of_the_image_tells_ready_from_not(system: dict[str, Any], status: int, healthy: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    _, python, *arguments = system["labels"]["healthcheck"]["test"]
    in_image = re.search(r"^ +CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert in_image is not None
    assert json.loads(in_image[1]) == [python, *arguments]
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        here = [argument.replace("8000", str(server.server_port)) for argument in arguments]
        done = subprocess.run([sys.executable, *here], capture_output=True, check=False, timeout=30)
    assert (done.returncode == 0) is healthy, done.stderr


def test_nothing_is_killed_while_it_drains(system: dict[str, Any]) -> None:
    graces = {int(system[name]["stop_grace_period"].removesuffix("s")) for name in SERVICES}
    assert min(graces) > main.STOPS_WITHIN
    pod = one(K8S / "service" / "deployment.yaml")["spec"]["template"]["spec"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before + main.STOPS_WITHIN
    assert inspect.signature(Spec).parameters["stop_seconds"].default > main.STOPS_WITHIN


# --- Kubernetes


def consumed_topics(service: Service) -> set[str]:
    return {topic_of(producer) for producer in service.consumes}


def test_the_base_has_the_declared_services_and_topics() -> None:
    base = one(K8S / "base" / "kustomization.yaml")
    assert "../services" in base["resources"]
    folders = {folder.name for folder in (K8S / "services").iterdir() if folder.is_dir()}
    assert set(one(K8S / "services" / "kustomization.yaml")["resources"]) == set(SERVICES) == folders
    topics = [
        document["metadata"]["name"] for file in K8S.glob("services/*/topics.yaml") for document in documents(file)
    ]
    assert sorted(topics) == sorted(t for s in SERVICES.values() for t in (s.topic, s.dead_letter_topic))
    (patch,) = [patch for patch in base["patches"] if patch["target"] == {"kind": "KafkaTopic"}]
    operations = {operation["path"]: operation["value"] for operation in yaml.safe_load(patch["patch"])}
    assert operations["/spec"]["partitions"] == PARTITIONS
    assert operations["/spec"]["replicas"] == int(
        config_map(K8S / "base" / "kustomization.yaml")["CROISSANCE_KAFKA__REPLICATION_FACTOR"]
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_what_it_declares_and_no_more(name: str) -> None:
    service, user = SERVICES[name], one(K8S / "services" / name / "user.yaml")
    assert user["metadata"]["name"] == f"croissance-{name}"
    acls = user["spec"]["authorization"]["acls"]
    may = {
        (acl["resource"]["type"], acl["resource"]["name"], operation) for acl in acls for operation in acl["operations"]
    }
    own = (*service.outputs, service.dead_letter_topic)
    wanted = {("topic", topic, may) for topic in own for may in ("Write", "Read")}  # read: to compare the numbers
    wanted |= {("topic", topic, "Read") for topic in consumed_topics(service)}
    wanted |= {("topic", topic, "Describe") for _, topic, _ in wanted}
    if service.consumes:
        wanted.add(("group", service.group, "Read"))
        assert acls[0]["resource"]["name"] == service.group, "scaling takes the group from the first one"
    assert may == wanted
    components = one(K8S / "services" / name / "kustomization.yaml")["components"]
    assert ("../../consumer" in components) is bool(service.consumes) is ("../../steady" not in components)
    assert components[0] == "../../service", "the others change what it brings"


def test_scaling_ends_at_the_partitions() -> None:
    spec = one(K8S / "consumer" / "scaledobject.yaml")["spec"]
    assert spec["maxReplicaCount"] == PARTITIONS
    assert spec["minReplicaCount"] >= 2
    (database,) = documents(K8S / "base" / "postgres.yaml")
    room = int(database["spec"]["postgresql"]["parameters"]["max_connections"])
    assert room > len(SERVICES) * PARTITIONS * DatabaseSettings().pool_size


def test_pods_start_with_settings_that_exist(bare: pytest.MonkeyPatch) -> None:
    service = one(K8S / "service" / "deployment.yaml")["spec"]["template"]["spec"]
    job = next(d for d in documents(K8S / "base" / "provision.yaml") if d["kind"] == "Job")["spec"]["template"]["spec"]
    common = config_map(K8S / "base" / "kustomization.yaml")
    common |= config_map(K8S / "overlays" / "production" / "kustomization.yaml")
    patches = "".join(file.read_text("utf-8") for file in K8S.rglob("kustomization.yaml"))
    added = dict.fromkeys(re.findall(r"name: (CROISSANCE_\w+)$", patches, re.MULTILINE), "")
    mail = [name for name in added if "SMTP" in name]
    cli = documents(K8S / "base" / "cli.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    environments = common | pod_environment(service) | pod_environment(job) | pod_environment(cli)
    assert unknown(environments, Settings) == set()
    assert unknown(dict.fromkeys(mail, ""), settings_class("notifications")) == set()
    assert unknown({name: "" for name in added if name not in mail}, Settings) == set()
    for variable, value in (image_environment() | common).items():
        bare.setenv(variable, value)
    settings = read_settings(Settings)
    assert settings.environment == "prod"
    cluster = next(d for d in documents(K8S / "base" / "kafka.yaml") if d["kind"] == "Kafka")
    (listener,) = cluster["spec"]["kafka"]["listeners"]
    base = one(K8S / "base" / "kustomization.yaml")
    address = f"{cluster['metadata']['name']}-kafka-bootstrap.{base['namespace']}.svc:{listener['port']}"
    assert settings.kafka.bootstrap_servers == address
    assert settings.kafka.security_protocol == ("SASL_SSL" if listener["tls"] else "SASL_PLAINTEXT")


def test_credentials_come_from_secrets_that_somebody_makes() -> None:
    service = (K8S / "service" / "deployment.yaml").read_text("utf-8")
    named = set(re.findall(r"secretKeyRef: {name: ([\w-]+)", service + (K8S / "base" / "provision.yaml").read_text()))
    for file in (K8S / "mail" / "kustomization.yaml", K8S / "base" / "cli.yaml"):
        named |= set(re.findall(r"secretKeyRef: {name: ([\w-]+)", file.read_text("utf-8")))
    named |= set(re.findall(r"Key(?:Id)?: {name: ([\w-]+)", (K8S / "base" / "backup.yaml").read_text("utf-8")))
    database = one(K8S / "base" / "postgres.yaml")["metadata"]["name"]
    by_hand = set(re.findall(r"create secret generic ([\w-]+)", (DEPLOY / "README.md").read_text("utf-8")))
    assert named == {"service", "croissance-provision", "croissance-cli", f"{database}-app"} | by_hand
    replaced = (K8S / "service" / "kustomization.yaml").read_text("utf-8")
    assert "CROISSANCE_KAFKA__SASL_PASSWORD].valueFrom.secretKeyRef.name" in replaced


@pytest.mark.parametrize("file", ["service/deployment.yaml", "base/provision.yaml", "base/cli.yaml"])
def test_pods_are_restricted(file: str) -> None:
    workload = next(d for d in documents(K8S / file) if d["kind"] in {"Deployment", "Job", "CronJob"})
    pod = workload["spec"].get("jobTemplate", workload)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(container["resources"])
    if workload["kind"] == "Deployment":
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    user = re.search(r"^USER (\d+)", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert user is not None
    assert pod["securityContext"]["runAsUser"] == int(user[1])


def test_the_brokers_lie_apart_and_are_of_the_version_that_is_tested(system: dict[str, Any]) -> None:
    pool, cluster = documents(K8S / "base" / "kafka.yaml")
    pod, broker = pool["spec"]["template"]["pod"], cluster["spec"]["kafka"]
    labels = {
        "strimzi.io/cluster": cluster["metadata"]["name"],
        "strimzi.io/pool-name": pool["metadata"]["name"],
    }
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (spread,) = pod["topologySpreadConstraints"]
    assert apart == {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    assert (spread["topologyKey"], spread["labelSelector"]) == (broker["rack"]["topologyKey"], {"matchLabels": labels})
    assert broker["version"] == jars.KAFKA_VERSION == system["kafka"]["image"].rpartition(":")[2]
    assert broker["metadataVersion"].startswith(jars.KAFKA_VERSION.rpartition(".")[0] + "-IV")


def test_who_may_knock_at_the_broker_and_at_the_database() -> None:
    policies = {document["metadata"]["name"]: document["spec"] for document in documents(K8S / "base" / "network.yaml")}
    pods = [K8S / "service" / "deployment.yaml", K8S / "base" / "provision.yaml"]
    ours = {"matchLabels": {"app.kubernetes.io/part-of": "croissance"}}
    cli = documents(K8S / "base" / "cli.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    for labels in [documents(file)[0]["spec"]["template"]["metadata"]["labels"] for file in pods] + [cli]:
        assert ours["matchLabels"].items() <= labels.items()
    assert policies["croissance-cli"]["podSelector"]["matchLabels"].items() <= cli.items()
    (listener,) = documents(K8S / "base" / "kafka.yaml")[1]["spec"]["kafka"]["listeners"]
    keda = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    assert listener["networkPolicyPeers"] == [{"podSelector": ours}, keda]
    database = policies["croissance-db"]
    (cluster,) = documents(K8S / "base" / "postgres.yaml")
    own = {"matchLabels": {"cnpg.io/cluster": cluster["metadata"]["name"]}}
    assert (database["podSelector"], database["policyTypes"]) == (own, ["Ingress"])
    sources = {port["port"]: rule["from"] for rule in database["ingress"][:1] for port in rule["ports"]}
    assert sources == {5432: [{"podSelector": ours}]}
    assert all("from" in rule and "ports" in rule for rule in database["ingress"])


def permissions(user: Mapping[str, Any]) -> set[tuple[str, str, str, str]]:
    """What an account may: kind of resource, its name, whether that is a beginning, and the operation."""
    assert user["spec"]["authentication"] == {"type": "scram-sha-512"}
    found = [
        (acl["resource"], operation) for acl in user["spec"]["authorization"]["acls"] for operation in acl["operations"]
    ]
    return {(what["type"], what["name"], what.get("patternType", "literal"), operation) for what, operation in found}


def test_the_command_line_may_read_everything_and_write_nothing() -> None:
    job, user = documents(K8S / "base" / "cli.yaml")
    assert permissions(user) == {("topic", "croissance.", "prefix", may) for may in ("Read", "Describe")}
    assert job["spec"]["suspend"] is True, "it is called for"
    environment = pod_environment(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    assert environment["CROISSANCE_KAFKA__SASL_USERNAME"] == user["metadata"]["name"]
    (database,) = documents(K8S / "base" / "postgres.yaml")
    (role,) = database["spec"]["managed"]["roles"]
    assert (role["inRoles"], role["login"], role["ensure"]) == (["pg_read_all_data"], True, "present")
    assert not role.keys() & {"superuser", "createdb", "createrole", "bypassrls", "replication"}
    name = database["spec"]["bootstrap"]["initdb"]["database"]
    address = f"{role['name']}:$(READER_PASSWORD)@{database['metadata']['name']}-rw:5432/{name}"
    assert environment["CROISSANCE_DATABASE__DSN"] == f"postgresql://{address}"
    readme = (DEPLOY / "README.md").read_text("utf-8")
    assert f"secret generic {role['passwordSecret']['name']} --type=kubernetes.io/basic-auth" in readme
    assert f"--from-literal=username={role['name']} " in readme


def test_the_door_for_partners_is_encrypted_and_asks_who_it_is() -> None:
    assert one(K8S / "overlays" / "production" / "kustomization.yaml")["components"] == ["../../partners"]
    (patch,) = one(K8S / "partners" / "kustomization.yaml")["patches"]
    (added,) = yaml.safe_load(patch["patch"])
    assert (patch["target"], added["path"]) == ({"kind": "Kafka"}, "/spec/kafka/listeners/-")
    door = added["value"]
    assert (door["tls"], door["authentication"]) == (True, {"type": "scram-sha-512"})
    assert door["type"] != "internal"
    cluster = documents(K8S / "base" / "kafka.yaml")[1]["spec"]["kafka"]
    assert door["port"] not in {listener["port"] for listener in cluster["listeners"]}
    assert cluster["authorization"] == {"type": "simple"}, "without rules everybody may everything"
    (address,) = {f"{name}:{door['port']}" for name in door["configuration"]["bootstrap"]["alternativeNames"]}
    assert (ROOT / "docs" / "subscribing.md").read_text("utf-8").count(address) == 3


def test_a_partner_may_read_what_is_published_in_groups_of_its_own() -> None:
    user = one(K8S / "partners" / "region.yaml")
    name, published = user["metadata"]["name"], {topic for service in SERVICES.values() for topic in service.outputs}
    assert permissions(user) == {
        *(("topic", topic, "literal", may) for topic in published for may in ("Read", "Describe")),
        ("group", f"{name}.", "prefix", "Read"),
    }
    assert user["spec"]["quotas"]["consumerByteRate"] > 0
    text = (ROOT / "docs" / "subscribing.md").read_text("utf-8")
    groups = set(re.findall(r"group[_.]id=\"?([\w.-]+)", text))
    assert groups
    assert [group for group in groups if not group.startswith(f"{name}.")] == []


def test_only_who_sends_mail_has_the_password_of_the_mail_server(system: dict[str, Any]) -> None:
    senders = {name for name, service in system.items() if "CROISSANCE_SMTP__URL" in (service.get("environment") or {})}
    assert senders == {"notifications"}
    files = {file for file in K8S.rglob("*.yaml") if "SMTP" in file.read_text("utf-8")}
    assert files == {K8S / "mail" / "kustomization.yaml"}
    users = {file.parent.name for file in K8S.rglob("kustomization.yaml") if "../../mail" in file.read_text("utf-8")}
    assert users == senders


def test_who_sends_mail_may_reach_a_mail_server() -> None:
    policies = {document["metadata"]["name"]: document["spec"] for document in documents(K8S / "base" / "network.yaml")}
    selected: dict[str, str] = policies["croissance-mail"]["podSelector"]["matchLabels"]
    (patch,) = one(K8S / "mail" / "kustomization.yaml")["patches"]
    added = {operation["path"]: operation["value"] for operation in yaml.safe_load(patch["patch"])}
    pod = one(K8S / "service" / "deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    labels = pod | {path.rpartition("/")[2]: value for path, value in added.items() if "/labels/" in path}
    assert selected.items() <= labels.items()
    assert not selected.items() <= pod.items()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="machine: no kubectl; the files are read either way")
def test_kustomize_names_everything_after_its_service() -> None:
    command = ["kubectl", "kustomize", str(K8S / "overlays" / "production")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rendered: list[dict[str, Any]] = list(yaml.safe_load_all(done.stdout))
    names = {
        kind: {d["metadata"]["name"] for d in rendered if d["kind"] == kind} for kind in {d["kind"] for d in rendered}
    }
    every = {f"croissance-{name}" for name in SERVICES}
    tag = config_map(K8S / "overlays" / "production" / "kustomization.yaml")["IMAGE_TAG"]
    assert tag != "latest"
    assert names["Deployment"] == names["Service"] == names["PodDisruptionBudget"] == every
    assert names["KafkaTopic"] == {t for s in SERVICES.values() for t in (s.topic, s.dead_letter_topic)}
    for document in rendered:
        name = document["metadata"]["name"].removeprefix("croissance-")
        if document["kind"] == "Deployment":
            template = document["spec"]["template"]
            assert template["metadata"]["labels"]["app.kubernetes.io/name"] == name
            assert document["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
            assert pod_environment(template["spec"])["CROISSANCE_KAFKA__SASL_USERNAME"] == f"croissance-{name}"
            assert template["spec"]["containers"][0]["image"] == f"croissance-{name}:{tag}"
            assert document["spec"].get("replicas") == (None if SERVICES[name].consumes else 2)
        if document["kind"] == "Job":
            assert document["spec"]["template"]["spec"]["containers"][0]["image"] == f"croissance-provision:{tag}"
            assert document["metadata"]["name"] == f"croissance-provision-{tag}"
            assert f"job/{document['metadata']['name']} " in (DEPLOY / "README.md").read_text("utf-8")
        if document["kind"] == "CronJob":
            (container,) = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
            assert container["image"] == f"croissance-cli:{tag}"
        if document["kind"] == "ScaledObject":
            assert document["spec"]["scaleTargetRef"]["name"] == f"croissance-{name}"
            assert document["spec"]["triggers"][0]["metadata"]["consumerGroup"] == SERVICES[name].group
    scaled = {f"croissance-{name}" for name, service in SERVICES.items() if service.consumes}
    assert names["ScaledObject"] == scaled


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="rendered where kubectl is; the files are read either way")
def test_a_new_version_changes_nothing_that_a_cluster_forbids_to_change(tmp_path: Path) -> None:
    """The template of a Job and the selector of a Deployment are immutable: the next tag must not touch them."""

    def rendered(tag: str) -> dict[tuple[str, str], dict[str, Any]]:
        copied = tmp_path / tag
        shutil.copytree(DEPLOY, copied)
        overlay = copied / "k8s" / "overlays" / "production"
        text = (overlay / "kustomization.yaml").read_text("utf-8")
        changed = re.sub(r"IMAGE_TAG=\S+", f"IMAGE_TAG={tag}", text)
        (overlay / "kustomization.yaml").write_text(changed, "utf-8")
        command = ["kubectl", "kustomize", str(overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(done.stdout)}

    old, new = rendered("1.4.2"), rendered("1.5.0-rc.1")
    both = old.keys() & new.keys()
    assert {name for kind, name in new.keys() - both if kind == "Job"} == {"croissance-provision-1.5.0-rc.1"}
    assert [name for kind, name in both if kind == "Job"] == []
    for kind, name in both:
        if kind == "Deployment":
            assert old[kind, name]["spec"]["selector"] == new[kind, name]["spec"]["selector"]
            assert old[kind, name]["spec"]["template"] != new[kind, name]["spec"]["template"]


# --- alerts and dashboard


def exported() -> set[str]:
    """Every name a process shows at /metrics."""
    suffixes = {
        "counter": ("_total", "_created"),
        "gauge": ("",),
        "histogram": ("_bucket", "_sum", "_count", "_created"),
    }
    return {family.name + suffix for family in Metrics().registry.collect() for suffix in suffixes.get(family.type, ())}


def measured() -> str:
    """The code that may measure."""
    return "".join(file.read_text("utf-8") for file in (ROOT / "libs" / "common" / "common").rglob("*.py"))


def expressions() -> dict[str, str]:
    """Every query: of the alerts, of the dashboard."""
    (group,) = one(DEPLOY / "observability" / "alerts.yml")["groups"]
    found = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    dashboard = json.loads((DEPLOY / "observability" / "grafana" / "croissance.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


@pytest.mark.parametrize("where", expressions())
def test_a_query_reads_what_processes_measure(where: str) -> None:
    expression = expressions()[where]
    read = set(re.findall(r"\bcroissance_\w+", expression))
    assert read or 'up{part_of="croissance"}' in expression or "ALERTS{" in expression
    assert read <= exported()
    names = {re.sub(r"_(total|created|bucket|sum|count)$", "", name).removeprefix("croissance_") for name in read}
    assert [name for name in names if f'("{name}"' not in measured()] == []
    assert expression.count("(") == expression.count(")")
    assert [name for name in SERVICES if re.search(rf"\b{name}\b", expression)] == [], "the label job has the names"


def test_configuration_files_are_where_compose_mounts_them(system: dict[str, Any]) -> None:
    mounts = [v for service in system.values() for v in service.get("volumes", ()) if v["type"] == "bind"]
    assert len(mounts) == 6
    assert [mount["source"] for mount in mounts if not Path(mount["source"]).is_file() or not mount["read_only"]] == []
    collector = one(DEPLOY / "observability" / "otel-collector.yml")
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(collector[part])
