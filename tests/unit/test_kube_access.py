"""How the API server is reached: the plain forms of a kubeconfig are read by us, all others by the official client, to the same end."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.adapters import kube_access
from app.adapters.kube_access import Access, open_access
from app.domain.errors import Rejected


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_access, "getproxies", dict)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A certificate that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("pair")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2"]
    subprocess.run([*command, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    return (folder / "cert").read_bytes(), (folder / "key").read_bytes()


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Contexts that were left to the official client."""
    calls: list[str | None] = []

    def official(path: str | None, context: str | None, connections: int) -> Access:
        calls.append(context)
        return Access("", kube_access._pool(None, connections), lambda headers: None)

    monkeypatch.setattr(kube_access, "_by_official_client", official)
    return calls


def write(folder: Path, *, cluster: dict[str, Any], user: dict[str, Any], **context: Any) -> str:
    """A kubeconfig with one context `main` and another that leads nowhere."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", **context}}, {"name": "other", "context": {"cluster": "x"}}],
        "current-context": "main",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def headers_of(access: Access) -> dict[str, str]:
    headers: dict[str, str] = {}
    access.authorize(headers)
    return headers


def test_a_token_goes_into_each_request(tmp_path: Path, pair: tuple[bytes, bytes], handed_over: list[str | None]) -> None:
    cluster = {"server": "https://kube.test:6443/", "certificate-authority-data": b64(pair[0])}
    access = open_access(write(tmp_path, cluster=cluster, user={"token": "t0"}, namespace="n"), connections=3)
    assert access.host == "https://kube.test:6443"
    assert headers_of(access) == {"authorization": "Bearer t0"}
    assert access.pool.connection_pool_kw["maxsize"] == 3
    assert access.pool.connection_pool_kw["block"] is True
    assert handed_over == []


def test_a_server_without_tls_needs_no_authority(tmp_path: Path, handed_over: list[str | None]) -> None:
    access = open_access(write(tmp_path, cluster={"server": "http://127.0.0.1:1"}, user={}), connections=1)
    assert headers_of(access) == {}
    assert handed_over == []


@pytest.mark.parametrize("inline", [True, False])
def test_a_client_certificate_is_taken_from_data_or_files(
    tmp_path: Path, pair: tuple[bytes, bytes], handed_over: list[str | None], inline: bool
) -> None:
    for name, content in (("ca", pair[0]), ("cert", pair[0]), ("key", pair[1])):
        (tmp_path / name).write_bytes(content)
    if inline:
        cluster = {"certificate-authority-data": b64(pair[0])}
        user = {"client-certificate-data": b64(pair[0]), "client-key-data": b64(pair[1])}
    else:
        cluster, user = {"certificate-authority": "ca"}, {"client-certificate": "cert", "client-key": "key"}
    access = open_access(write(tmp_path, cluster={"server": "https://k.test", **cluster}, user=user), connections=1)
    assert access.pool.connection_pool_kw["ssl_context"].get_ca_certs()[0]["subject"] == ((("commonName", "test"),),)
    assert headers_of(access) == {}
    assert handed_over == []


def test_a_token_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(kube_access.time, "monotonic", lambda: now[0])
    token = tmp_path / "token"
    token.write_text("first\n")
    access = open_access(write(tmp_path, cluster={"server": "http://k.test"}, user={"tokenFile": "token"}), connections=1)
    token.write_text("second")
    assert headers_of(access) == {"authorization": "Bearer first"}, "a minute has not passed"
    now[0] = 61
    assert headers_of(access) == {"authorization": "Bearer second"}
    token.unlink()
    now[0] = 122
    assert headers_of(access) == {"authorization": "Bearer second"}, "while it is being replaced the old one goes on"


def test_a_pod_has_its_service_account(
    tmp_path: Path, pair: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch, handed_over: list[str | None]
) -> None:
    monkeypatch.setattr(kube_access, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "ca.crt").write_bytes(pair[0])
    (tmp_path / "token").write_text("of-the-pod")
    access = open_access(None, connections=1)
    assert access.host == "https://[fd00::1]:443"
    assert headers_of(access) == {"authorization": "Bearer of-the-pod"}
    assert handed_over == []


@pytest.mark.parametrize(
    ("cluster", "user", "reason"),
    [
        ({}, {"exec": {"command": "login"}}, "a plugin gives the token"),
        ({}, {"auth-provider": {"name": "oidc"}}, "a provider gives the token"),
        ({}, {"username": "u", "password": "p"}, "a password"),
        ({"insecure-skip-tls-verify": True}, {}, "TLS is not verified"),
        ({"proxy-url": "http://proxy"}, {}, "a proxy"),
        ({"tls-server-name": "x"}, {}, "another name in the certificate"),
        ({"server": "https://k.test"}, {}, "the machine's own authorities"),
        ({}, {"tokenFile": "nowhere"}, "a file that is not there"),
    ],
)
def test_everything_else_is_the_official_clients(
    tmp_path: Path, handed_over: list[str | None], cluster: dict[str, Any], user: dict[str, Any], reason: str
) -> None:
    open_access(write(tmp_path, cluster={"server": "http://k.test", **cluster}, user=user), context="main", connections=1)
    assert handed_over == ["main"], reason


def test_half_a_pair_is_the_official_clients_to_refuse(tmp_path: Path, pair: tuple[bytes, bytes], handed_over: list[str | None]) -> None:
    cluster = {"server": "https://k.test", "certificate-authority-data": b64(pair[0])}
    open_access(write(tmp_path, cluster=cluster, user={"client-certificate-data": b64(pair[0])}), connections=1)
    assert handed_over == [None]


def test_a_proxy_of_the_environment_is_the_official_clients(
    tmp_path: Path, handed_over: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, cluster={"server": "http://k.test"}, user={})
    monkeypatch.setattr(kube_access, "getproxies", lambda: {"no": "localhost"})
    open_access(path, connections=1)
    assert handed_over == []
    monkeypatch.setattr(kube_access, "getproxies", lambda: {"https": "http://proxy:3128"})
    open_access(path, connections=1)
    assert handed_over == [None]


@pytest.mark.parametrize("text", ["", "{]", "clusters: 3", "{}"])
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(Rejected, match="kubeconfig"):
        open_access(str(path), connections=1)


def test_a_context_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="nowhere"):
        open_access(write(tmp_path, cluster={"server": "http://k.test"}, user={}), context="nowhere", connections=1)


def test_the_adapter_does_not_load_the_official_client() -> None:
    code = "import sys, app.adapters.kubernetes; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
