"""The clusters that the contract suite runs against.

The fake and the pocket cluster always, the latter through the adapter of real clusters; a real API server where STOREYARD_TEST_KUBECONFIG
names one.
"""

from __future__ import annotations

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest
from kubernetes import config
from kubernetes.client import ApiClient

from app.adapters.kubernetes import KubernetesCluster
from app.domain.manifests import LiveObject, Manifest, ObjectKey
from app.ports import Cluster
from tests.fakes.cluster import FakeCluster
from tests.pocket import Pocket

KUBECONFIG = os.environ.get("STOREYARD_TEST_KUBECONFIG", "")
_numbers = itertools.count(1)


class Hands(Protocol):
    """Somebody else at work in the same cluster."""

    def edit(self, key: ObjectKey, patch: Any, *, manager: str = "kubectl-edit", subresource: str = "") -> LiveObject: ...

    def add(self, body: Mapping[str, Any], *, manager: str = "kubectl-create") -> LiveObject: ...

    def settle(self) -> None: ...

    def expire(self) -> None: ...


class RealHands:
    """By the official client, past the adapter."""

    def __init__(self, path: str) -> None:
        self._client: ApiClient = config.new_client_from_config(path)

    def edit(self, key: ObjectKey, patch: Any, *, manager: str = "kubectl-edit", subresource: str = "") -> LiveObject:
        form = "json-patch" if isinstance(patch, list) else "merge-patch"
        path = f"{_path(key)}/{key.name}{'/' + subresource if subresource else ''}"
        return LiveObject.of(self._call("PATCH", path, patch, manager, f"application/{form}+json"))

    def add(self, body: Mapping[str, Any], *, manager: str = "kubectl-create") -> LiveObject:
        meta = body["metadata"]
        path = _path(ObjectKey(body["kind"], meta.get("namespace", ""), meta["name"]))
        return LiveObject.of(self._call("POST", path, dict(body), manager, "application/json"))

    def settle(self) -> None:
        time.sleep(0.1)

    def expire(self) -> None:
        pytest.skip("a real API server compacts when it will")

    def close(self) -> None:
        self._client.close()
        self._client.rest_client.pool_manager.clear()

    def _call(self, method: str, path: str, body: Any, manager: str, content_type: str) -> Any:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        response = self._client.call_api(
            *self._client.param_serialize(
                method, path, query_params=[("fieldManager", manager)], header_params=headers, body=body, auth_settings=["BearerToken"]
            )
        )
        response.read()
        return self._client.response_deserialize(response, {"200": "object", "201": "object"}).data


class PocketHands(RealHands):
    """As on a real one, but its history can be had forgotten, and its controllers are quick."""

    def __init__(self, pocket: Pocket) -> None:
        super().__init__(str(pocket.kubeconfig))
        self.pocket = pocket

    def settle(self) -> None:
        time.sleep(0.03)

    def expire(self) -> None:
        self.pocket.store.forget_history()


def _path(key: ObjectKey) -> str:
    info = key.info
    root = f"/apis/{info.api_version}" if "/" in info.api_version else f"/api/{info.api_version}"
    return f"{root}/namespaces/{key.namespace}/{info.plural}" if info.namespaced else f"{root}/{info.plural}"


class World:
    """A cluster, a namespace of one's own in it, and somebody else's hands."""

    def __init__(self, cluster: Cluster, hands: Hands, namespace: str) -> None:
        self.cluster = cluster
        self.hands = hands
        self.namespace = namespace

    def key(self, kind: str, name: str) -> ObjectKey:
        return ObjectKey(kind, self.namespace, name)

    def manifest(self, body: Mapping[str, Any]) -> Manifest:
        """With this world's namespace."""
        return Manifest.of({**body, "metadata": {"namespace": self.namespace, **body["metadata"]}})

    def config_map(self, name: str = "settings", data: Mapping[str, str] | None = None, **metadata: Any) -> Manifest:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
        return self.manifest({**body, "data": {"colour": "red"} if data is None else dict(data)})

    def live(self, key: ObjectKey) -> LiveObject:
        found = self.cluster.get(key)
        assert found is not None, f"{key} is not there"
        return found

    def eventually(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """What `condition` answers once it is true."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < deadline, "it did not come true in time"
            self.hands.settle()
        return answer

    def quiet(self, key: ObjectKey) -> LiveObject:
        """The object once the controllers have had their say."""
        self.hands.settle()
        before = self.live(key)

        def unchanged() -> LiveObject | None:
            nonlocal before
            self.hands.settle()
            self.hands.settle()
            self.hands.settle()
            last, before = before, self.live(key)
            return before if before.resource_version == last.resource_version else None

        return self.eventually(unchanged)


def _clusters() -> list[Any]:
    real = [pytest.param("real", marks=pytest.mark.cluster)] if KUBECONFIG else []
    return ["fake", "pocket", *real]


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[tuple[Cluster, RealHands]]:
    hands = RealHands(KUBECONFIG)
    yield KubernetesCluster.from_kubeconfig(KUBECONFIG), hands
    hands.close()


@pytest.fixture(scope="session")
def pocket_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, PocketHands]]:
    with Pocket(tmp_path_factory.mktemp("pocket")) as pocket:
        cluster, hands = KubernetesCluster.from_kubeconfig(str(pocket.kubeconfig)), PocketHands(pocket)
        yield cluster, hands
        cluster.close()
        hands.close()


@pytest.fixture(params=_clusters())
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    cluster: Cluster
    hands: Hands
    if request.param == "fake":
        cluster = hands = FakeCluster()
    else:
        cluster, hands = request.getfixturevalue(f"{request.param}_cluster")
    namespace = f"contract-{uuid.uuid4().hex[:8]}-{next(_numbers)}"
    made = cluster.create(Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    yield World(cluster, hands, namespace)
    cluster.delete(made.key)
