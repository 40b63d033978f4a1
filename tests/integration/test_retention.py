"""Records end after the policy's time, to the day, and nothing else does (F30)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.domain.people import Role
from app.domain.throttle import Throttled
from app.models import (
    AuditEntry,
    AuthSession,
    Base,
    DriftEvent,
    Event,
    IdempotencyKey,
    Invite,
    PasswordReset,
    ReconcileRun,
    Store,
    Throttle,
    User,
)  # fmt: skip
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.retention import INVITES_SHOWN, retention
from app.services.views import StoreView
from tests.factories import MERCHANT, OPERATOR, make_id, make_store, make_tenant, set_gone
from tests.fakes.clock import FakeClock

MOMENT = timedelta(seconds=1)
PERSON = make_id()


def event(store: StoreView, at: datetime) -> Base:
    return Event(tenant_id=store.tenant_id, store_id=store.id, at=at, type="Ready", reason="Ok", message="", data={})


def drift(store: StoreView, at: datetime) -> Base:
    return DriftEvent(
        tenant_id=store.tenant_id, store_id=store.id, kind="Service", name="backend", path="spec", drift_class="modified", detected_at=at
    )


def run(store: StoreView, at: datetime) -> Base:
    return ReconcileRun(id=make_id(), tenant_id=store.tenant_id, store_id=store.id, generation=1, started_at=at)


def entry(store: StoreView, at: datetime) -> Base:
    return AuditEntry(
        at=at, tenant_id=store.tenant_id, actor_kind="user", actor_id="", actor_name="", action="old", target_type="", target_id=""
    )


def key(store: StoreView, at: datetime) -> Base:
    return IdempotencyKey(
        tenant_id=store.tenant_id, actor_id="a", operation="o", key=make_id(), request_hash="", answer={}, created_at=at, expires_at=at
    )


def login(store: StoreView, at: datetime) -> Base:
    return AuthSession(
        id=make_id(), token_hash=make_id().encode(), user_id=PERSON, user_agent="", created_at=at, last_seen_at=at, expires_at=at
    )


def reset(store: StoreView, at: datetime) -> Base:
    return PasswordReset(id=make_id(), token_hash=make_id().encode(), user_id=PERSON, created_at=at, expires_at=at)


def invitation(store: StoreView, at: datetime) -> Base:
    return Invite(
        id=make_id(), tenant_id=store.tenant_id, email=f"{make_id()}@example.com", role=Role.VIEWER, token_hash=make_id().encode(),
        invited_by="", created_at=at, expires_at=at,
    )  # fmt: skip


def attempts(store: StoreView, at: datetime) -> Base:
    return Throttle(kind=Throttled.LOG_IN_ACCOUNT, key=make_id().encode(), attempts=1, expires_at=at)


RECORDS: list[tuple[str, str, Callable[[StoreView, datetime], Base], str | None]] = [
    ("events", "event_days", event, "event_days"),
    ("drift_events", "event_days", drift, "event_days"),
    ("reconcile_runs", "run_days", run, "run_days"),
    ("audit", "audit_days", entry, "audit_days"),
    ("idempotency_keys", "expiry", key, None),
    ("auth_sessions", "expiry", login, None),
    ("password_resets", "expiry", reset, None),
    ("invites", "a month after expiry", invitation, None),
    ("throttles", "expiry", attempts, None),
]


def count(services: Services, table: type[Base]) -> int:
    with services.sessions.platform("a test looks") as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize(("name", "limit", "make", "days"), RECORDS, ids=[name for name, *_ in RECORDS])
def test_f30_a_record_is_kept_to_its_last_second_and_no_longer(
    services: Services,
    clock: FakeClock,
    name: str,
    limit: str,
    make: Callable[[StoreView, datetime], Base],
    days: str | None,
) -> None:
    store = make_store(services)
    age = timedelta(days=getattr(services.policy, days)) if days else timedelta(days=INVITES_SHOWN if name == "invites" else 0)
    with services.sessions.platform("a test sets the scene") as session:
        session.add(User(id=PERSON, email="mia@example.com", name="Mia", is_operator=False, created_at=clock.now()))
        session.flush()
        old, kept = make(store, clock.now() - age - MOMENT), make(store, clock.now() - age)
        session.add_all([old, kept])
    before = count(services, type(old))
    report = retention(services)
    assert getattr(report, name) == 1, limit
    extra = 1 if name == "audit" else 0  # the entry that says so
    assert count(services, type(old)) == before - 1 + extra
    assert getattr(retention(services), name) == 0


def test_f30_a_gone_store_goes_with_its_history_and_others_stay(services: Services, clock: FakeClock) -> None:
    gone, deleting, living = (make_store(services) for _ in range(3))
    with services.sessions.platform("a test sets the scene") as session:
        session.add_all([event(store, clock.now()) for store in (gone, deleting, living)])
    for store in (gone, deleting):
        delete_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    set_gone(services, gone.id)
    clock.advance(days=services.policy.gone_days)
    assert retention(services).stores == 0
    clock.advance(1)
    assert retention(services).stores == 1
    with services.sessions.platform("a test looks") as session:
        assert set(session.scalars(select(Store.id))) == {deleting.id, living.id}
        assert set(session.scalars(select(Event.store_id))) == {deleting.id, living.id}


def test_f30_a_gone_store_stays_as_long_as_its_host_is_held(services: Services, clock: FakeClock) -> None:
    services = replace(services, policy=replace(services.policy, gone_days=1, host_hold_days=30))
    store = make_store(services, slug="bakery")
    delete_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    set_gone(services, store.id)
    clock.advance(days=29)
    retention(services)
    assert make_store(services, slug="bakery").host != "bakery.localhost"


def test_f30_many_records_go_in_batches(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    with services.sessions.platform("a test sets the scene") as session:
        session.add_all([event(store, clock.now() - timedelta(days=200)) for _ in range(25)])
    assert retention(services, batch=10).events == 25
    assert count(services, Event) == 0


def test_f30_what_was_removed_is_audited_and_nothing_if_nothing_was(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    retention(services)
    entries = count(services, AuditEntry)
    with services.sessions.platform("a test sets the scene") as session:
        session.add(event(store, clock.now() - timedelta(days=200)))
    retention(services)
    assert count(services, AuditEntry) == entries + 1
    with services.sessions.platform("a test looks") as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (last.action, last.after) == ("platform.retention", {"events": 1})


def test_an_entry_of_a_tenant_outlives_its_store(services: Services, clock: FakeClock) -> None:
    store = make_store(services, make_tenant(services))
    delete_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    set_gone(services, store.id)
    clock.advance(days=services.policy.gone_days + 1)
    retention(services, OPERATOR)
    with services.sessions.platform("a test looks") as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.target_id == store.id).order_by(AuditEntry.id)).all()
    assert actions == ["store.create", "store.delete"]
