"""Drift on every kind that we apply: what counts, what does not, who is named, and that one pass puts it right (F18, F19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.domain.drift import DriftClass
from app.domain.manifests import LiveObject, ObjectKey, storable
from app.domain.stores import DriftMode
from tests.bench import RENDERER, Bench
from tests.golden.stores import snapshot

OBJECTS = [(manifest.key.kind, manifest.key.name) for manifest in RENDERER.render(snapshot())]
NAMESPACED = [place for place in OBJECTS if place[0] not in ("Namespace", "PersistentVolumeClaim")]

# A field that a stranger adds or changes, per kind: the merge patch, and the path under which it must be reported.
EDITS: Mapping[str, tuple[tuple[dict[str, Any], str], ...]] = {
    "Namespace": (({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}, "pod-security"),),
    "ResourceQuota": (
        ({"spec": {"hard": {"pods": "99"}}}, "spec.hard.pods"),
        ({"spec": {"hard": {"services": "1"}}}, "spec.hard.services"),
    ),
    "LimitRange": (({"spec": {"limits": []}}, "spec.limits"),),
    "ServiceAccount": (({"automountServiceAccountToken": True}, "automountServiceAccountToken"),),
    "Secret": (({"data": {"jwt_secret": "eA=="}}, "data.jwt_secret"), ({"data": {"more": "eA=="}}, "data.more")),
    "NetworkPolicy": (({"spec": {"ingress": [{}]}}, "spec.ingress"), ({"spec": {"egress": [{}]}}, "spec.egress")),
    "Service": (
        ({"spec": {"sessionAffinity": "ClientIP"}}, "spec.sessionAffinity"),
        ({"spec": {"selector": {"app": "x"}}}, "spec.selector"),
    ),
    "StatefulSet": (({"spec": {"replicas": 0}}, "spec.replicas"), ({"spec": {"minReadySeconds": 9}}, "spec.minReadySeconds")),
    "Deployment": (
        ({"spec": {"replicas": 5}}, "spec.replicas"),
        ({"spec": {"paused": True}}, "spec.paused"),
        ({"spec": {"template": {"metadata": {"annotations": {"injected": "yes"}}}}}, "spec.template.metadata.annotations.injected"),
        ({"spec": {"template": {"spec": {"hostNetwork": True}}}}, "spec.template.spec.hostNetwork"),
    ),
    "Ingress": (({"spec": {"rules": [{"host": "evil.test"}]}}, "spec.rules"),),
}  # fmt: skip


def cases() -> Iterator[tuple[str, str, dict[str, Any], str]]:
    for kind, name in OBJECTS:
        for patch, path in EDITS.get(kind, ()):
            yield kind, name, patch, path
        if kind != "PersistentVolumeClaim":
            yield kind, name, {"metadata": {"labels": {"added": "by-hand"}}}, "metadata.labels.added"
            yield kind, name, {"metadata": {"annotations": {"added": "by-hand"}}}, "metadata.annotations.added"
            yield kind, name, {"metadata": {"labels": {"storeyard.dev/store-id": None}}}, "metadata.labels.storeyard.dev/store-id"
            yield kind, name, {"metadata": {"labels": {"storeyard.dev/store-id": "forged"}}}, "metadata.labels.storeyard.dev/store-id"
            yield kind, name, {"metadata": {"finalizers": ["example.com/hold"]}}, "metadata.finalizers[example.com/hold]"


CASES = list(cases())


def place(bench: Bench, kind: str, name: str) -> ObjectKey:
    return bench.key(kind, bench.store.namespace if kind == "Namespace" else name)


def state(bench: Bench) -> dict[ObjectKey, Any]:
    """Everything that is ours, as we compare it."""
    found: dict[ObjectKey, Any] = {}
    for key in bench.store.inventory:
        live = bench.cluster.look(key)
        found[key] = storable(live.body) if live is not None else None
    return found


@pytest.mark.parametrize(("kind", "name", "patch", "path"), CASES, ids=[f"{k}/{n} {p}" for k, n, _, p in CASES])
@pytest.mark.parametrize("manager", ["kubectl-edit", "kube-controller-manager", "k3s", "storeyard"])
def test_f19_an_edit_by_hand_is_found_named_and_repaired(
    kind: str, name: str, patch: dict[str, Any], path: str, manager: str, bench_ready: Bench
) -> None:
    bench = bench_ready
    key, before = place(bench, kind, name), state(bench)
    bench.cluster.edit(key, patch, manager=manager)
    outcome = bench.run()
    [drift] = outcome.drift
    assert drift.key == key
    assert any(difference.path.startswith(path) or path in difference.path for difference in drift.differences), drift
    assert state(bench) == before
    assert {written for verb, written in bench.written if verb != "get"} == {str(key)}, "no other object is touched"
    assert bench.says("Synced") == ("True", "InSync")
    bench.cluster.calls.clear()
    assert bench.run().drift == ()
    assert bench.written == [], "put right for good"


@pytest.fixture
def bench_ready() -> Bench:
    return Bench().make_ready()


@pytest.mark.parametrize(("kind", "name"), NAMESPACED, ids=str)
def test_f19_a_deleted_object_returns(kind: str, name: str, bench_ready: Bench) -> None:
    before = state(bench_ready)
    bench_ready.cluster.remove(place(bench_ready, kind, name))
    outcome = bench_ready.run()
    assert [(drift.key.name, drift.drift_class) for drift in outcome.drift] == [(name, DriftClass.MISSING)]
    after = state(bench_ready)
    assert {key for key in before if _wanted(before[key]) != _wanted(after[key])} == set()


def _wanted(body: Any) -> Any:
    """Less what the cluster assigns anew to an object made anew."""
    spec = {name: value for name, value in (body.get("spec") or {}).items() if name not in ("clusterIP", "clusterIPs")}
    return {**body, "spec": spec, "metadata": {k: v for k, v in body["metadata"].items() if k != "annotations"}}


@pytest.mark.parametrize(("kind", "name"), [("Service", "backend"), ("Secret", "store"), ("Deployment", "backend")], ids=str)
def test_an_object_made_anew_by_a_stranger_is_brought_back_to_what_was_asked(kind: str, name: str, bench_ready: Bench) -> None:
    key = place(bench_ready, kind, name)
    live = bench_ready.cluster.look(key)
    assert live is not None
    bench_ready.cluster.remove(key)
    bench_ready.cluster.settle()
    body = {**live.body, "metadata": {"name": name, "namespace": key.namespace}}
    body.pop("status", None)
    if kind == "Service":
        body["spec"] = {"ports": [{"port": 1}]}
    bench_ready.cluster.add(body, manager="stranger")
    bench_ready.run()
    outcome = bench_ready.run()
    assert outcome.drift == ()
    repaired = bench_ready.cluster.look(key)
    assert repaired is not None
    assert repaired.labels["storeyard.dev/store-id"] == bench_ready.store.id


def test_managed_fields_that_were_wiped_are_drift_and_hide_nothing(bench_ready: Bench) -> None:
    key, before = place(bench_ready, "Deployment", "backend"), state(bench_ready)
    bench_ready.cluster.edit(key, {"metadata": {"managedFields": [{}], "annotations": {"evil": "1"}}, "spec": {"paused": True}})
    [drift] = bench_ready.run().drift
    assert {"spec.paused", "metadata.annotations.evil", "metadata.managedFields"} <= {d.path for d in drift.differences}
    assert state(bench_ready) == before


def test_an_annotation_that_came_through_the_status_subresource_is_drift_like_any_other(bench_ready: Bench) -> None:
    """Of a Deployment an API server takes annotations there too, as its own controller's revision."""
    key, before = place(bench_ready, "Deployment", "backend"), state(bench_ready)
    bench_ready.cluster.edit(key, {"metadata": {"annotations": {"evil": "1"}}}, manager="sly", subresource="status")
    [drift] = bench_ready.run().drift
    assert [(difference.path, difference.manager) for difference in drift.differences] == [("metadata.annotations.evil", "sly")]
    assert state(bench_ready) == before


UNTOUCHED: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    ("a rollout restart", "Deployment", "backend",
     {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026"}}}}}, ""),
    ("a status", "Deployment", "backend", {"status": {"replicas": 7}}, "status"),
    ("a certificate controller's annotation", "Ingress", "store", {"metadata": {"annotations": {"cert-manager.io/issued": "yes"}}}, ""),
    ("a binder's annotation", "PersistentVolumeClaim", "database",
     {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}}, ""),
    ("a known finalizer", "Service", "backend", {"metadata": {"finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}}, ""),
)  # fmt: skip


@pytest.mark.parametrize(("reason", "kind", "name", "patch", "subresource"), UNTOUCHED, ids=[case[0] for case in UNTOUCHED])
def test_f18_what_controllers_write_is_no_drift(
    reason: str, kind: str, name: str, patch: dict[str, Any], subresource: str, bench_ready: Bench
) -> None:
    bench_ready.cluster.edit(place(bench_ready, kind, name), patch, manager="some-controller", subresource=subresource)
    outcome = bench_ready.run()
    assert outcome.drift == (), reason
    assert bench_ready.written == [], reason


def test_f18_a_hundred_passes_over_an_untouched_store_find_nothing(bench_ready: Bench) -> None:
    for _ in range(100):
        bench_ready.cluster.settle()
        assert bench_ready.run().drift == ()
    assert bench_ready.written == []


def test_in_observe_mode_drift_is_told_and_left_and_an_intent_is_still_carried_out() -> None:
    bench = Bench(drift_mode=DriftMode.OBSERVE).make_ready()
    bench.cluster.edit(place(bench, "Service", "backend"), {"spec": {"sessionAffinity": "ClientIP"}})
    outcome = bench.run()
    assert len(outcome.drift) == 1
    assert bench.written == []
    assert bench.says("Synced") == ("False", "ObserveOnly")
    bench.suspend()
    bench.run()
    assert {key for _, key in bench.written} == {"StatefulSet/database", "Deployment/backend", "Deployment/storefront"}


def test_in_off_mode_nothing_is_even_compared() -> None:
    bench = Bench(drift_mode=DriftMode.OFF).make_ready()
    bench.cluster.edit(place(bench, "Service", "backend"), {"spec": {"sessionAffinity": "ClientIP"}})
    assert bench.run().drift == ()
    assert bench.written == []


@pytest.mark.parametrize("kind", ["NetworkPolicy", "RoleBinding", "Ingress"])
def test_a_foreign_object_that_opens_the_store_is_removed_at_once(kind: str, bench_ready: Bench) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {}, "ingress": [{}]}},
        "RoleBinding": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [],
        },
        "Ingress": {
            "apiVersion": "networking.k8s.io/v1",
            "spec": {"defaultBackend": {"service": {"name": "backend", "port": {"number": 9000}}}},
        },
    }
    foreign = bench_ready.cluster.add(
        {**bodies[kind], "kind": kind, "metadata": {"name": "opened", "namespace": bench_ready.store.namespace}}
    )
    outcome = bench_ready.run()
    assert [(drift.key, drift.drift_class) for drift in outcome.drift] == [(foreign.key, DriftClass.FOREIGN)]
    assert bench_ready.cluster.look(foreign.key) is None


def test_a_foreign_pod_is_shown_and_left(bench_ready: Bench) -> None:
    pod = _pod(bench_ready, "alien")
    bench_ready.run()
    assert bench_ready.says("Synced") == ("False", "ForeignObject")
    assert "Pod/alien" in bench_ready.condition("Synced").message
    assert bench_ready.cluster.look(pod.key) is not None


def test_children_of_our_workloads_are_not_foreign(bench_ready: Bench) -> None:
    assert bench_ready.cluster.objects("Pod", bench_ready.store.namespace)
    assert bench_ready.run().drift == ()


def _pod(bench: Bench, name: str) -> LiveObject:
    spec = {"containers": [{"name": "a", "image": "example.com/a"}]}
    return bench.cluster.add(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": bench.store.namespace}, "spec": spec}
    )


def test_a_repaired_label_on_a_deployment_rolls_no_pod(bench_ready: Bench) -> None:
    pods = {pod.uid for pod in bench_ready.cluster.objects("Pod", bench_ready.store.namespace)}
    bench_ready.cluster.edit(place(bench_ready, "Deployment", "backend"), {"metadata": {"labels": {"storeyard.dev/store-id": "x"}}})
    bench_ready.run()
    bench_ready.cluster.settle()
    assert {pod.uid for pod in bench_ready.cluster.objects("Pod", bench_ready.store.namespace)} == pods
