"""Leases: one holder, by compare-and-set in the database's time; a token fences what a late holder would write (F5, F26)."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select, update

from app.models import Lease, Store
from app.services.context import Services
from app.services.leases import (
    acquire,
    lock_held_store,
    release,
    release_store_lease,
    renew,
    renew_store_lease,
    take_store_lease,
)
from app.services.queries import leaders
from tests.factories import make_id, make_store, make_tenant, row_of, set_row
from tests.integration.test_quota_races import at_once

EXPIRED = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 1)


def expire_office(services: Services, name: str) -> None:
    with services.sessions.platform("a test lets time pass") as session:
        session.execute(update(Lease).where(Lease.name == name).values(until=EXPIRED))


def test_of_many_candidates_one_leads(services: Services) -> None:
    tokens: list[str | None] = []
    at_once([lambda n=n: tokens.append(acquire(services, "scheduler", f"candidate-{n}", ttl=60)) for n in range(12)])
    assert sum(token is not None for token in tokens) == 1
    assert [(leader.name, leader.active) for leader in leaders(services)] == [("scheduler", True)]


def test_offices_are_independent(services: Services) -> None:
    assert acquire(services, "scheduler", "one", ttl=60)
    assert acquire(services, "watch", "two", ttl=60)


def test_an_office_is_held_by_renewing_and_lost_by_not(services: Services) -> None:
    token = acquire(services, "scheduler", "one", ttl=60)
    assert token is not None
    assert renew(services, "scheduler", token, ttl=60)
    expire_office(services, "scheduler")
    assert not renew(services, "scheduler", token, ttl=60)  # nobody else has it, and yet it is lost
    successor = acquire(services, "scheduler", "two", ttl=60)
    assert successor is not None
    assert not renew(services, "scheduler", token, ttl=60)
    assert not release(services, "scheduler", token)
    assert renew(services, "scheduler", successor, ttl=60)


def test_an_office_given_back_is_free_at_once(services: Services) -> None:
    token = acquire(services, "scheduler", "one", ttl=60)
    assert token is not None
    assert acquire(services, "scheduler", "two", ttl=60) is None
    assert release(services, "scheduler", token)
    assert acquire(services, "scheduler", "two", ttl=60)


def test_f5_of_many_workers_one_gets_the_store(services: Services) -> None:
    store = make_store(services)
    tokens: list[str | None] = []
    at_once([lambda: tokens.append(take_store_lease(services, store.id, ttl=60)) for _ in range(12)])
    held = [token for token in tokens if token is not None]
    assert len(held) == 1
    assert row_of(services, store.id).lease_token == held[0]


def test_f26_a_late_holder_can_neither_renew_nor_record_nor_release(services: Services) -> None:
    store = make_store(services)
    late = take_store_lease(services, store.id, ttl=60)
    assert late is not None
    set_row(services, store.id, lease_until=EXPIRED)
    assert not renew_store_lease(services, store.id, late, ttl=60)
    with services.sessions.platform("a worker records") as session:
        assert lock_held_store(session, store.id, late) is None
    successor = take_store_lease(services, store.id, ttl=60)
    assert successor is not None
    assert not renew_store_lease(services, store.id, late, ttl=60)
    assert not release_store_lease(services, store.id, late)
    with services.sessions.platform("a worker records") as session:
        assert lock_held_store(session, store.id, late) is None
        assert lock_held_store(session, store.id, successor) is not None
    assert row_of(services, store.id).lease_token == successor


def test_renewing_makes_the_lease_last_longer(services: Services) -> None:
    store = make_store(services)
    token = take_store_lease(services, store.id, ttl=10)
    assert token is not None
    before = row_of(services, store.id).lease_until
    assert renew_store_lease(services, store.id, token, ttl=100)
    after = row_of(services, store.id).lease_until
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() > 60


def test_an_unknown_store_has_no_lease(services: Services) -> None:
    assert take_store_lease(services, make_id(), ttl=60) is None


def test_a_tenant_has_no_more_passes_at_once_than_it_may(services: Services) -> None:
    tenant = make_tenant(services)
    services = replace(services, policy=replace(services.policy, tenant_concurrency=2))
    stores = [make_store(services, tenant) for _ in range(4)]
    tokens: dict[str, str | None] = {}
    at_once([lambda s=store: tokens.update({s.id: take_store_lease(services, s.id, ttl=60)}) for store in stores])
    held = [store_id for store_id, token in tokens.items() if token is not None]
    assert len(held) == 2
    assert take_store_lease(services, make_store(services).id, ttl=60)  # another tenant's
    refused = next(store.id for store in stores if store.id not in held)
    assert row_of(services, refused).wake_after is None  # left to the due loop, at once
    token = tokens[held[0]]
    assert token is not None
    assert release_store_lease(services, held[0], token)
    assert take_store_lease(services, refused, ttl=60)


def test_f24_workers_that_die_over_a_store_quarantine_it(services: Services) -> None:
    """Nobody is left to count such a crash but the one who finds the lease expired."""
    store = make_store(services)
    for crashes in range(services.policy.max_failures + 1):
        row = row_of(services, store.id)
        assert row.crash_count == max(0, crashes - 1)
        assert row.quarantined_at is None
        assert take_store_lease(services, store.id, ttl=60)
        set_row(services, store.id, lease_until=EXPIRED)
    row = row_of(services, store.id)
    assert row.crash_count == services.policy.max_failures
    assert row.quarantined_at == services.clock.now()
    assert row.due_at is None


def test_a_lease_given_back_counts_as_no_crash(services: Services) -> None:
    store = make_store(services)
    for _ in range(3):
        token = take_store_lease(services, store.id, ttl=60)
        assert token is not None
        release_store_lease(services, store.id, token)
    assert row_of(services, store.id).crash_count == 0


def test_taking_the_lease_settles_the_wake(services: Services) -> None:
    store = make_store(services)
    assert row_of(services, store.id).wake_after is not None
    take_store_lease(services, store.id, ttl=60)
    with services.sessions.platform("a test looks") as session:
        assert session.scalar(select(Store.wake_after)) is None
