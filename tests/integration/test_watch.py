"""The watch on a real database and a fake cluster: what wakes a store, what doesn't, and what it does when it has missed something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.jinja import JinjaRenderer
from app.domain.contests import FIRST_WAIT, QUARREL
from app.domain.errors import Gone, Transient
from app.domain.manifests import ObjectKey
from app.domain.stores import DriftMode
from app.ports import WatchEvent
from app.reconcile.intercept import InterceptedCluster
from app.services.context import Services
from app.services.leading import WATCHER
from app.services.leases import acquire, take_store_lease
from app.services.queries import get_store
from app.services.reconcile_store import reconcile_store
from app.services.views import StoreView
from app.services.watch import ClusterWatch, run_watcher
from tests.factories import make_store, row_of, set_row
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.queue import FakeQueue

PATIENCE = 20


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def platform(services: Services, cluster: FakeCluster) -> Services:
    return replace(services, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: cluster)


@pytest.fixture
def store(platform: Services, cluster: FakeCluster) -> StoreView:
    return ready(platform, cluster)


@pytest.fixture
def other(platform: Services, cluster: FakeCluster) -> StoreView:
    return ready(platform, cluster)


def ready(platform: Services, cluster: FakeCluster) -> StoreView:
    """A store at rest: every version is the recorded one."""
    store = make_store(platform)
    for _ in range(3):
        reconcile_store(platform, store.id)
        cluster.settle()
    reconcile_store(platform, store.id)
    return store


@contextmanager
def watching(platform: Services, store: StoreView, *, window: float = 0.5) -> Generator[ClusterWatch]:
    """Streams that have begun: each kind has been listed and is followed. Whatever was woken before is forgotten."""
    over = threading.Event()
    watch = ClusterWatch(platform, row_of(platform, store.id).cluster_id, over, window=window)
    cluster = platform.cluster("")
    fake: Any = getattr(cluster, "inner", cluster)
    begun = len(fake.verbs("watch"))
    watch.start()
    until(lambda: len({key.kind for _, key in fake.verbs("watch")[begun:]}) >= 12)
    watch.wake_differing()
    queue_of(platform).wakes.clear()
    try:
        yield watch
    finally:
        over.set()
        watch.join(PATIENCE)


def queue_of(platform: Services) -> FakeQueue:
    assert isinstance(platform.queue, FakeQueue)
    return platform.queue


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def woken(platform: Services, watch: ClusterWatch, store: StoreView) -> None:
    """Judge until the store has been woken."""

    def looked() -> bool:
        watch.wake_differing()
        return store.id in queue_of(platform).woken

    until(looked)


def deployment(store: StoreView, name: str = "backend") -> ObjectKey:
    return ObjectKey("Deployment", store.namespace, name)


def scale(cluster: FakeCluster, store: StoreView, replicas: int = 3) -> None:
    cluster.edit(deployment(store), {"spec": {"replicas": replicas}}, manager="kubectl-scale")


def add_policy(cluster: FakeCluster, store: StoreView) -> None:
    cluster.add(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "open", "namespace": store.namespace},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        }
    )


@pytest.mark.parametrize(
    "edit",
    [
        scale,
        lambda cluster, store: cluster.remove(ObjectKey("Service", store.namespace, "backend")),
        lambda cluster, store: cluster.edit(deployment(store), {"metadata": {"labels": None}}),
        lambda cluster, store: cluster.edit(ObjectKey("Namespace", "", store.namespace), {"metadata": {"labels": {"seen": "yes"}}}),
        add_policy,
    ],
    ids=["changed", "deleted", "labels removed", "a label added", "a policy nobody asked for"],
)
def test_a_change_by_hand_wakes_its_store_and_no_other(
    platform: Services, cluster: FakeCluster, store: StoreView, other: StoreView, edit: Callable[[FakeCluster, StoreView], None]
) -> None:
    with watching(platform, store) as watch:
        edit(cluster, store)
        woken(platform, watch, store)
        assert other.id not in queue_of(platform).woken
    assert row_of(platform, store.id).next_reconcile_at == platform.clock.now()


def test_a_status_wakes_only_where_health_changed(platform: Services, cluster: FakeCluster, store: StoreView, other: StoreView) -> None:
    with watching(platform, store) as watch:
        cluster.edit(deployment(other), {"status": {"collisionCount": 4}}, manager="kube-controller-manager", subresource="status")
        cluster.edit(deployment(store), {"status": {"availableReplicas": 0}}, manager="kube-controller-manager", subresource="status")
        woken(platform, watch, store)
        assert other.id not in queue_of(platform).woken


def test_what_a_pass_writes_wakes_nothing_and_is_judged_when_it_has_recorded(
    platform: Services, cluster: FakeCluster, store: StoreView, other: StoreView
) -> None:
    with watching(platform, store) as watch:
        token = take_store_lease(platform, store.id, ttl=60)
        scale(cluster, store)
        scale(cluster, other)
        woken(platform, watch, other)
        assert store.id not in queue_of(platform).woken
        set_row(platform, store.id, lease_token=None, lease_until=None, lease_holder=None)
        assert token is not None
        woken(platform, watch, store)
        reconcile_store(platform, store.id)
        reconcile_store(platform, other.id)
        queue_of(platform).wakes.clear()
        cluster.edit(deployment(other, "storefront"), {"spec": {"replicas": 2}})
        woken(platform, watch, other)
        assert store.id not in queue_of(platform).woken


def test_a_store_whose_drift_mode_is_off_is_left_alone(
    platform: Services, cluster: FakeCluster, store: StoreView, other: StoreView
) -> None:
    set_row(platform, store.id, drift_mode=DriftMode.OFF)
    with watching(platform, store) as watch:
        scale(cluster, store)
        scale(cluster, other)
        woken(platform, watch, other)
        assert store.id not in queue_of(platform).woken


def test_what_was_missed_before_the_first_list_is_found_by_it(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    scale(cluster, store)
    cluster.remove(ObjectKey("Service", store.namespace, "backend"))
    set_row(platform, store.id, next_reconcile_at=None)
    over = threading.Event()
    watch = ClusterWatch(platform, row_of(platform, store.id).cluster_id, over, window=0.5)
    watch.start()
    try:
        until(lambda: row_of(platform, store.id).next_reconcile_at is not None)
    finally:
        over.set()
        watch.join(PATIENCE)


class Deaf(InterceptedCluster):
    """Its watches say nothing at all, as through a proxy that swallows; or that the version asked for is too old."""

    def __init__(self, inner: FakeCluster, *, too_old: bool) -> None:
        super().__init__(inner)
        self._too_old = too_old

    def watch(self, kind: str, **_: Any) -> Iterator[WatchEvent]:
        self.inner.calls.append(("watch", ObjectKey(kind, "", "")))  # type: ignore[attr-defined]
        if self._too_old:
            raise Gone("too old resource version")
        time.sleep(0.05)
        yield from ()


@pytest.mark.parametrize("too_old", [True, False], ids=["too old", "silent"])
def test_a_watch_that_cannot_be_followed_gives_way_to_lists(
    platform: Services, cluster: FakeCluster, store: StoreView, *, too_old: bool
) -> None:
    with watching(replace(platform, cluster=lambda _: Deaf(cluster, too_old=too_old)), store) as watch:
        scale(cluster, store)
        woken(platform, watch, store)


def test_a_server_that_fails_is_asked_again(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    cluster.fail_on(lambda verb, _: verb in ("list", "watch"), Transient("away"), times=15)
    with watching(platform, store) as watch:
        scale(cluster, store)
        woken(platform, watch, store)


def test_a_watcher_that_is_asked_to_stop_gives_its_office_to_the_next(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_watcher, args=(platform, stop))
    thread.start()
    try:
        until(lambda: len({key.kind for _, key in cluster.verbs("watch")}) >= 12)
        assert acquire(platform, WATCHER, "another", ttl=5) is None
        scale(cluster, store)
        until(lambda: store.id in queue_of(platform).woken)
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert acquire(platform, WATCHER, "another", ttl=5) is not None


def test_a_contested_field_waits_longer_and_longer_and_is_put_right_at_once_when_the_quarrel_is_over(
    platform: Services, cluster: FakeCluster, store: StoreView, other: StoreView, clock: FakeClock
) -> None:
    def quarrel() -> int:
        cluster.settle()
        scale(cluster, store, 2)
        cluster.settle()
        reconcile_store(platform, store.id)
        live = cluster.look(deployment(store))
        assert live is not None
        return int(live.body["spec"]["replicas"])

    assert [quarrel(), quarrel(), quarrel()] == [1, 1, 1]
    assert quarrel() == 2
    synced = next(c for c in get_store(platform, tenant_id=store.tenant_id, store_id=store.id).conditions if c.type == "Synced")
    assert (synced.status.value, synced.reason) == ("False", "ContestedField")
    assert "storefront" not in synced.message
    assert row_of(platform, store.id).next_reconcile_at == clock.now() + FIRST_WAIT

    # What else differs in the store is not held back, and the quarrel does not set the watch's pace.
    cluster.remove(ObjectKey("Service", store.namespace, "backend"))
    reconcile_store(platform, store.id)
    assert cluster.look(ObjectKey("Service", store.namespace, "backend")) is not None
    with watching(platform, store) as watch:
        scale(cluster, store, 4)
        scale(cluster, other)
        woken(platform, watch, other)
        assert store.id not in queue_of(platform).woken

    clock.advance(FIRST_WAIT.total_seconds() + 1)
    reconcile_store(platform, store.id)
    assert cluster.look(deployment(store)).body["spec"]["replicas"] == 1  # type: ignore[union-attr]
    assert quarrel() == 2
    clock.advance(QUARREL.total_seconds() * 2)
    reconcile_store(platform, store.id)
    assert [quarrel(), quarrel()] == [1, 1]
