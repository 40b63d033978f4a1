"""Passes with a real database and a fake cluster: leases, fences, recordings, and what leaves no trace (F5, F20, F21, F24, F26, F27)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from app.adapters.jinja import JinjaRenderer
from app.domain.errors import Conflict, LeaseLost, Transient
from app.domain.manifests import ObjectKey
from app.domain.stores import DriftMode, Phase
from app.models import AuditEntry, DriftEvent, Event, InventoryObject, ReconcileRun, StoreCondition
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.due import take_due
from app.services.leases import take_store_lease
from app.services.queries import get_store
from app.services.reconcile_store import preview_store, reconcile_store
from app.services.schedule import wake_due
from app.services.set_drift_mode import set_drift_mode
from app.services.suspend_store import suspend_store
from app.services.sweep import sweep
from app.services.views import StoreView, TenantView
from tests.factories import MERCHANT, OPERATOR, make_store, make_tenant, row_of, set_row
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.queue import FakeQueue


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def platform(services: Services, cluster: FakeCluster) -> Services:
    """Use cases with the real templates and a cluster."""
    return replace(services, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: cluster)


@pytest.fixture
def tenant(platform: Services) -> TenantView:
    return make_tenant(platform)


@pytest.fixture
def store(platform: Services, tenant: TenantView) -> StoreView:
    return make_store(platform, tenant, "acme")


def make_ready(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    reconcile_store(platform, store.id)
    cluster.settle()
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).phase is Phase.READY
    cluster.calls.clear()


def count(platform: Services, model: Any, **where: Any) -> int:
    with platform.sessions.platform("a test counts") as session:
        return session.scalar(select(func.count()).select_from(model).filter_by(**where)) or 0


def during(cluster: FakeCluster, verb: str, action: Callable[[], Any]) -> None:
    """Do something once, in the middle of a pass: at its first call of a verb."""
    done: list[Any] = []

    def once(called: str, _: ObjectKey) -> bool:
        if called == verb and not done:
            done.append(action())
        return False

    cluster.fail_on(once, Conflict("never raised"), times=None)


def test_a_committed_row_becomes_a_ready_store(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    assert row_of(platform, store.id).phase is Phase.PENDING
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).phase is Phase.PROVISIONING
    cluster.settle()
    reconcile_store(platform, store.id)
    row = row_of(platform, store.id)
    assert (row.phase, row.observed_generation, row.ever_ready, row.lease_token) == (Phase.READY, 1, True, None)
    assert count(platform, InventoryObject, store_id=store.id) == 18
    assert count(platform, StoreCondition, store_id=store.id) == 7


def test_the_namespaces_uid_is_committed_before_anything_else_is_applied(
    platform: Services, cluster: FakeCluster, store: StoreView
) -> None:
    seen: list[str | None] = []
    during(cluster, "apply", lambda: seen.append(row_of(platform, store.id).namespace_uid))
    reconcile_store(platform, store.id)
    assert seen[0] is not None


def test_no_transaction_is_open_during_a_cluster_call(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    open_ones: list[int] = []

    def look(*_: Any) -> bool:
        open_ones.append(platform.sessions.engine.pool.checkedout())  # type: ignore[attr-defined]
        return False

    cluster.fail_on(look, Conflict("never raised"), times=None)
    reconcile_store(platform, store.id)
    assert set(open_ones) == {0}


def test_a_pass_over_an_unchanged_store_leaves_no_history(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    make_ready(platform, cluster, store)
    before = [count(platform, model) for model in (ReconcileRun, Event, DriftEvent, AuditEntry)]
    reconcile_store(platform, store.id)
    assert [count(platform, model) for model in (ReconcileRun, Event, DriftEvent, AuditEntry)] == before
    assert cluster.verbs() == []


def test_f5_of_two_workers_one_passes_and_the_other_leaves(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    reports: list[Any] = []
    during(cluster, "create", lambda: reports.append(reconcile_store(platform, store.id)))
    reports.append(reconcile_store(platform, store.id))
    assert [report.skipped for report in reports] == ["busy", None]
    assert count(platform, ReconcileRun, store_id=store.id) == 1


def test_f5_twenty_workers_make_one_namespace_and_one_run_at_a_time(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    clocked = replace(platform, clock=FakeClock(platform.clock.now()))
    barrier, reports, lock = threading.Barrier(20), [], threading.Lock()

    def work() -> None:
        barrier.wait()
        report = reconcile_store(clocked, store.id)
        with lock:
            reports.append(report)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(1 for verb, key in cluster.calls if verb == "create" and key.kind == "Namespace") == 1
    assert any(report.skipped is None for report in reports)
    assert count(platform, InventoryObject, store_id=store.id) == 18


def test_f26_a_worker_whose_lease_was_stolen_records_nothing(
    platform: Services, cluster: FakeCluster, store: StoreView, clock: FakeClock
) -> None:
    def steal() -> None:
        set_row(platform, store.id, lease_until=platform.clock.now())
        assert take_store_lease(platform, store.id, ttl=15) is not None
        clock.advance(16)

    during(cluster, "create", steal)
    with pytest.raises(LeaseLost):
        reconcile_store(platform, store.id)
    row = row_of(platform, store.id)
    assert row.observed_generation == 0
    assert count(platform, StoreCondition, store_id=store.id) == 0
    assert count(platform, ReconcileRun, store_id=store.id) == 0


def test_f26_even_a_pass_that_noticed_nothing_is_fenced_at_its_recording(
    platform: Services, cluster: FakeCluster, store: StoreView
) -> None:
    make_ready(platform, cluster, store)
    cluster.remove(ObjectKey("Service", store.namespace, "backend"))
    during(
        cluster,
        "apply",
        lambda: set_row(platform, store.id, lease_token="another", lease_until=func.now() + func.make_interval(0, 0, 0, 1)),
    )
    with pytest.raises(LeaseLost):
        reconcile_store(platform, store.id)
    assert row_of(platform, store.id).lease_token == "another"
    assert count(platform, DriftEvent, store_id=store.id) == 0


def test_a_newer_intent_that_comes_during_a_pass_is_taken_up_before_the_lease_is_let_go(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    during(cluster, "get", lambda: suspend_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id))
    reconcile_store(platform, store.id)
    row = row_of(platform, store.id)
    assert (row.generation, row.observed_generation) == (2, 2)
    assert row.lease_token is None


def test_f21_a_delete_during_a_provisioning_wins_and_leaves_nothing(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    during(cluster, "create", lambda: delete_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id))
    reconcile_store(platform, store.id)
    cluster.settle()
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).phase is Phase.DELETED
    assert cluster.look(ObjectKey("Namespace", "", store.namespace)) is None


def test_f21_a_store_of_the_same_name_can_be_made_while_the_old_one_goes(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    delete_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    reconcile_store(platform, store.id)
    again = create_store(platform, MERCHANT, tenant_id=tenant.id, slug="acme")
    make_ready(platform, cluster, again)
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).phase is Phase.DELETED
    assert row_of(platform, again.id).phase is Phase.READY
    assert again.namespace != store.namespace


def test_a_gone_store_gives_its_quota_back_only_then(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    delete_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).gone_at is None
    cluster.settle()
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).gone_at is not None
    assert count(platform, InventoryObject, store_id=store.id) == 0


def test_f24_a_store_that_crashes_its_passes_is_quarantined_and_the_others_go_on(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView, clock: FakeClock
) -> None:
    cluster.fail_on(lambda _, key: store.namespace in (key.namespace, key.name), ZeroDivisionError("a bug"), times=None)
    other = make_store(platform, tenant, "other")
    for _ in range(platform.policy.max_failures):
        with pytest.raises(ZeroDivisionError):
            reconcile_store(platform, store.id)
        clock.advance(60)
    assert row_of(platform, store.id).quarantined_at is not None
    assert reconcile_store(platform, store.id).skipped == "quarantined"
    assert take_due(platform, 10) == [other.id]
    assert count(platform, ReconcileRun, store_id=store.id, outcome="crashed") == platform.policy.max_failures
    make_ready(platform, cluster, other)


def test_f24_a_store_that_kills_its_worker_is_counted_by_the_lease_it_leaves_behind(platform: Services, store: StoreView) -> None:
    for number in range(platform.policy.max_failures):
        assert take_store_lease(platform, store.id, ttl=15) is not None, number
        set_row(platform, store.id, lease_until=func.now() - func.make_interval(0, 0, 0, 1))
    reconcile_store(platform, store.id)
    row = row_of(platform, store.id)
    assert row.quarantined_at is not None
    assert row.crash_count == platform.policy.max_failures


def test_f24_a_new_intent_lets_a_quarantined_store_out(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    set_row(platform, store.id, quarantined_at=platform.clock.now(), crash_count=9)
    suspend_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    assert reconcile_store(platform, store.id).skipped is None


def test_a_failure_is_recorded_as_a_run_and_the_store_waits_longer_each_time(
    platform: Services, cluster: FakeCluster, store: StoreView, clock: FakeClock
) -> None:
    cluster.fail_on(lambda *_: True, Transient("the API server is down"), times=None)
    waits = []
    for _ in range(6):
        reconcile_store(platform, store.id)
        row = row_of(platform, store.id)
        assert row.next_reconcile_at is not None
        waits.append((row.next_reconcile_at - clock.now()).total_seconds())
    assert row.failure_count == 6
    assert waits[-1] > 4 * waits[0]
    assert count(platform, ReconcileRun, store_id=store.id, outcome="failed") == 6
    assert count(platform, Event, store_id=store.id) == 1, "said once, since it stays the same"


def test_drift_is_recorded_with_before_and_after_and_who(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    make_ready(platform, cluster, store)
    cluster.edit(ObjectKey("Deployment", store.namespace, "backend"), {"spec": {"replicas": 4}}, manager="kubectl-scale")
    reconcile_store(platform, store.id)
    with platform.sessions.platform("a test looks") as session:
        [row] = session.scalars(select(DriftEvent)).all()
        events = session.scalars(select(Event.message).where(Event.type == "Drift")).all()
    assert (row.kind, row.name, row.path, row.manager, row.before, row.after) == (
        "Deployment",
        "backend",
        "spec.replicas",
        "kubectl-scale",
        1,
        4,
    )
    assert row.repaired_at is not None
    assert row.run_id is not None
    assert events == ["Deployment/backend was changed by kubectl-scale in spec.replicas; put right."]


def test_drift_that_is_only_observed_is_recorded_once_and_closed_when_it_is_gone(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    set_drift_mode(platform, OPERATOR, tenant_id=tenant.id, store_id=store.id, mode=DriftMode.OBSERVE)
    key = ObjectKey("Deployment", store.namespace, "backend")
    cluster.edit(key, {"spec": {"replicas": 4}}, manager="kubectl-scale")
    for _ in range(3):
        reconcile_store(platform, store.id)
    assert count(platform, DriftEvent, store_id=store.id) == 1
    assert count(platform, DriftEvent, store_id=store.id, repaired_at=None) == 1
    cluster.edit(key, {"spec": {"replicas": 1}}, manager="kubectl-scale")
    reconcile_store(platform, store.id)
    assert count(platform, DriftEvent, store_id=store.id, repaired_at=None) == 0


def test_f20_no_secret_reaches_any_table(platform: Services, cluster: FakeCluster, store: StoreView) -> None:
    make_ready(platform, cluster, store)
    key = ObjectKey("Secret", store.namespace, "store")
    cluster.edit(key, {"data": {"jwt_secret": "aGFja2Vk"}})
    reconcile_store(platform, store.id)
    live = cluster.look(key)
    assert live is not None
    values = [value for value in live.body["data"].values() if len(value) > 12]
    with platform.sessions.platform("a test searches") as session:
        for model in (InventoryObject, ReconcileRun, Event, DriftEvent, AuditEntry, StoreCondition):
            for row in session.scalars(select(model)):
                text = repr({column.name: getattr(row, column.key, None) for column in model.__table__.columns})
                assert not any(value in text for value in values), model


def test_a_dry_run_takes_no_lease_and_writes_nothing(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    suspend_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    before = get_store(platform, tenant_id=tenant.id, store_id=store.id)
    outcome = preview_store(platform, store.id)
    assert outcome.changes.counts()["configured"] == 3
    assert {verb for verb, _ in cluster.verbs()} <= {"apply"}, "dry-run applies"
    assert get_store(platform, tenant_id=tenant.id, store_id=store.id) == before
    live = cluster.look(ObjectKey("Deployment", store.namespace, "backend"))
    assert live is not None
    assert live.body["spec"]["replicas"] == 1


def test_the_sweep_makes_only_stores_that_differ_due(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView, queue: FakeQueue
) -> None:
    other = make_store(platform, tenant, "other")
    for each in (store, other):
        make_ready(platform, cluster, each)
        reconcile_store(platform, each.id)
    queue.wakes.clear()
    assert sweep(platform).differing == frozenset()
    cluster.edit(ObjectKey("Service", other.namespace, "backend"), {"metadata": {"labels": {"x": "y"}}})
    cluster.remove(ObjectKey("Secret", store.namespace, "store"))
    assert sweep(platform).differing == {store.id, other.id}
    assert queue.woken == [], "in turns: the due loop does that"
    wake_due(platform)
    assert sorted(queue.woken) == sorted([store.id, other.id])
    assert cluster.verbs() == []


def test_the_sweep_takes_an_unreadable_kind_for_unreadable(
    platform: Services, cluster: FakeCluster, store: StoreView, queue: FakeQueue
) -> None:
    make_ready(platform, cluster, store)
    reconcile_store(platform, store.id)
    queue.wakes.clear()
    cluster.fail_on(lambda verb, key: verb == "list" and key.kind == "Secret", Transient("503"), times=None)
    report = sweep(platform)
    assert report.unreadable == ("Secret",)
    assert report.differing == frozenset()


def test_a_namespace_that_comes_back_after_its_store_is_gone_is_removed(
    platform: Services, cluster: FakeCluster, store: StoreView, tenant: TenantView
) -> None:
    make_ready(platform, cluster, store)
    key = ObjectKey("Namespace", "", store.namespace)
    born = cluster.look(key)
    assert born is not None
    delete_store(platform, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    for _ in range(3):
        reconcile_store(platform, store.id)
        cluster.settle()
    assert row_of(platform, store.id).gone_at is not None
    metadata = {"name": store.namespace, "labels": dict(born.labels), "annotations": dict(born.annotations)}
    cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    stranger = {"name": "st-stranger", "labels": dict(born.labels)}
    cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": stranger})
    sweep(platform)
    cluster.settle()
    assert cluster.look(key) is None
    assert cluster.look(ObjectKey("Namespace", "", "st-stranger")) is not None, "reported, never deleted"
