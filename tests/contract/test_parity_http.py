"""The pocket cluster and a real API server, asked the same over HTTP, answer alike: codes, bodies, warnings, tables, discovery.

Each case is one walk of requests in a namespace of its own. Identities, versions, times and addresses are left out; so are the words in
which Go's JSON parser complains.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from app.adapters.kube_access import Access, open_access
from localcluster.schema import KINDS
from tests.contract.conftest import KUBECONFIG, PocketHands
from tests.contract.test_parity import MANIFESTS

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(not KUBECONFIG, reason="STOREYARD_TEST_KUBECONFIG names no API server")]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MERGE, STRATEGIC, JSON_PATCH = (f"application/{form}+json" for form in ("merge-patch", "strategic-merge-patch", "json-patch"))
APPLY = "application/apply-patch+yaml"
# What changes from server to server and from time to time.
_VOLATILE = frozenset({
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "storageVersionHash", "continue", "description",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    access: Access
    namespace: str

    def ask(self, method: str, path: str, body: Any = None, *, type_: str = "application/json", accept: str = "application/json") -> Any:
        """Code, warnings and body (for a watch: the list of its events), as far as two servers can agree."""
        headers = {"Accept": accept, "User-Agent": "parity/1.0", "Content-Type": type_}
        self.access.authorize(headers)
        data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        url = self.access.host + path.replace("NS", self.namespace)
        answer = self.access.pool.request(method, url, body=data, headers=headers, retries=False, timeout=urllib3.Timeout(20))
        text = answer.data.decode().replace(self.namespace, "NS")
        whole = [json.loads(line) for line in text.splitlines()] if "watch=" in path and answer.status == 200 else _parsed(text)
        return answer.status, sorted(answer.headers.getlist("warning")), stable(whole)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def stable(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {name: stable(item) for name, item in value.items() if name not in _VOLATILE}
        if isinstance(found.get("managedFields"), list):
            found["managedFields"] = sorted(found["managedFields"], key=lambda entry: (entry["manager"], entry["operation"]))
        return found
    if isinstance(value, list):
        return [stable(item) for item in value]
    if isinstance(value, str):
        # Ages, identities, and versions in messages.
        value = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID", value)
        value = re.sub(r"^(\d+[smhdy])+$", "AGE", value)
        return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z|(?<=record \()\d+|(?<=current: )\d+|(?<=version: 1 \()\d+", "N", value)
    return value


@pytest.fixture(scope="module")
def pair(real_cluster: Any, pocket_cluster: tuple[Any, PocketHands]) -> Iterator[tuple[Server, Server]]:
    """The real one, and the pocket cluster, with a namespace of the same name in both. Nothing is left in it by controllers' defaults."""
    namespace = f"parity-{uuid.uuid4().hex[:8]}"
    servers = [Server(open_access(path, connections=4), namespace) for path in (KUBECONFIG, str(pocket_cluster[1].pocket.kubeconfig))]
    for server in servers:
        assert server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})[0] == 201
    yield servers[0], servers[1]
    for server in servers:
        server.ask("DELETE", "/api/v1/namespaces/NS")
        server.access.pool.clear()


CM = "/api/v1/namespaces/NS/configmaps"
PODS = "/api/v1/namespaces/NS/pods"
DEPLOY = "/apis/apps/v1/namespaces/NS/deployments"
MAP: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": {"walk": "x"}}, "data": {"a": "1"}}
UNKNOWN = {**MAP, "metadata": {"name": "two", "bogus": 1}, "datum": {}}
TEMPLATE = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "m", "image": "example.test/w:1"}]}}
WORKLOAD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "w"},
    "spec": {"replicas": 0, "paused": True, "selector": {"matchLabels": {"app": "w"}}, "template": TEMPLATE},
}
POD = {
    "metadata": {"name": "p", "labels": {"walk": "p"}},
    "spec": {"schedulerName": "nobody", "automountServiceAccountToken": False, "containers": TEMPLATE["spec"]["containers"]},
}
LABELLED = quote("walk=x")
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
Step = tuple[Any, ...]

WALKS: dict[str, list[Step | tuple[Step, dict[str, str]]]] = {
    "an object's life": [
        ("POST", CM, MAP),
        ("GET", f"{CM}/one"),
        ("POST", CM, MAP),
        ("PUT", f"{CM}/one", {**MAP, "data": {"a": "2"}}),
        ("PUT", f"{CM}/none", {**MAP, "metadata": {"name": "none"}}),
        ("PUT", f"{CM}/other", MAP),
        (("PATCH", f"{CM}/one?fieldManager=hand", {"data": {"b": "3"}}), {"type_": MERGE}),
        (("PATCH", f"{CM}/one?fieldManager=hand", {"data": {"b": None}}), {"type_": STRATEGIC}),
        (("PATCH", f"{CM}/one", [{"op": "add", "path": "/data/c", "value": "4"}]), {"type_": JSON_PATCH}),
        (("PATCH", f"{CM}/one?fieldManager=ours", MAP), {"type_": APPLY}),
        (("PATCH", f"{CM}/one?fieldManager=ours&force=true", MAP), {"type_": APPLY}),
        (("PATCH", f"{CM}/fresh?fieldManager=ours", {**MAP, "metadata": {"name": "fresh"}}), {"type_": APPLY}),
        (("PATCH", f"{CM}/one", MAP), {"type_": APPLY}),
        ("DELETE", f"{CM}/one", {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "no"}}),
        ("DELETE", f"{CM}/one?dryRun=All"),
        ("DELETE", f"{CM}/one"),
        ("DELETE", f"{CM}/one"),
        ("GET", f"{CM}/one"),
        ("DELETE", f"{CM}?labelSelector=none"),
        ("DELETE", f"{CM}/fresh"),
    ],
    "what is refused": [
        ("GET", "/api/v1/namespaces/NS/nosuch"),
        ("GET", "/apis/nosuch.test/v1/things"),
        ("GET", "/apis/apps/v1/deployments/x"),
        ("GET", f"{CM}/one/status"),
        ("PUT", CM, MAP),
        ("POST", "/api/v1/configmaps", MAP),
        ("DELETE", "/api/v1/configmaps"),
        ("POST", CM, {**MAP, "metadata": {"name": "Not_Good"}}),
        ("POST", CM, {**MAP, "metadata": {"name": "x", "namespace": "other"}}),
        ("POST", CM, {**MAP, "data": {"a": 1}}),
        ("POST", DEPLOY, {**WORKLOAD, "spec": {}}),
        ("POST", f"{CM}?fieldValidation=Strict", UNKNOWN),
        ("POST", f"{CM}?fieldValidation=Nope&dryRun=Some", MAP),
        (("PATCH", f"{CM}/one?force=true", {}), {"type_": MERGE}),
        (("PATCH", f"{CM}/one?fieldManager=x", "kind: ConfigMap"), {"type_": APPLY}),
        ("DELETE", f"{CM}/one?propagationPolicy=Some"),
        ("GET", f"{CM}?limit=x"),
        ("GET", f"{CM}?resourceVersion=x"),
        ("GET", f"{CM}?resourceVersion=99999999999"),
        ("GET", f"{CM}?fieldSelector=data.a%3Dx"),
        ("GET", f"{CM}?watch=true&resourceVersion=x"),
    ],
    "what is warned of": [
        ("POST", CM, UNKNOWN),
        ("POST", f"{CM}?fieldValidation=Ignore&dryRun=All", {**UNKNOWN, "metadata": {"name": "three"}}),
        (("PATCH", f"{CM}/two?fieldManager=x", {"datum": {}, "metadata": {"bogus": 1}}), {"type_": STRATEGIC}),
        (("PATCH", f"{CM}/two?fieldManager=x", [{"op": "add", "path": "/datum", "value": {}}]), {"type_": JSON_PATCH}),
        ("DELETE", f"{CM}/two"),
    ],
    "lists and watches": [
        ("POST", CM, MAP),
        ("POST", CM, {**MAP, "metadata": {"name": "two", "labels": {"walk": "x"}}}),
        ("GET", f"{CM}?labelSelector={LABELLED}"),
        ("GET", f"{CM}?labelSelector={LABELLED}&limit=1"),
        ("GET", f"{CM}?fieldSelector=metadata.name%3Dtwo&resourceVersion=0"),
        ("GET", f"{CM}?labelSelector={LABELLED}&watch=true&timeoutSeconds=1"),
        ("GET", f"{CM}?labelSelector={LABELLED}&watch=true&timeoutSeconds=1&resourceVersion=0"),
        (("GET", f"{CM}?labelSelector={LABELLED}&watch=true&timeoutSeconds=1"), {"accept": TABLE}),
        (("GET", f"{CM}?labelSelector={LABELLED}"), {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}),
        (("GET", f"{CM}/one"), {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}),
        (("GET", f"{CM}/one"), {"accept": TABLE}),
        (("GET", f"{CM}?labelSelector={LABELLED}&includeObject=None"), {"accept": TABLE}),
        (("GET", f"{CM}?labelSelector={LABELLED}&includeObject=Object"), {"accept": TABLE}),
        ("DELETE", f"{CM}?labelSelector={LABELLED}"),
        ("GET", f"{CM}?labelSelector={LABELLED}"),
    ],
    "subresources": [
        ("POST", DEPLOY, WORKLOAD),
        ("GET", f"{DEPLOY}/w/scale"),
        (("PATCH", f"{DEPLOY}/w/scale?fieldManager=kubectl", {"spec": {"replicas": 2}}), {"type_": MERGE}),
        ("PUT", f"{DEPLOY}/w/scale", {"metadata": {"name": "w", "namespace": "NS"}, "spec": {"replicas": -1}}),
        ("GET", f"{DEPLOY}/w/nosuch"),
        ("DELETE", f"{DEPLOY}/w"),
        ("POST", PODS, POD),
        (("PATCH", f"{PODS}/p/status?fieldManager=x", {"status": {"message": "m"}, "spec": {"nodeName": "x"}}), {"type_": MERGE}),
        (("PATCH", f"{PODS}/p?fieldManager=x", {"status": {"message": "n"}, "metadata": {"labels": {"a": "b"}}}), {"type_": MERGE}),
        ("GET", f"{PODS}/none/log"),
        ("GET", f"{PODS}/p/log?container=none"),
        ("GET", f"{PODS}/p/log?tailLines=-1"),
        ("POST", f"{PODS}/none/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "none"}}),
        ("POST", f"{PODS}/p/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ],
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_every_answer_of_a_walk_is_alike(pair: tuple[Server, Server], walk: list[Any]) -> None:
    differing: list[str] = []
    for entry in walk:
        step, options = entry if isinstance(entry[0], tuple) else (entry, {})
        body = json.loads(json.dumps(step[2]).replace('"NS"', f'"{pair[0].namespace}"')) if len(step) > 2 else None
        real, ours = (server.ask(step[0], step[1], body, **options) for server in pair)
        if real != ours:
            differing.append(f"{step[0]} {step[1]}\n   real {real}\n   ours {ours}")
    assert not differing, "\n".join(differing)


@pytest.mark.parametrize("template", MANIFESTS, ids=[f"{body['kind']}-{body['metadata']['name']}" for body in MANIFESTS])
def test_a_table_and_a_deletion_of_each_kind_are_alike(pair: tuple[Server, Server], template: dict[str, Any]) -> None:
    kind = KINDS[template["kind"]]
    root = f"/apis/{kind.api_version}" if kind.group else "/api/v1"
    path = f"{root}/namespaces/NS/{kind.plural}"
    name = template["metadata"]["name"]
    body = json.loads(json.dumps(template).replace("HOME", pair[0].namespace))
    body["metadata"].pop("namespace", None)
    body["metadata"]["finalizers"] = ["example.test/hold"]  # both stay what they are until they are looked at
    made, rows, gone = [], [], []
    for server in pair:
        made.append(server.ask("POST", path, body)[0])
        code, _, table = server.ask("GET", f"{path}?fieldSelector=metadata.name%3D{name}", accept=TABLE)
        rows.append((code, table["columnDefinitions"], [row["cells"][0] for row in table["rows"]]))
        code, _, answer = server.ask("DELETE", f"{path}/{name}?propagationPolicy=Background")
        gone.append((code, answer["kind"]))
        server.ask("PATCH", f"{path}/{name}", {"metadata": {"finalizers": None}}, type_=MERGE)
    assert made == [201, 201]
    assert rows[0] == rows[1]
    assert gone[0] == gone[1]


def test_discovery_says_the_same_of_the_kinds_that_both_have(pair: tuple[Server, Server]) -> None:
    for version in sorted({kind.api_version for kind in KINDS.values()}):
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        (_, _, real), (_, _, ours) = (server.ask("GET", path) for server in pair)
        found = {entry["name"]: entry for entry in real["resources"]}
        for entry in ours["resources"]:
            assert found[entry["name"]] == entry
        assert {name: value for name, value in ours.items() if name not in ("resources", "apiVersion")} == {
            name: value for name, value in real.items() if name not in ("resources", "apiVersion")
        }


def test_aggregated_discovery_says_the_same_as_well(pair: tuple[Server, Server]) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    for path in ("/api", "/apis"):
        (_, _, real), (_, _, ours) = (server.ask("GET", path, accept=accept) for server in pair)
        assert {name: ours[name] for name in ("kind", "apiVersion", "metadata")} == {
            name: real[name] for name in ("kind", "apiVersion", "metadata")
        }
        known = _resources(real)
        for address, resource in _resources(ours).items():
            parts = {part["subresource"] for part in resource.get("subresources", ())}
            theirs = {**known[address], "subresources": [p for p in known[address].get("subresources", ()) if p["subresource"] in parts]}
            assert {"subresources": [], **resource} == theirs


def _resources(document: Any) -> dict[tuple[str, str, str], Any]:
    return {
        (group["metadata"].get("name", ""), version["version"], resource["resource"]): resource
        for group in document["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }


def test_an_access_review_is_alike_but_for_its_bookkeeping(pair: tuple[Server, Server]) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "get", "resource": "nosuch"}}}
    (code, _, real), (our_code, _, ours) = (server.ask("POST", REVIEW, body) for server in pair)
    assert (our_code, ours["status"], ours["spec"]) == (code, {"allowed": True}, real["spec"])
