"""How the API server is reached: its address, a pool of connections to it, and what proves to it who asks.

What most installations use is read here: a pod's service account, and kubeconfigs with certificates, a token or a file of one. Everything
else (exec plugins, auth providers, passwords, proxies, unverified TLS) is the official client's, which is imported only then: in a
worker it would take more memory and time to start than any other library.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import urllib3
import yaml
from urllib3.util.ssl_ import create_urllib3_context

from app.domain.errors import Rejected

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# A projected token is renewed by the kubelet long before it ends.
REREAD_SECONDS = 60.0

_CLUSTER_KEYS = frozenset({"server", "certificate-authority", "certificate-authority-data"})
_USER_KEYS = frozenset(
    {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"},
)
_CONTEXT_KEYS = frozenset({"cluster", "user", "namespace"})

Authorize = Callable[[dict[str, str]], None]
"""Adds to a request's headers what proves who asks."""


@dataclass(frozen=True, slots=True)
class Access:
    """`host` is the address without a final slash."""

    host: str
    pool: urllib3.PoolManager
    authorize: Authorize


class _NotPlainError(Exception):
    """Something that is left to the official client, as is every error in the file: its words are known."""


def open_access(path: str | None, *, context: str | None = None, connections: int) -> Access:
    """With a kubeconfig, or without one with the service account of the pod that this process runs in. Connects to nothing yet.

    Raises Rejected where neither can be read.
    """
    if set(getproxies()) <= {"no"}:
        try:
            return _from_file(Path(path), context, connections) if path else _from_pod(connections)
        except (_NotPlainError, OSError, ValueError, yaml.YAMLError):
            pass  # read again there, and refused there
    return _by_official_client(path, context, connections)


def _from_pod(connections: int) -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise _NotPlainError
    address = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    trust = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    trust.load_verify_locations(cafile=SERVICE_ACCOUNT / "ca.crt")
    return Access(address, _pool(trust, connections), _TokenFile(SERVICE_ACCOUNT / "token"))


def _from_file(path: Path, context: str | None, connections: int) -> Access:
    config = _mapping(yaml.safe_load(path.read_bytes()))
    chosen = _entry(config, "contexts", "context", context or config.get("current-context"), _CONTEXT_KEYS)
    cluster = _entry(config, "clusters", "cluster", chosen.get("cluster"), _CLUSTER_KEYS)
    user = _entry(config, "users", "user", chosen.get("user"), _USER_KEYS)
    host = cluster.get("server")
    if not isinstance(host, str) or not host.startswith(("https://", "http://")):
        raise _NotPlainError
    trust = _trust(cluster, user, path.parent) if host.startswith("https://") else None
    return Access(host.rstrip("/"), _pool(trust, connections), _authorize(user, path.parent))


def _entry(config: Mapping[str, Any], section: str, kind: str, name: object, known: frozenset[str]) -> Mapping[str, Any]:
    """The named entry of a section; _NotPlainError unless there is exactly one, with none but the known keys."""
    found = [_mapping(item).get(kind) for item in config.get(section) or () if _mapping(item).get("name") == name]
    if len(found) != 1 or not set(entry := _mapping(found[0] or {})) <= known:
        raise _NotPlainError
    return entry


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _NotPlainError
    return value


def _trust(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    """The CA that vouches for the server, and the certificate that vouches for us, if that is how we are known."""
    authority = _content(cluster, "certificate-authority", folder)
    if authority is None:
        raise _NotPlainError
    trust = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    trust.load_verify_locations(cadata=authority.decode())
    certificate, key = _content(user, "client-certificate", folder), _content(user, "client-key", folder)
    if certificate is not None and key is not None:
        # OpenSSL takes a certificate only from a file.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            trust.load_cert_chain(file.name)
    elif certificate is not None or key is not None:
        raise _NotPlainError
    return trust


def _content(entry: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    """What an entry holds as `name-data`, or in the file that `name` names, which may be relative to the kubeconfig."""
    if data := entry.get(f"{name}-data"):
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            raise _NotPlainError from None
    return (folder / str(entry[name])).read_bytes() if entry.get(name) else None


def _authorize(user: Mapping[str, Any], folder: Path) -> Authorize:
    if user.get("tokenFile"):
        return _TokenFile(folder / str(user["tokenFile"]))
    if token := user.get("token"):
        return lambda headers: headers.__setitem__("authorization", f"Bearer {token}")
    return lambda headers: None  # noqa: ARG005 - the certificate says it


class _TokenFile:
    """A token that is renewed in its file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header, self._read_at = self._read(), time.monotonic()

    def __call__(self, headers: dict[str, str]) -> None:
        if time.monotonic() - self._read_at > REREAD_SECONDS:
            # While it is being replaced the old one goes on, and the file is read again with the next request.
            with suppress(OSError, ValueError):
                self._header, self._read_at = self._read(), time.monotonic()
        headers["authorization"] = self._header

    def _read(self) -> str:
        token = self._path.read_text().strip()
        if not token:
            raise ValueError("an empty token")
        return f"Bearer {token}"


def _pool(trust: ssl.SSLContext | None, connections: int) -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=1, maxsize=connections, block=True, ssl_context=trust)


def _by_official_client(path: str | None, context: str | None, connections: int) -> Access:
    from kubernetes import client, config  # noqa: PLC0415 - only where it is needed, see above

    settings = client.Configuration()
    settings.connection_pool_maxsize = connections
    try:
        if path:
            config.load_kube_config(path, context=context, client_configuration=settings, persist_config=False)
        else:
            config.load_incluster_config(client_configuration=settings)
    except (config.ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        # The last four are what it raises for files of quite another shape.
        raise Rejected(f"The kubeconfig {path or 'of the pod'} cannot be used: {error}") from error
    api = client.ApiClient(settings)
    pool: urllib3.PoolManager = api.rest_client.pool_manager
    pool.connection_pool_kw["block"] = True

    def authorize(headers: dict[str, str]) -> None:
        # Reads the token anew where the pod's or the kubeconfig's has been renewed.
        api.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)

    return Access(str(settings.host).rstrip("/"), pool, authorize)
