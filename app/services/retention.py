"""Records do not grow for ever: what is older than the policy says is removed, in batches that each take a moment.

Nothing of a store that exists is touched but its old history. A gone store's row stays as long as its host is held for its former tenant,
and as long as a namespace that comes back must be recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.domain.actors import Actor, ActorKind
from app.models import (
    AuditEntry,
    AuthSession,
    DriftEvent,
    Event,
    IdempotencyKey,
    Invite,
    PasswordReset,
    ReconcileRun,
    Store,
    Throttle,
)  # fmt: skip
from app.services import audit
from app.services.context import Services

BATCH = 1000
# Days that an invitation which nobody accepted is still listed, as too old.
INVITES_SHOWN = 30
SYSTEM = Actor(ActorKind.SYSTEM, "retention", "retention")


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """Rows removed."""

    events: int
    drift_events: int
    reconcile_runs: int
    audit: int
    idempotency_keys: int
    auth_sessions: int
    password_resets: int
    invites: int
    throttles: int
    stores: int


def retention(services: Services, actor: Actor = SYSTEM, *, batch: int = BATCH) -> RetentionReport:
    """Remove what is too old. Running it twice at once, or killing it, does no harm."""
    now, policy = services.clock.now(), services.policy

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    report = RetentionReport(
        events=_trim(services, [Event.id], Event.at < before(policy.event_days), batch),
        drift_events=_trim(services, [DriftEvent.id], DriftEvent.detected_at < before(policy.event_days), batch),
        reconcile_runs=_trim(services, [ReconcileRun.id], ReconcileRun.started_at < before(policy.run_days), batch),
        audit=_trim(services, [AuditEntry.id], AuditEntry.at < before(policy.audit_days), batch),
        idempotency_keys=_trim(
            services,
            [IdempotencyKey.tenant_id, IdempotencyKey.actor_id, IdempotencyKey.operation, IdempotencyKey.key],
            IdempotencyKey.expires_at < now,
            batch,
        ),
        auth_sessions=_trim(services, [AuthSession.id], AuthSession.expires_at < now, batch),
        password_resets=_trim(services, [PasswordReset.id], PasswordReset.expires_at < now, batch),
        invites=_trim(services, [Invite.id], Invite.expires_at < before(INVITES_SHOWN), batch),
        throttles=_trim(services, [Throttle.kind, Throttle.key], Throttle.expires_at < now, batch),
        stores=_trim(services, [Store.id], Store.gone_at < before(max(policy.gone_days, policy.host_hold_days)), batch),
    )
    removed = {name: count for name, count in asdict(report).items() if count}
    if removed:
        with services.sessions.platform("retention") as session:
            audit.record(session, actor, "platform.retention", now=now, target=("platform", "1"), tenant_id=None, after=removed)
    return report


def _trim(services: Services, key: list[InstrumentedAttribute[Any]], old: ColumnElement[bool], batch: int) -> int:
    return sum(_batches(services, key, old, batch))


def _batches(services: Services, key: list[InstrumentedAttribute[Any]], old: ColumnElement[bool], batch: int) -> Iterator[int]:
    """Delete a batch per transaction until one is not full."""
    table: Any = key[0].class_
    while True:
        with services.sessions.platform("retention") as session:
            session.execute(select(func.set_config("storeyard.retention", "on", True)))  # lets the audit's trigger pass, here only
            chosen = select(*key).where(old).limit(batch).with_for_update(skip_locked=True)
            result = session.execute(delete(table).where(tuple_(*key).in_(chosen)).execution_options(synchronize_session=False))
            count = result.rowcount if isinstance(result, CursorResult) else 0
        yield count
        if count < batch:
            return
