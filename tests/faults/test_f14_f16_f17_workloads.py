"""F14, F16, F17: workloads that cannot run, changes that Kubernetes never makes. Plain words, no loop, no lost data, back by itself.

What needs a node that runs containers (images, crashes, memory, probes) is marked so; the rest is decided by the control plane alone.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.domain.manifests import LiveObject, ObjectKey
from app.domain.stores import DriftMode, Phase
from app.models import InventoryObject, ReconcileRun, Store
from app.services.set_drift_mode import set_drift_mode
from app.services.views import StoreView
from tests.factories import OPERATOR, set_row
from tests.faults.daemons import Valkey
from tests.faults.nursery import Nursery
from tests.faults.platform import STORAGE_CLASS, Platform

pytestmark = pytest.mark.cluster


def _edit(platform: Platform, store: StoreView, kind: str, name: str, *operations: dict[str, Any]) -> LiveObject:
    return platform.cluster.patch(ObjectKey(kind, store.namespace, name), list(operations))


def _observe_only(platform: Platform, store: StoreView) -> None:
    """So that the edit that causes the trouble is not put right at once."""
    set_drift_mode(platform.services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.OBSERVE)


def _repair(platform: Platform, store: StoreView) -> None:
    set_drift_mode(platform.services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.REPAIR)
    _wake(platform, store)


def _wake(platform: Platform, store: StoreView) -> None:
    with platform.services.sessions.platform("a test makes it due") as session:
        session.execute(update(Store).where(Store.id == store.id).values(next_reconcile_at=platform.services.clock.now(), wake_after=None))


def _until_says(platform: Platform, store: StoreView, type_: str, *words: str) -> str:
    def said() -> str:
        _wake(platform, store)
        found = platform.says(store, type_)
        return found if all(word in found for word in words) else ""

    try:
        return platform.until(said, f"{type_} with {words}", seconds=45)
    except AssertionError:
        raise AssertionError(f"{type_} never said {words}: {platform.see(store).conditions}") from None


def test_f14_a_resource_quota_has_room_for_a_rollout(platform: Platform) -> None:
    """A second backend beside the first is what a rollout needs; with the store's own quota there is room for it."""
    [store] = platform.until_settled(platform.create())
    first = [pod.key for pod in platform.objects(store, "Pod") if pod.key.name.startswith("backend")]
    _observe_only(platform, store)
    _edit(
        platform, store, "Deployment", "backend",
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": {"rolled": "out"}},
    )  # fmt: skip
    platform.until(
        lambda: (
            (pods := [p.key for p in platform.objects(store, "Pod") if p.key.name.startswith("backend")]) and not set(pods) & set(first)
        ),
        "the new backend in the old one's place",
    )
    assert "QuotaExceeded" not in platform.says(store, "BackendReady")


def test_f14_a_rollout_that_a_quota_blocks_says_so_and_goes_on_when_there_is_room(platform: Platform) -> None:
    [store] = platform.until_settled(platform.create())
    _observe_only(platform, store)
    quota = next(live for live in platform.objects(store, "ResourceQuota"))
    _edit(platform, store, "ResourceQuota", quota.key.name, {"op": "replace", "path": "/spec/hard/pods", "value": "1"})
    for pod in platform.objects(store, "Pod"):
        if pod.key.name.startswith("backend"):
            platform.cluster.delete(pod.key)
    said = _until_says(platform, store, "BackendReady", "QuotaExceeded")
    assert "leaves no room for its pod" in said
    assert "exceeded quota" in said
    assert platform.phase(store) is Phase.DEGRADED
    _repair(platform, store)
    platform.until(lambda: platform.phase(store) is Phase.READY, "Ready again")


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "reason"),
    [
        ("StatefulSet", "database", "spec.selector", {"matchLabels": {"app": "another"}}, "the selector that its pods are found by"),
        ("PersistentVolumeClaim", "database", "spec.storageClassName", "another-class", "the storage class of a volume"),
        ("PersistentVolumeClaim", "database", "spec.resources.requests.storage", "900Gi", "a volume that would have to shrink"),
    ],
)
def test_f16_an_immutable_difference_is_stalled_without_a_loop_or_a_loss(
    kind: str, name: str, path: str, value: Any, reason: str, platform: Platform
) -> None:
    """The live object is what it is; what the templates ask for differs, as after a release that should not have been made."""
    [store] = platform.until_settled(platform.create())
    key = ObjectKey(kind, store.namespace, name)
    if path.endswith("storage"):
        # Grown by hand: what is asked for is smaller from now on.
        _edit(platform, store, kind, name, {"op": "replace", "path": "/spec/resources/requests/storage", "value": value})
    else:
        _replace_by_hand(platform, store, key, path, value)
    before = platform.cluster.get(key)
    assert before is not None
    said = _until_says(platform, store, "Stalled", "ImmutableField")
    assert path in said, reason
    versions = platform.cluster.get(key)
    writes = _writes(platform, store)
    for _ in range(3):
        _wake(platform, store)
        seen = platform.see(store).observed_at
        platform.until(lambda seen=seen: platform.see(store).observed_at != seen, "another pass")
    after = platform.cluster.get(key)
    assert after is not None
    assert after.uid == before.uid
    assert versions is not None
    assert (after.body["spec"], after.labels) == (versions.body["spec"], versions.labels), "not written again"
    assert _writes(platform, store) == writes, "no loop"
    assert platform.phase(store) in (Phase.DEGRADED, Phase.FAILED)


def _replace_by_hand(platform: Platform, store: StoreView, key: ObjectKey, path: str, value: Any) -> None:
    """The object as it would be had it been made otherwise, with everything on record as if it had always been so."""
    set_drift_mode(platform.services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.OFF)
    set_row(platform.services, store.id, paused_until=platform.services.clock.now() + timedelta(hours=1), paused_reason="a test")
    live = platform.cluster.get(key)
    assert live is not None
    body: dict[str, Any] = {
        "apiVersion": live.body["apiVersion"], "kind": key.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": dict(live.labels)},
        "spec": {n: v for n, v in live.body["spec"].items() if n != "volumeName"},
    }  # fmt: skip
    last = path.rpartition(".")[2]
    body["spec"][last] = value
    if last == "selector":
        body["spec"]["template"]["metadata"]["labels"] = value["matchLabels"]
    platform.cluster.patch(key, [{"op": "add", "path": "/metadata/finalizers", "value": []}])
    platform.cluster.delete(key)
    for pod in platform.objects(store, "Pod"):
        platform.cluster.delete(pod.key)
    platform.until(lambda: (gone := platform.cluster.get(key)) is None or gone.uid != live.uid, "the old object gone")
    made = platform.apply(body)
    with platform.services.sessions.platform("a test sets the scene") as session:
        session.execute(
            update(InventoryObject)
            .where(InventoryObject.store_id == store.id, InventoryObject.kind == key.kind, InventoryObject.name == key.name)
            .values(uid=made.uid, resource_version=made.resource_version)
        )
    set_row(platform.services, store.id, paused_until=None, paused_reason=None)
    set_drift_mode(platform.services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.REPAIR)


def _writes(platform: Platform, store: StoreView) -> int:
    """Passes on record that changed something."""
    with platform.services.sessions.platform("a test looks") as session:
        return (
            session.scalar(
                select(func.count()).select_from(ReconcileRun).where(ReconcileRun.store_id == store.id, ReconcileRun.outcome == "changed")
            )
            or 0
        )


NO_SUCH_NODE = {"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"example.com/nowhere": "yes"}}


@pytest.mark.parametrize(
    ("component", "kind", "operations"),
    [("backend", "Deployment", [NO_SUCH_NODE]), ("database", "StatefulSet", [NO_SUCH_NODE])],
    ids=["backend", "database"],
)
def test_f17_no_node_has_room(component: str, kind: str, operations: list[dict[str, Any]], platform: Platform) -> None:
    [store] = platform.until_settled(platform.create())
    _observe_only(platform, store)
    _edit(platform, store, kind, component, *operations)
    for pod in platform.objects(store, "Pod"):
        if pod.key.name.startswith(component):
            platform.cluster.delete(pod.key)
    said = _until_says(platform, store, f"{component.title()}Ready", "NoRoomOnNodes")
    assert "Add a node, or free CPU or memory." in said, "it says what to do next"
    # A Deployment keeps its old pod until the new one is there: the store then serves, and only the rollout hangs.
    _until_says(platform, store, "Ready", "False")
    assert platform.phase(store) is Phase.DEGRADED
    _repair(platform, store)
    platform.until(lambda: platform.phase(store) is Phase.READY, "Ready again")


@pytest.fixture
def classless(
    nursery: Nursery, folder: Path, kubeconfig: str, database_url: str, valkey: Valkey, platform: Platform
) -> Iterator[tuple[Platform, str]]:
    """A platform whose storage class does not exist, and that class's name."""
    name = f"{STORAGE_CLASS}-{secrets.token_hex(3)}"
    for worker in platform.workers:
        worker.send(signal.SIGSTOP)
    made = Platform.wire(
        nursery, folder / name, database_url=database_url, queue_url=valkey.url, kubeconfig=kubeconfig,
        STORAGE_CLASS=name, VAULT_KEYS=platform.environment["STOREYARD_VAULT_KEYS"],
    ).start(workers=1, schedulers=0)  # fmt: skip
    yield made, name
    for worker in platform.workers:
        worker.send(signal.SIGCONT)
    try:
        made.stop()
    finally:
        made.services.sessions.dispose()
        made.cluster.delete(ObjectKey("StorageClass", "", name))
        made.cluster.close()


def test_f17_a_volume_that_is_never_bound_fails_after_the_deadline_and_recovers(classless: tuple[Platform, str]) -> None:
    """The storage class is missing; eleven minutes later somebody makes it."""
    platform, name = classless
    store = platform.create(platform.tenant(f"t-{name}"))
    said = _until_says(platform, store, "DatabaseReady", "VolumeNotBound")
    assert "Check the storage class" in said
    assert platform.phase(store) is Phase.PROVISIONING
    set_row(platform.services, store.id, provisioning_since=platform.services.clock.now() - timedelta(minutes=11))
    said = _until_says(platform, store, "Ready", "DeadlineExceeded")
    assert "volume" in said, "the cause is told with the deadline"
    assert platform.phase(store) is Phase.FAILED
    assert platform.says(store, "Synced").startswith("True"), "pods that fail are no drift"
    working = platform.cluster.get(ObjectKey("StorageClass", "", STORAGE_CLASS))
    assert working is not None
    platform.apply({n: v for n, v in working.body.items() if n != "metadata"} | {"metadata": {"name": name}})
    _until_says(platform, store, "Ready", "True")
    assert platform.phase(store) is Phase.READY
