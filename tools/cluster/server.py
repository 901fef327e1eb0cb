"""etcd and kube-apiserver on loopback, for as long as somebody looks: no kubelet, no controllers, no operators."""

import json
import secrets
import ssl
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from embedded.ports import free_port

PATIENCE: Final = 60.0
"""Seconds in which the server has to be ready."""

STOPS_WITHIN: Final = 10.0


@contextmanager
def child(command: Sequence[str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent) as process,  # noqa: S603  ours
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def api_server(programs: Path, folder: Path) -> Generator[Path]:
    """A server whose data lies in `folder`; the file by which kubectl finds it.

    Raises:
        RuntimeError: it did not become ready; the text has the end of its log.
    """
    client, peers = free_port(), free_port()
    secure = free_port(frozenset({client, peers}))
    token, key = secrets.token_urlsafe(), folder / "account.key"
    (folder / "tokens").write_text(f"{token},admin,admin,system:masters\n", "utf-8")
    generate = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(key)]
    subprocess.run(generate, check=True)  # noqa: S603
    store = f"http://127.0.0.1:{client}"
    etcd = [str(programs / "etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"]
    etcd += ["--listen-client-urls", store, "--advertise-client-urls", store]
    etcd += ["--listen-peer-urls", f"http://127.0.0.1:{peers}"]
    server = [str(programs / "kube-apiserver"), "--etcd-servers", store, "--bind-address", "127.0.0.1"]
    server += ["--secure-port", str(secure), "--cert-dir", str(folder / "certificates")]
    server += ["--token-auth-file", str(folder / "tokens"), "--authorization-mode", "RBAC"]
    server += ["--service-account-issuer", "https://kubernetes.default", "--service-account-key-file", str(key)]
    server += ["--service-account-signing-key-file", str(key), "--service-cluster-ip-range", "10.0.0.0/24"]
    # Nobody makes the account of a namespace here, and without it no pod would be admitted.
    server += ["--disable-admission-plugins", "ServiceAccount"]
    address, authority = f"https://127.0.0.1:{secure}", folder / "certificates" / "apiserver.crt"
    with ExitStack() as children:
        children.enter_context(child(etcd, folder / "etcd.log"))
        process = children.enter_context(child(server, folder / "server.log"))
        wait_for(process, address, authority, token, folder / "server.log")
        found = folder / "kubeconfig"
        found.write_text(json.dumps(config(address, authority, token)), "utf-8")
        yield found


def wait_for(process: subprocess.Popen[bytes], address: str, authority: Path, token: str, log: Path) -> None:
    """Wait until the server says that it is ready.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    limit = time.monotonic() + PATIENCE
    asked = Request(f"{address}/readyz", headers={"Authorization": f"Bearer {token}"})  # noqa: S310  on loopback
    while time.monotonic() < limit and process.poll() is None:
        try:
            trusted = ssl.create_default_context(cafile=authority)
            with urlopen(asked, timeout=5, context=trusted) as answer:  # noqa: S310
                answer.read()
                return
        except (URLError, OSError):
            time.sleep(0.25)
    end = "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:])
    raise RuntimeError(f"kube-apiserver is not ready:\n{end}")


def config(address: str, authority: Path, token: str) -> dict[str, object]:
    """What kubectl reads."""
    here = {"server": address, "certificate-authority": str(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": here}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
        "current-context": "here",
    }
