"""The object store's verbs, where the contract suite doesn't reach: PUT, other patches, status codes, what is written into an answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.pools import Pool, addresses
from localcluster.strategy import DEFAULT_CLASS, Surroundings
from tests.unit.localcluster.shapes import NAMESPACE, Ticking, config_map, deployment, new_store


@pytest.fixture
def store() -> Store:
    return new_store()


def refused(code: int, reason: str) -> Any:
    """A context that demands this answer."""
    return pytest.raises(ApiError, check=lambda error: (error.code, error.reason) == (code, reason))


def apply(store: Store, body: dict[str, Any], **options: Any) -> dict[str, Any]:
    options = {"manager": "us", "force": True, **options}
    return store.apply(body["kind"], NAMESPACE, body["metadata"]["name"], body, **options)


def test_two_stores_with_the_same_history_are_equal() -> None:
    first, second = new_store(), new_store()
    for each in (first, second):
        apply(each, deployment())
        apply(each, config_map({"a": "b"}))
    assert first.list("Deployment") == second.list("Deployment")
    assert first.list("ConfigMap") == second.list("ConfigMap")


@pytest.mark.parametrize(
    ("body", "code", "reason", "why"),
    [
        ({"metadata": {"name": "a", "resourceVersion": "5"}}, 500, "", "a new object has no version"),
        ({"metadata": {}}, 422, "Invalid", "it needs a name"),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400, "BadRequest", "the namespace is not the one of the address"),
        ({"kind": "Secret", "metadata": {"name": "a"}}, 400, "BadRequest", "the kind is not the one of the address"),
        ({"apiVersion": "v2", "metadata": {"name": "a"}}, 400, "BadRequest", "there is no such version"),
        ({"metadata": {"name": "a"}, "data": {"a": 1}}, 400, "BadRequest", "a value is no string"),
        ({"metadata": {"name": "a", "finalizers": ["plain"]}}, 422, "Invalid", "a finalizer needs a domain"),
        ({"metadata": {"name": "a" * 254}}, 422, "Invalid", "the name is too long"),
    ],
)
def test_creation_is_refused(store: Store, body: dict[str, Any], code: int, reason: str, why: str) -> None:
    with refused(code, reason):
        store.create("ConfigMap", body, namespace=NAMESPACE, manager="m")
    assert store.list("ConfigMap").items == (), why


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ({"foo": 1}, 500, "an unknown field"),
        ({"data": {"a": 1}}, 500, "a wrong type"),
        ({"data": "x"}, 500, "no map"),
        ({"metadata": {"name": "settings", "managedFields": []}}, 400, "bookkeeping in the configuration"),
        ({"metadata": {"name": "other"}}, 400, "another name"),
        ({"metadata": {"name": "settings", "uid": "x"}}, 409, "a uid, and nothing there"),
    ],
)
def test_an_apply_is_refused(store: Store, body: dict[str, Any], code: int, why: str) -> None:
    with pytest.raises(ApiError) as caught:
        store.apply("ConfigMap", NAMESPACE, "settings", {**config_map(), **body}, manager="us")
    assert caught.value.code == code, why


def test_an_apply_needs_a_manager(store: Store) -> None:
    with refused(422, "Invalid"):
        apply(store, config_map(), manager="")


def test_a_conflict_names_the_manager_and_the_field(store: Store) -> None:
    apply(store, deployment(env=[{"name": "A", "value": "1"}]))
    with refused(409, "Conflict") as caught:
        apply(store, deployment(env=[{"name": "A", "value": "2"}]), manager="them", force=False)
    (cause,) = caught.value.status()["details"]["causes"]
    assert cause["reason"] == "FieldManagerConflict"
    assert cause["field"] == '.spec.template.spec.containers[name="main"].env[name="A"].value'
    assert caught.value.message == f'Apply failed with 1 conflict: conflict with "us": {cause["field"]}'


def test_an_unknown_kind_is_not_found(store: Store) -> None:
    with refused(404, "NotFound"):
        store.get("Gadget", NAMESPACE, "a")


def test_a_put_replaces_and_checks_version_and_uid(store: Store) -> None:
    made = apply(store, config_map({"a": "1", "b": "2"}))
    body = {**made, "data": {"a": "1"}}
    put = store.update("ConfigMap", NAMESPACE, "settings", body, manager="putter")
    assert put["data"] == {"a": "1"}
    with refused(409, "Conflict"):
        store.update("ConfigMap", NAMESPACE, "settings", {**body, "data": {}}, manager="putter")
    with refused(409, "Conflict"):
        store.update("ConfigMap", NAMESPACE, "settings", {**put, "metadata": {**put["metadata"], "uid": "x"}}, manager="putter")
    unversioned = {"metadata": {"name": "settings"}, "data": {"c": "3"}}
    assert store.update("ConfigMap", NAMESPACE, "settings", unversioned, manager="putter")["data"] == {"c": "3"}


def test_an_equal_put_is_no_write(store: Store) -> None:
    made = apply(store, config_map({"a": "1"}))
    assert store.update("ConfigMap", NAMESPACE, "settings", made, manager="putter") == made
    assert store.version == made["metadata"]["resourceVersion"]


def test_unknown_fields_of_an_update_are_dropped(store: Store) -> None:
    apply(store, config_map({"a": "1"}))
    patched = store.patch("ConfigMap", NAMESPACE, "settings", {"nope": 1}, form="merge", manager="m")
    assert "nope" not in patched


def test_a_patch_to_no_such_object_is_refused_with_what_it_would_be(store: Store) -> None:
    apply(store, deployment())
    with refused(422, "Invalid"):
        store.patch("Deployment", NAMESPACE, "web", {"spec": {"replicas": "many"}}, form="merge", manager="m")


def test_the_servers_bookkeeping_cannot_be_written(store: Store) -> None:
    made = apply(store, config_map({"a": "1"}))
    patch = {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z", "generation": 7}}
    patched = store.patch("ConfigMap", NAMESPACE, "settings", patch, form="merge", manager="m")
    assert patched["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    with refused(422, "Invalid"):
        store.patch("ConfigMap", NAMESPACE, "settings", {"metadata": {"uid": "x"}}, form="merge", manager="m")


def test_status_and_spec_have_their_own_doors(store: Store) -> None:
    apply(store, deployment())
    change = {"spec": {"replicas": 7}, "status": {"replicas": 3}, "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}
    through_status = store.patch("Deployment", NAMESPACE, "web", change, form="merge", manager="controller", subresource="status")
    assert through_status["spec"]["replicas"] == 1
    assert through_status["status"] == {"replicas": 3}
    assert "labels" not in through_status["metadata"]
    assert through_status["metadata"]["annotations"] == {"c": "d"}
    assert through_status["metadata"]["generation"] == 1
    through_main = store.patch("Deployment", NAMESPACE, "web", {"status": {"replicas": 9}}, form="merge", manager="m")
    assert through_main["status"] == {"replicas": 3}


def test_a_strategic_patch_addresses_items_by_their_key(store: Store) -> None:
    apply(store, deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))
    container = {"name": "main", "env": [{"name": "B", "value": "9"}, {"name": "A", "$patch": "delete"}, {"name": "C", "value": "3"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = store.patch("Deployment", NAMESPACE, "web", patch, form="strategic", manager="m")
    env = patched["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "B", "value": "9"}, {"name": "C", "value": "3"}]


def test_generated_names_differ(store: Store) -> None:
    body = {"metadata": {"generateName": "run-"}}
    names = {store.create("ConfigMap", body, namespace=NAMESPACE, manager="m")["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("run-") for name in names)


def test_addresses_of_services_differ_and_headless_ones_have_none(store: Store) -> None:
    def address(name: str, **spec: Any) -> str:
        body = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
        return apply(store, body)["spec"]["clusterIP"]

    assert address("a") != address("b")
    assert address("c", clusterIP="None") == "None"


def service(store: Store, name: str, **spec: Any) -> dict[str, Any]:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    return store.create("Service", body, namespace=NAMESPACE, manager="m")["spec"]


def test_after_a_restart_addresses_and_ports_in_use_are_skipped() -> None:
    first = new_store(surroundings=Surroundings(addresses=addresses("127.96.0.0/12")))
    assert service(first, "a", type="NodePort")["clusterIP"] == "127.96.0.1"
    again = Store(now=Ticking(), surroundings=Surroundings(addresses=addresses("127.96.0.0/12")))
    again.restore([*first.all("Namespace"), *first.all("Service")], 10)
    made = service(again, "b", type="NodePort")
    assert (made["clusterIP"], made["ports"][0]["nodePort"]) == ("127.96.0.2", 30001)


def test_a_released_address_is_used_again_last() -> None:
    store = new_store(surroundings=Surroundings(addresses=addresses("127.96.0.0/30"), node_ports=Pool(1, lambda n: 30000 + n)))
    assert service(store, "a")["clusterIP"] == "127.96.0.1"
    store.delete("Service", NAMESPACE, "a")
    assert service(store, "b", type="NodePort")["clusterIP"] == "127.96.0.2"
    with pytest.raises(ApiError, match="failed to allocate a nodePort"):
        service(store, "c", type="NodePort")
    assert service(store, "d")["clusterIP"] == "127.96.0.1"
    with pytest.raises(ApiError, match="failed to allocate a serviceIP: range is full"):
        service(store, "e")


def storage_class(store: Store, name: str, *, default: bool, **fields: Any) -> None:
    meta = {"name": name, "annotations": {DEFAULT_CLASS: str(default).lower()}}
    store.create("StorageClass", {"metadata": meta, "provisioner": "example.test/folder", **fields}, manager="m")


@pytest.mark.parametrize(
    ("classes", "asked", "given", "why"),
    [
        ({}, None, "standard", "without objects the surroundings say"),
        ({"a": False}, None, None, "none is the default"),
        ({"a": False, "b": True}, None, "b", "the default"),
        ({"b": True, "c": True}, None, "c", "the newest of two"),
        ({"b": True}, "a", "a", "it names its own"),
        ({"b": True}, "", "", "it wants none"),
    ],
)
def test_a_claim_gets_the_default_class(classes: dict[str, bool], asked: str | None, given: str | None, why: str) -> None:
    store = new_store()
    for name, default in classes.items():
        storage_class(store, name, default=default)
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": asked}
    made = store.create("PersistentVolumeClaim", {"metadata": {"name": "data"}, "spec": spec}, namespace=NAMESPACE, manager="m")
    assert made["spec"].get("storageClassName") == given, why


def test_a_node_is_registered_with_its_state_and_has_its_own_door_for_it(store: Store) -> None:
    status = {"capacity": {"memory": "1024Mi", "pods": 110}}
    made = store.create("Node", {"metadata": {"name": "local"}, "status": status}, manager="kubelet")
    assert made["status"]["allocatable"] == {"memory": "1Gi", "pods": "110"}
    patch = {"status": {"phase": "x"}, "spec": {"unschedulable": True}}
    patched = store.patch("Node", "", "local", patch, form="merge", manager="m")
    assert ("phase" in patched["status"], patched["spec"]) == (False, {"unschedulable": True})
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    store.patch("Node", "", "local", ready, form="strategic", manager="kubelet", subresource="status")
    full = {"status": {"conditions": [{"type": "DiskPressure", "status": "False"}]}}
    patched = store.patch("Node", "", "local", full, form="strategic", manager="kubelet", subresource="status")
    assert {each["type"] for each in patched["status"]["conditions"]} == {"Ready", "DiskPressure"}


def test_the_generation_of_an_endpoint_slice_counts_all_but_annotations(store: Store) -> None:
    body = {"metadata": {"name": "web"}, "addressType": "IPv4", "endpoints": [{"addresses": ["127.64.0.1"]}], "ports": [{"port": 80}]}
    made = store.create("EndpointSlice", body, namespace=NAMESPACE, manager="m")
    assert made["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]

    def generation(patch: dict[str, Any]) -> int:
        return store.patch("EndpointSlice", NAMESPACE, "web", patch, form="merge", manager="m")["metadata"]["generation"]

    assert generation({"metadata": {"annotations": {"a": "b"}}}) == 1
    assert generation({"metadata": {"labels": {"a": "b"}}}) == 2
    assert generation({"ports": [{"port": 81}]}) == 3


@pytest.mark.parametrize(
    ("expandable", "classes", "allowed"),
    [
        (True, {}, True),
        (False, {}, False),
        (False, {"standard": True}, True),
        (False, {"standard": False}, False),
        (False, {"standard": None, "other": True}, False),
    ],
)
def test_a_bound_claim_grows_only_where_its_class_allows(expandable: bool, classes: dict[str, bool | None], allowed: bool) -> None:
    store = new_store(surroundings=Surroundings(expandable=expandable))
    for name, growing in classes.items():
        storage_class(store, name, default=name == "standard", allowVolumeExpansion=growing)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    made = apply(store, body)
    assert made["spec"]["storageClassName"] == "standard"
    store.patch("PersistentVolumeClaim", NAMESPACE, "data", {"status": {"phase": "Bound"}}, form="merge", manager="m", subresource="status")
    grown = {**body, "spec": {**spec, "resources": {"requests": {"storage": "2Gi"}}}}
    if allowed:
        assert apply(store, grown)["spec"]["resources"]["requests"]["storage"] == "2Gi"
    else:
        with refused(403, "Forbidden"):
            apply(store, grown)


def test_a_pod_on_a_node_is_given_time_to_end(store: Store) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    store.create("Pod", pod, namespace=NAMESPACE, manager="m")
    assert store.delete("Pod", NAMESPACE, "p") is None, "nobody runs it yet"
    store.create("Pod", pod, namespace=NAMESPACE, manager="m")
    store.patch("Pod", NAMESPACE, "p", {"spec": {"nodeName": "node-0"}}, form="merge", manager="kube-scheduler")
    marked = store.delete("Pod", NAMESPACE, "p")
    assert marked is not None
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert store.delete("Pod", NAMESPACE, "p", grace_seconds=0) is None


def test_writers_in_threads_lose_nothing(store: Store) -> None:
    def write(number: int) -> None:
        for step in range(20):
            store.patch("ConfigMap", NAMESPACE, "settings", {"data": {f"k{number}-{step}": "x"}}, form="merge", manager=f"m{number}")

    apply(store, config_map())
    before = int(store.version)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live = store.get("ConfigMap", NAMESPACE, "settings")
    assert len(live["data"]) == 80
    assert int(live["metadata"]["resourceVersion"]) == before + 80


def test_a_refusal_is_a_status_object() -> None:
    with pytest.raises(ApiError) as error:
        new_store().get("Deployment", NAMESPACE, "web")
    assert error.value.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "web" not found',
        "reason": "NotFound",
        "details": {"name": "web", "group": "apps", "kind": "deployments"},
        "code": 404,
    }
