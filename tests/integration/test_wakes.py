"""Wakes and the due loop: told after the commit only (F4), found again when lost (F2, F3), fair between tenants (F25)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.domain.stores import Phase
from app.models import Store
from app.models.session import on_commit
from app.services import create_store as module
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.due import AHEAD, INTENTS_AHEAD, REWAKE, take_due
from app.services.leases import release_store_lease, take_store_lease
from app.services.pause_reconciling import pause_platform, pause_reconciling, unpause_platform, unpause_reconciling
from app.services.queries import get_store
from app.services.request_reconcile import request_reconcile
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from app.services.wakes import failed_wakes
from tests.factories import MERCHANT, OPERATOR, PLENTY, make_store, make_tenant, row_of, set_gone, set_row, with_quotas
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue

EXPIRED = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 1)


def settle(services: Services, store: StoreView) -> None:
    """As after a pass that found everything as wanted."""
    set_row(services, store.id, observed_generation=Store.generation, next_reconcile_at=None, wake_after=None, phase=Phase.READY)


def test_f4_a_wake_finds_its_row_committed(services: Services, queue: FakeQueue) -> None:
    seen: list[Phase] = []
    queue.on_wake = lambda store_id: seen.append(row_of(services, store_id).phase)
    make_store(services)
    assert seen == [Phase.PENDING]


def test_f4_a_wake_holds_no_connection(services: Services, queue: FakeQueue) -> None:
    free: list[int] = []
    queue.on_wake = lambda _: free.append(services.sessions.engine.pool.checkedout())  # type: ignore[attr-defined]
    make_store(services)
    assert free == [0]


def test_f4_a_rollback_sends_no_wake_and_leaves_no_row(services: Services, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure comes after the wake was asked for, and before the commit."""

    def fail(*_: object) -> None:
        raise RuntimeError("the process ran out of something")

    monkeypatch.setattr(module, "store_view", fail)
    tenant = make_tenant(services)
    with pytest.raises(RuntimeError):
        make_store(services, tenant)
    assert queue.wakes == []
    with services.sessions.platform("a test looks") as session:
        assert session.scalar(select(func.count()).select_from(Store)) == 0


def test_f4_a_failed_commit_drops_what_was_to_be_told(services: Services) -> None:
    told: list[str] = []

    def fail() -> None:
        with services.sessions.platform("a test") as session:
            on_commit(session, lambda: told.append("never"))
            raise RuntimeError("before the commit")

    with pytest.raises(RuntimeError):
        fail()
    with services.sessions.platform("a test") as session:
        on_commit(session, lambda: told.append("first"))
        on_commit(session, lambda: told.append("second"))
        assert told == []
    assert told == ["first", "second"]


def test_f3_an_intent_is_kept_while_the_queue_is_down_and_found_by_the_due_loop(
    services: Services, queue: FakeQueue, clock: FakeClock
) -> None:
    queue.down = True
    failures = failed_wakes.count
    store = make_store(services)
    assert failed_wakes.count == failures + 1
    assert get_store(services, tenant_id=store.tenant_id, store_id=store.id).generation == 1
    assert take_due(services, 10) == []  # its wake might still be on its way
    clock.advance(REWAKE.total_seconds())
    assert take_due(services, 10) == [store.id]


def test_f2_a_lost_wake_is_sent_again_and_one_on_its_way_is_not(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    clock.advance(REWAKE.total_seconds())
    for _ in range(3):
        assert take_due(services, 10) == [store.id]
        assert take_due(services, 10) == []
        clock.advance(REWAKE.total_seconds() - 1)
        assert take_due(services, 10) == []
        clock.advance(1)


def test_a_settled_store_is_not_due(services: Services, clock: FakeClock) -> None:
    settle(services, make_store(services))
    clock.advance(days=365)
    assert take_due(services, 10) == []


def test_a_store_is_due_when_its_time_has_come(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    settle(services, store)
    set_row(services, store.id, next_reconcile_at=clock.now().replace(minute=30))
    assert take_due(services, 10) == []
    clock.advance(minutes=30)
    assert take_due(services, 10) == [store.id]


def test_work_pending_without_a_time_is_due_at_once(services: Services) -> None:
    """Whoever forgets `next_reconcile_at` loses nothing: generation <> observed_generation means work."""
    store = make_store(services)
    set_row(services, store.id, next_reconcile_at=None, wake_after=None)
    assert take_due(services, 10) == [store.id]


def test_a_back_off_is_respected_though_work_is_pending(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    set_row(services, store.id, next_reconcile_at=clock.now().replace(hour=20), wake_after=None)
    assert take_due(services, 10) == []


def test_what_is_held_gone_quarantined_or_paused_is_not_due(services: Services, clock: FakeClock) -> None:
    held, gone, quarantined, paused = (make_store(services) for _ in range(4))
    assert take_store_lease(services, held.id, ttl=60)
    delete_store(services, MERCHANT, tenant_id=gone.tenant_id, store_id=gone.id)
    set_gone(services, gone.id)
    set_row(services, quarantined.id, quarantined_at=clock.now())
    until = clock.now().replace(hour=18)
    pause_reconciling(services, OPERATOR, tenant_id=paused.tenant_id, store_id=paused.id, until=until, reason="moving house")
    clock.advance(hours=1)
    assert take_due(services, 10) == []
    clock.advance(hours=6)
    assert take_due(services, 10) == [paused.id]  # a pause ends by itself


def test_unpausing_looks_at_once(services: Services, queue: FakeQueue, clock: FakeClock) -> None:
    store = make_store(services)
    settle(services, store)
    until = clock.now().replace(year=2027)
    pause_reconciling(services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, until=until, reason="moving house")
    queue.wakes.clear()
    unpause_reconciling(services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id)
    assert queue.woken == [store.id]


def test_a_pause_of_the_platform_holds_everything(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    pause_platform(services, OPERATOR, until=clock.now().replace(hour=14), reason="upgrading the cluster")
    clock.advance(hours=1)
    assert take_due(services, 10) == []
    unpause_platform(services, OPERATOR)
    assert take_due(services, 10) == [store.id]


def test_f1_a_store_whose_worker_died_is_due_when_the_lease_ends(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    settle(services, store)
    assert take_store_lease(services, store.id, ttl=60)
    assert take_due(services, 10) == []
    set_row(services, store.id, lease_until=EXPIRED)
    assert take_due(services, 10) == [store.id]


def test_a_lease_given_back_leaves_nothing_due(services: Services) -> None:
    store = make_store(services)
    settle(services, store)
    token = take_store_lease(services, store.id, ttl=60)
    assert token is not None
    assert release_store_lease(services, store.id, token)
    assert take_due(services, 10) == []


def test_a_request_to_reconcile_ends_a_quarantine(services: Services, queue: FakeQueue, clock: FakeClock) -> None:
    store = make_store(services)
    settle(services, store)
    set_row(services, store.id, quarantined_at=clock.now(), crash_count=5, failure_count=9)
    queue.wakes.clear()
    request_reconcile(services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id)
    row = row_of(services, store.id)
    assert (row.quarantined_at, row.crash_count, row.failure_count, row.next_reconcile_at) == (None, 0, 0, clock.now())
    assert queue.wakes == [(store.id, True)]


def test_f25_the_due_loop_serves_each_tenants_first_store_before_anybodys_second(services: Services, clock: FakeClock) -> None:
    services = with_quotas(services)
    busy, small, smaller = (make_tenant(services) for _ in range(3))
    burst = [make_store(services, busy) for _ in range(30)]
    clock.advance(1)  # the others come later, and are not behind
    late = [make_store(services, small), make_store(services, smaller)]
    clock.advance(REWAKE.total_seconds())
    taken = take_due(services, 5)
    assert set(taken[:3]) >= {store.id for store in late}
    assert Counter(row_of(services, store_id).tenant_id for store_id in taken) == {busy.id: 3, small.id: 1, smaller.id: 1}
    assert set(taken) <= {store.id for store in burst + late}


def test_f25_a_tenants_burst_does_not_fill_the_queue(services: Services, queue: FakeQueue) -> None:
    """Beyond what may be on its way for one tenant, stores wait in the database, where they can be taken in turn."""
    services = with_quotas(services)
    window, repairs = (services.policy.tenant_concurrency * ahead for ahead in (INTENTS_AHEAD, AHEAD))
    tenant = make_tenant(services)
    stores = [make_store(services, tenant) for _ in range(window + 3)]
    assert queue.woken == [store.id for store in stores[:window]]
    assert take_due(services, 1000) == []
    for store in stores[: window - repairs + 2]:  # these passes are over
        settle(services, store)
    assert len(take_due(services, 1000)) == 2
    make_store(services)  # another tenant is served at once
    assert len(queue.wakes) == window + 1


def test_f25_what_a_person_asks_for_does_not_wait_behind_the_repairs_of_a_backlog(
    services: Services, queue: FakeQueue, clock: FakeClock
) -> None:
    services = with_quotas(services)
    tenant = make_tenant(services)
    repairs = services.policy.tenant_concurrency * AHEAD
    stores = [make_store(services, tenant) for _ in range(repairs + 5)]
    clock.advance(REWAKE.total_seconds())
    taken = take_due(services, 1000)
    assert len(taken) == repairs
    queue.wakes.clear()
    asked = next(store for store in stores if store.id not in taken)
    request_reconcile(services, MERCHANT, tenant_id=tenant.id, store_id=asked.id)
    assert queue.wakes == [(asked.id, True)]


def test_a_store_with_its_wake_on_the_way_does_not_stand_in_its_own_way(services: Services, queue: FakeQueue) -> None:
    services = replace(with_quotas(services), policy=replace(services.policy, tenant_quota=PLENTY, tenant_concurrency=1))
    tenant = make_tenant(services)
    stores = [make_store(services, tenant) for _ in range(INTENTS_AHEAD)]
    queue.wakes.clear()
    suspend_store(services, MERCHANT, tenant_id=tenant.id, store_id=stores[0].id)
    assert queue.woken == [stores[0].id]


def test_the_limit_of_the_due_loop_holds(services: Services, clock: FakeClock) -> None:
    for _ in range(5):
        make_store(services)
    clock.advance(REWAKE.total_seconds())
    assert [len(take_due(services, 2)) for _ in range(4)] == [2, 2, 1, 0]
