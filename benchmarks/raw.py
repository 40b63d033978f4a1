"""The yardstick: the same manifests by bare server-side apply through a bare connection pool, with no line of the platform in the way.

Everything that can be done before the clock starts is: rendering, JSON, URLs. Namespaces first, then object after object from one queue,
so that no thread ever waits for another store's turn.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from app.domain.manifests import KINDS, Manifest
from benchmarks.platform import Refused

_QUERY = "fieldManager=raw&force=true"
TRIES = 50


@dataclass(frozen=True, slots=True)
class Write:
    url: str
    body: bytes


class RawCluster:
    """A pool, a header and an address. Credentials are read as the platform reads them."""

    def __init__(self, kubeconfig: str, threads: int) -> None:
        settings = Configuration()
        config.load_kube_config(kubeconfig, client_configuration=settings, persist_config=False)
        self.host = str(settings.host).rstrip("/")
        self.headers = {"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"}
        ApiClient(settings).update_params_for_auth(self.headers, [], ["BearerToken"], None, None, None)
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        self.threads = threads
        self.pool = urllib3.PoolManager(maxsize=threads, block=True, ssl_context=context, retries=False)

    def write(self, manifest: Manifest) -> Write:
        info, key = manifest.key.info, manifest.key
        root = "apis" if "/" in info.api_version else "api"
        scope = f"/namespaces/{key.namespace}" if key.namespace else ""
        url = f"{self.host}/{root}/{info.api_version}{scope}/{info.plural}/{key.name}?{_QUERY}"
        return Write(url, orjson.dumps(manifest.body))

    def apply(self, stores: Sequence[Sequence[Manifest]]) -> float:
        """Apply every manifest of every store; seconds taken."""
        manifests = [manifest for store in stores for manifest in store]
        first = [self.write(manifest) for manifest in manifests if manifest.key.kind == "Namespace"]
        rest = [self.write(manifest) for manifest in manifests if manifest.key.kind != "Namespace"]
        begun = time.monotonic()
        with ThreadPoolExecutor(self.threads) as executor:
            list(executor.map(self._put, first))
            list(executor.map(self._put, rest))
        return time.monotonic() - begun

    def _put(self, write: Write) -> None:
        for _ in range(TRIES):
            answer = self.pool.request("PATCH", write.url, body=write.body, headers=self.headers, timeout=10)
            if answer.status < 300:
                return
            if answer.status not in (403, 409, 429, 500, 503):
                break
            time.sleep(0.05)  # a namespace or a quota that not every part of the server has heard of yet
        raise Refused(f"A bare apply was answered {answer.status}: {answer.data[:300]!r}")

    def await_ready(self, namespaces: Iterable[str], labels: str, *, within: float) -> None:
        """Return once every Deployment and StatefulSet of the namespaces has all its pods ready."""
        wanted = set(namespaces)
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if all(self._workloads_ready(kind, wanted, labels) for kind in ("StatefulSet", "Deployment")):
                return
            time.sleep(0.1)
        raise Refused(f"The bare applies' stores were not ready within {within:.0f} s.")

    def _workloads_ready(self, kind: str, wanted: set[str], labels: str) -> bool:
        info = KINDS[kind]
        url = f"{self.host}/apis/{info.api_version}/{info.plural}?labelSelector={labels}"
        answer = self.pool.request("GET", url, headers=self.headers, timeout=30)
        items: list[dict[str, Any]] = orjson.loads(answer.data).get("items") or []
        mine = [item for item in items if item["metadata"]["namespace"] in wanted]
        return len({item["metadata"]["namespace"] for item in mine}) == len(wanted) and all(
            (item["status"].get("readyReplicas") or 0) >= (item["spec"].get("replicas") or 0) for item in mine
        )
