"""What is deployed is derived: nothing is stale, drift is noticed, one more service needs no line by hand."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.process.app import installed_services

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import new_service  # noqa: E402
import write_deploy  # noqa: E402

SERVICES = installed_services()
ORCHARD = write_deploy.Facts(
    name="orchard",
    group="croissance.orchard",
    publishes=("croissance.orchard.v1",),
    dead_letters="croissance.orchard.dead-letter.v1",
    reads=("croissance.labels.v1", "croissance.matching.v1"),
    components=("mail",),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that is deployed."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    for name in ("docker-compose.yml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def contents(tree: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in tree.rglob("*") if path.is_file()}


def with_orchard(tree: Path) -> dict[Path, str]:
    return write_deploy.wanted(tree, [*write_deploy.declared(tree), ORCHARD])


def test_nothing_is_stale() -> None:
    command = [sys.executable, str(ROOT / "tools" / "write_deploy.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("docker-compose.yml", "SERVICE: labels}", "SERVICE: matching}"),
        ("deploy/observability/prometheus.yml", ", labels, ", ", "),
        ("deploy/k8s/base/postgres.yaml", 'max_connections: "', 'max_connections: "1'),
        ("deploy/k8s/services/labels/user.yaml", "[Read, Describe]", "[Read, Write, Describe]"),
        ("deploy/k8s/services/labels/topics.yaml", "dead-letter", "dead"),
        ("deploy/k8s/services/kustomization.yaml", ", labels, ", ", "),
    ],
)
def test_a_change_by_hand_is_noticed_and_undone(tree: Path, path: str, old: str, new: str) -> None:
    before = contents(tree)
    text = before[tree / path]
    assert old in text
    (tree / path).write_text(text.replace(old, new, 1), "utf-8")
    files = write_deploy.wanted(tree, write_deploy.declared(tree))
    assert write_deploy.stale(tree, files) == [tree / path]
    write_deploy.write(tree, files)
    assert contents(tree) == before


def test_text_beside_the_marks_stays(tree: Path) -> None:
    by_hand = "  # a line of a person\n"
    compose = tree / "docker-compose.yml"
    compose.write_text(compose.read_text("utf-8").replace("  provision:\n", f"{by_hand}  provision:\n", 1), "utf-8")
    write_deploy.write(tree, with_orchard(tree))
    assert by_hand in compose.read_text("utf-8")


@pytest.mark.parametrize("path", write_deploy.regions([]))
@pytest.mark.parametrize("mark", [write_deploy.BEGIN, write_deploy.END])
def test_a_lost_mark_is_told(tree: Path, path: str, mark: str) -> None:
    file = tree / path
    file.write_text(file.read_text("utf-8").replace(mark, "no mark", 1), "utf-8")
    with pytest.raises(ValueError, match=rf"^{re.escape(path)}: 0 regions"):
        write_deploy.wanted(tree, write_deploy.declared(tree))


def test_the_order_of_the_declarations_is_the_order_of_the_files(tree: Path) -> None:
    services = write_deploy.declared(tree)
    assert [service.name for service in services] == sorted(SERVICES)


@pytest.mark.parametrize("line", ['labels = ["post"]', 'orchards = ["mail"]'])
def test_the_table_speaks_of_what_is_there(tree: Path, line: str) -> None:
    (tree / "deploy/k8s/services.toml").write_text(line, "utf-8")
    with pytest.raises(ValueError, match=r"services\.toml: unknown (post|orchards)$"):
        write_deploy.declared(tree)


def test_one_more_service_comes_and_goes_without_a_trace(tree: Path) -> None:
    before = contents(tree)
    write_deploy.write(tree, with_orchard(tree))
    assert "orchard" in (tree / "docker-compose.yml").read_text("utf-8")
    files = write_deploy.wanted(tree, write_deploy.declared(tree))
    assert tree / "deploy/k8s/services/orchard/user.yaml" in write_deploy.stale(tree, files)
    write_deploy.write(tree, files)
    assert contents(tree) == before
    assert not (tree / "deploy/k8s/services/orchard").exists()


def test_compose_runs_one_more_service(tree: Path) -> None:
    write_deploy.write(tree, with_orchard(tree))
    tool, file = Path(sys.executable).with_name("docker-compose"), tree / "docker-compose.yml"
    command = [str(tool), "--file", str(file), "--env-file", str(tree / ".env.example"), "config", "--format", "json"]
    environment = {"POSTGRES_PASSWORD": "a-password", "HOME": str(tree)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    mine, other = services["orchard"], services["notifications"]  # both send mail
    assert mine["image"] == "croissance-orchard:dev"
    assert mine["build"]["args"] == {"SERVICE": "orchard"}
    assert {key for key in mine if mine[key] != other[key]} == {"build", "image"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="machine: no kubectl; the files are read either way")
def test_kubernetes_runs_one_more_service(tree: Path) -> None:
    write_deploy.write(tree, with_orchard(tree))
    command = ["kubectl", "kustomize", str(tree / "deploy/k8s/overlays/production")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rendered: list[dict[str, Any]] = list(yaml.safe_load_all(done.stdout))
    found = {d["kind"]: d for d in rendered if d["metadata"]["name"] == "croissance-orchard"}
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "KafkaUser", "ScaledObject"}
    pod = found["Deployment"]["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "orchard"
    assert pod["metadata"]["labels"]["croissance-mail"] == "true"
    assert "CROISSANCE_SMTP__URL" in {entry["name"] for entry in pod["spec"]["containers"][0]["env"]}
    assert found["ScaledObject"]["spec"]["triggers"][0]["metadata"]["consumerGroup"] == ORCHARD.group
    topics = {d["metadata"]["name"]: d["spec"] for d in rendered if d["kind"] == "KafkaTopic"}
    assert topics["croissance.orchard.v1"] == topics["croissance.labels.v1"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="machine: no kubectl")
def test_images_may_come_from_a_registry_as_the_readme_says(tree: Path) -> None:
    overlay = tree / "deploy/k8s/overlays/production/kustomization.yaml"
    options = re.search(r"`options: (\{delimiter[^`]*\})`", (ROOT / "deploy/README.md").read_text("utf-8"))
    assert options is not None
    document = yaml.safe_load(overlay.read_text("utf-8"))
    document["configMapGenerator"][0]["literals"].append("IMAGE_PREFIX=host:5000/folder")
    (tag,) = document["replacements"]
    targets = [target | {"options": yaml.safe_load(options[1])} for target in tag["targets"]]
    source = tag["source"] | {"fieldPath": "data.IMAGE_PREFIX"}
    document["replacements"].append({"source": source, "targets": targets})
    overlay.write_text(yaml.safe_dump(document), "utf-8")
    command = ["kubectl", "kustomize", str(overlay.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    images = set(re.findall(r"image: (\S+)", done.stdout))
    assert images == {f"host:5000/folder/croissance-{name}:0.1.0" for name in (*SERVICES, "provision", "cli")}, (
        done.stderr
    )


# --- names that no rule derives


def test_every_list_of_services_in_the_root_project_is_complete() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    assert new_service.incomplete_lists(pyproject, list(SERVICES)) == []


def test_the_readme_shows_every_service() -> None:
    picture = (ROOT / "README.md").read_text("utf-8").split("```")[1]
    assert [name for name in SERVICES if not re.search(rf"\b{name}\b", picture)] == []


def by_hand(file: Path) -> str:
    """What a person wrote for machines in a file: without derived lines, comments and sentences."""
    derived = rf"# {re.escape(write_deploy.BEGIN)}\n.*?# {write_deploy.END}\n"
    text = re.sub(derived, "", file.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"#.*|description: .*", "", text)


def test_no_file_of_the_deployment_names_a_service_by_hand() -> None:
    # Not the key `labels:`, its paths and anchors: the name of one service is a word of Kubernetes.
    named = re.compile(rf"(?<![\w$&*/.])(?:croissance[.-])?(?:{'|'.join(SERVICES)})\b(?![:.])")
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.y*ml"), *(ROOT / "deploy").rglob("*.json")]
    files = [file for file in files if ROOT / write_deploy.SERVICES not in file.parents]
    assert len(files) > 15
    assert [file for file in files if named.search(by_hand(file))] == []
    old = 'up{job=~"companies|labels"}', "- {name: croissance-labels, newTag: 0.1.0}", "SERVICE: companies labels"
    assert [line for line in old if not named.search(line)] == []
