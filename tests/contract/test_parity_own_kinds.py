"""As test_parity, for the kinds that localcluster has and the control plane's port does not: store and real API server answer alike."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import ApiClient

from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.schema import KINDS, Kind
from tests.contract.conftest import KUBECONFIG
from tests.fakes.cluster import Ticking

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(not KUBECONFIG, reason="STOREYARD_TEST_KUBECONFIG names no API server")]

Body = dict[str, Any]
TERM: Body = {"matchLabelExpressions": [{"key": "a", "values": ["b"]}]}
CLASS: Body = {"provisioner": "x.test/z", "allowVolumeExpansion": True, "mountOptions": ["ro"], "allowedTopologies": [TERM]}
SLICE: Body = {
    "addressType": "IPv4",
    "endpoints": [
        {"addresses": ["10.1.2.4", "10.1.2.3"], "conditions": {"ready": False}, "targetRef": {"kind": "Pod", "name": "p"}, "nodeName": "n"},
        {"addresses": ["10.1.2.5"]},
    ],
    "ports": [{"port": 80}, {"name": "a", "port": 81, "protocol": "UDP", "appProtocol": "http"}],
}
CASES: list[tuple[str, Body, list[Body]]] = [
    (
        "StorageClass",
        CLASS,
        [
            {"provisioner": "other.test/z"},
            {"parameters": {"c": "d"}},
            {"reclaimPolicy": "Retain"},
            {"reclaimPolicy": "Nope"},
            {"volumeBindingMode": "WaitForFirstConsumer"},
            {"allowVolumeExpansion": None},
        ],
    ),
    (
        "EndpointSlice",
        SLICE,
        [
            {"addressType": "IPv6", "endpoints": []},
            {"addressType": ""},
            {"ports": [{"port": 1}, {"port": 2}]},
            {"endpoints": [{"addresses": []}]},
            {"ports": None, "endpoints": None},
        ],
    ),
]


class Server:
    """A real one, by its paths."""

    def __init__(self, kind: Kind, namespace: str, name: str) -> None:
        root = "/apis/" if kind.group else "/api/"
        self._path = f"{root}{kind.api_version}/{f'namespaces/{namespace}/' if kind.namespaced else ''}{kind.plural}"
        self._name = name
        self._client: ApiClient = config.new_client_from_config(KUBECONFIG)

    def create(self, body: Body) -> Body:
        return self._call("POST", self._path, body, "application/json", fieldManager="hand")

    def apply(self, body: Body) -> Body:
        return self._call("PATCH", f"{self._path}/{self._name}", body, "application/apply-patch+yaml", fieldManager="us", force="true")

    def merge(self, patch: Body) -> Body:
        return self._call("PATCH", f"{self._path}/{self._name}", patch, "application/merge-patch+json", fieldManager="hand")

    def close(self) -> None:
        self._call("DELETE", f"{self._path}/{self._name}", None, "application/json")
        self._client.close()
        self._client.rest_client.pool_manager.clear()

    def _call(self, method: str, path: str, body: Body | None, content_type: str, **query: str) -> Body:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        request = self._client.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        return json.loads(self._client.call_api(*request).read())


def answer(work: Callable[[], Body]) -> Body:
    try:
        return work()
    except ApiError as error:
        return error.status()


def comparable(body: Body) -> Body:
    """Without identity and times."""
    meta = {name: value for name, value in body["metadata"].items() if name not in ("uid", "resourceVersion", "creationTimestamp")}
    entries = [{name: value for name, value in entry.items() if name != "time"} for entry in meta.pop("managedFields", ())]
    return {**body, "metadata": meta, "managed": sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(KINDS[request.param], "default", f"parity-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


@pytest.mark.parametrize(("server", "content", "changes"), CASES, ids=[kind for kind, _, _ in CASES], indirect=["server"])
def test_own_kinds_answer_alike(server: Server, content: Body, changes: list[Body], request: pytest.FixtureRequest) -> None:
    info, name = KINDS[request.node.callspec.id], server._name
    namespace = "default" if info.namespaced else ""
    store = Store(now=Ticking())
    store.create("Namespace", {"metadata": {"name": "default"}}, manager="m")
    body: Body = {"apiVersion": info.api_version, "kind": info.name, "metadata": {"name": name, "labels": {"a": "b"}}, **content}
    applied: Body = {**body, "metadata": {"name": name, "annotations": {"c": "d"}}}

    def ours(patch: Body) -> Body:
        return answer(lambda: store.patch(info.name, namespace, name, patch, form="merge", manager="hand"))

    made = answer(lambda: store.create(info.name, body, namespace=namespace, manager="hand"))
    assert comparable(made) == comparable(server.create(body)), "created"
    again = answer(lambda: store.apply(info.name, namespace, name, applied, manager="us", force=True))
    assert comparable(again) == comparable(server.apply(applied)), "applied"
    for change in [{"metadata": {"labels": {"e": "f"}}}, {"metadata": {"annotations": {"e": "f"}}}, *changes]:
        assert comparable(ours(change)) == comparable(server.merge(change)), change
