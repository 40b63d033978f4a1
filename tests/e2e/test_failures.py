"""Failures made for real on an API server: rows of the failure catalogue, each with its number."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from app.adapters.clock import SystemClock
from app.adapters.jinja import JinjaRenderer
from app.adapters.kubernetes import KubernetesCluster
from app.domain.errors import Transient
from app.domain.manifests import Manifest, ObjectKey
from app.domain.stores import Phase
from app.ports import Cluster
from app.reconcile.fence import FencedCluster, Lease
from app.reconcile.intercept import InterceptedCluster
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.queries import get_store
from app.services.reconcile_store import preview_store, reconcile_store
from app.services.views import StoreView
from tests.e2e.platform import Platform, eventually
from tests.factories import MERCHANT, make_store, make_tenant

T = TypeVar("T")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    real = KubernetesCluster.from_kubeconfig(os.environ["STOREYARD_TEST_KUBECONFIG"])
    yield real
    real.close()


@pytest.fixture
def alone(services: Services, cluster: Cluster) -> Services:
    """Use cases on the real cluster in this process alone: no worker acts but the test."""
    return replace(services, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: cluster, clock=SystemClock())


@pytest.fixture
def store(alone: Services, cluster: Cluster) -> Iterator[StoreView]:
    made = make_store(alone, make_tenant(alone), "acme")
    yield made
    cluster.delete(ObjectKey("Namespace", "", made.namespace))


class FailingAt(InterceptedCluster):
    """The n-th write fails: before it reaches the server, or after, as when an answer is lost."""

    def __init__(self, inner: Cluster, number: int, *, after: bool) -> None:
        super().__init__(inner)
        self._left, self._after = number, after
        self._counting = threading.Lock()

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        if verb not in ("create", "apply", "patch", "delete"):
            return call()
        with self._counting:
            self._left -= 1
            fails = self._left == 0
        if fails and not self._after:
            raise Transient("the connection broke")
        answer = call()
        if fails:
            raise Transient("the connection broke before the answer came")
        return answer


@pytest.mark.cluster
@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("number", [1, 2, 7, 14])
def test_f9_an_apply_that_fails_is_completed_by_the_next_pass(
    number: int, after: bool, alone: Services, cluster: Cluster, store: StoreView
) -> None:
    failing = replace(alone, cluster=lambda _: FailingAt(cluster, number, after=after))
    first = reconcile_store(failing, store.id)
    assert first.outcome is not None
    assert isinstance(first.outcome.error, Transient)
    second = reconcile_store(alone, store.id)
    assert second.outcome is not None
    assert second.outcome.error is None
    assert second.outcome.observed_generation == 1
    assert preview_store(alone, store.id).changes.effective == ()
    for kind, expected in (("Deployment", 2), ("StatefulSet", 1), ("PersistentVolumeClaim", 2), ("Service", 3)):
        assert len(cluster.list_page(kind, namespace=store.namespace).items) == expected


@pytest.mark.cluster
@pytest.mark.parametrize("forged", ["nothing", "its label", "its label and another claim"])
def test_f12_a_foreign_namespace_is_refused_touched_by_nothing_and_survives_the_delete(
    forged: str, alone: Services, cluster: Cluster, store: StoreView
) -> None:
    metadata: dict[str, Any] = {"name": store.namespace}
    if forged != "nothing":
        metadata["labels"] = {"app.kubernetes.io/managed-by": "storeyard", "storeyard.dev/store-id": store.id}
    if forged == "its label and another claim":
        metadata["annotations"] = {"storeyard.dev/claim": "0" * 32}
    foreign = cluster.create(Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
    reconcile_store(alone, store.id)
    seen = get_store(alone, tenant_id=store.tenant_id, store_id=store.id)
    assert seen.phase is Phase.FAILED
    assert {c.type: c.reason for c in seen.conditions}["Stalled"] == "ForeignNamespace"
    delete_store(alone, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    reconcile_store(alone, store.id)
    assert get_store(alone, tenant_id=store.tenant_id, store_id=store.id).phase is Phase.DELETED
    after = cluster.get(foreign.key)
    assert after is not None
    assert after.uid == foreign.uid
    assert not after.terminating
    assert after.labels.keys() - foreign.labels.keys() == set()
    assert cluster.list_page("Secret", namespace=store.namespace).items == ()


@pytest.mark.cluster
def test_f5_of_two_workers_on_one_store_one_records(alone: Services, cluster: Cluster, store: StoreView) -> None:
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: reconcile_store(alone, store.id), range(8)))
    assert any(report.skipped is None for report in reports)
    assert all(report.outcome is None or report.outcome.error is None for report in reports)
    live = cluster.get(ObjectKey("Namespace", "", store.namespace))
    assert live is not None
    assert preview_store(alone, store.id).changes.effective == ()


@pytest.mark.cluster
def test_f26_a_stale_writers_apply_takes_no_effect(alone: Services, cluster: Cluster, store: StoreView) -> None:
    reconcile_store(alone, store.id)
    key = ObjectKey("Service", store.namespace, "backend")
    seen = cluster.get(key)
    assert seen is not None
    cluster.patch(key, [{"op": "add", "path": "/metadata/labels/newer", "value": "yes"}])
    stale = FencedCluster(cluster, Lease(store.id, "t", asked_at=alone.clock.monotonic(), clock=alone.clock, renew=lambda: True))
    manifest = Manifest.of({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend", "namespace": store.namespace}})
    with pytest.raises(Exception, match="modified") as refused:
        stale.apply(manifest, uid=seen.uid, resource_version=seen.resource_version)
    assert type(refused.value).__name__ == "Conflict"


@pytest.mark.cluster
def test_a_pass_over_an_unchanged_store_writes_nothing_and_asks_at_most_sixteen_times(
    alone: Services, cluster: Cluster, store: StoreView
) -> None:
    reconcile_store(alone, store.id)
    counted = FencedCluster(cluster, Lease(store.id, "t", asked_at=alone.clock.monotonic(), clock=alone.clock, renew=lambda: True))
    versions = {key: version for key, version in _versions(cluster, store).items() if key.kind in ("Secret", "Service", "NetworkPolicy")}
    report = reconcile_store(replace(alone, cluster=lambda _: counted), store.id)
    assert report.outcome is not None
    assert report.outcome.changes.effective == ()
    assert report.outcome.drift == ()
    assert counted.writes == 0
    assert counted.reads <= 16 + 2, "two more only where a workload without a pod is explained by its events"
    assert versions.items() <= _versions(cluster, store).items()


def _versions(cluster: Cluster, store: StoreView) -> dict[ObjectKey, str]:
    return {
        live.key: live.resource_version
        for kind in ("Secret", "Service", "NetworkPolicy", "Ingress")
        for live in cluster.list_page(kind, namespace=store.namespace).items
    }


@pytest.mark.node
def test_f21_a_delete_while_provisioning_wins_and_the_name_is_free_at_once(platform: Platform, tenant: str) -> None:
    first = platform.json("store", "create", "rushed", "--tenant", tenant)
    eventually(lambda: platform.look(first, "Namespace", first["namespace"]), what="a namespace")
    platform.run("store", "delete", first["id"], "--yes")
    second = platform.json("store", "create", "rushed", "--tenant", tenant, "--wait")
    assert second["phase"] == "Ready"
    assert second["namespace"] != first["namespace"]
    gone = eventually(lambda: platform.json("store", "show", first["id"])["phase"] == "Deleted", what="the first store's end")
    assert gone
    assert platform.look(first, "Namespace", first["namespace"]) is None


@pytest.mark.node
def test_f7_a_command_sent_five_times_at_once_with_one_key_makes_one_store(platform: Platform, tenant: str) -> None:
    def create(_: int) -> dict[str, Any]:
        return platform.json("store", "create", "once", "--tenant", tenant, "--idempotency-key", f"key-{tenant}")

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(create, range(5)))
    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["replayed"] for answer in answers) == [False, True, True, True, True]
    assert len(platform.json("store", "list", "--tenant", tenant)["stores"]) == 1
