"""Recording what a pass saw, in one short transaction fenced by the lease's token. A lost lease means: discard.

Conditions and events are written on change only, a run only where something was written, failed or changed: a pass over an unchanged
store leaves no history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import sqlalchemy
from sqlalchemy import Dialect, Executable, Select, Table, delete, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from app.domain.conditions import READY, Condition, Status, by_type, differ
from app.domain.drift import Action, DriftClass, ObjectDrift
from app.domain.errors import Conflict, LeaseLost, Transient
from app.domain.manifests import InventoryEntry, ObjectKey
from app.domain.stores import StoreSnapshot, derive_phase
from app.models import Base, DriftEvent, Event, InventoryObject, ReconcileRun, Store, StoreCondition
from app.reconcile.circuit import backoff
from app.reconcile.outcome import PassOutcome
from app.services.context import Services
from app.services.leases import lock_held_store
from app.services.live import tell
from app.services.masking import masked

MAX_ERROR = 2000

_CONDITION_COLUMNS = ("status", "reason", "message", "last_transition_at", "observed_generation")
_INVENTORY_COLUMNS = ("uid", "resource_version", "manifest_hash", "live", "live_hash")


def _table(row: type[Base]) -> Table:
    """For statements past the ORM, whose unit of work took a fifth of a pass's time here (`python -m benchmarks.queue`)."""
    return cast("Table", row.__table__)


def _put(row: type[Base], key: Sequence[str], columns: Sequence[str]) -> Insert:
    """INSERT … ON CONFLICT (key) DO UPDATE."""
    statement = insert(_table(row))
    return statement.on_conflict_do_update(index_elements=key, set_={name: getattr(statement.excluded, name) for name in columns})


_OPEN_DRIFT = select(DriftEvent.id).where(DriftEvent.store_id == Store.id, DriftEvent.repaired_at.is_(None)).exists()
_PUT_CONDITIONS = _put(StoreCondition, ("store_id", "type"), _CONDITION_COLUMNS)
_PUT_INVENTORY = _put(InventoryObject, ("store_id", "kind", "namespace", "name"), _INVENTORY_COLUMNS)
_ADD_RUN = sqlalchemy.insert(_table(ReconcileRun))
_ADD_EVENTS = sqlalchemy.insert(_table(Event))


@lru_cache(maxsize=16)
def _compiled(statement: Insert, dialect: Dialect, columns: tuple[str, ...]) -> Executable:
    """Compiled once: SQLAlchemy keeps no compiled form of PostgreSQL's own INSERT, which takes longer to make than the server to run."""
    return cast("Executable", statement.compile(dialect=dialect, column_keys=list(columns)))


def _put_rows(session: Session, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows have the same columns."""
    connection = session.connection()
    connection.execute(_compiled(statement, connection.dialect, tuple(rows[0])), rows)


@dataclass(frozen=True, slots=True)
class PassRecord:
    """The run's own data. Durations in milliseconds."""

    run_id: str
    started_at: datetime
    duration_ms: int
    requests: int
    writes: int
    job_id: str | None
    worker: str | None

    def outcome_of(self, outcome: PassOutcome) -> str:
        """One word: failed, conflict, refused, deleted, changed, observed."""
        if isinstance(outcome.error, Transient):
            return "failed"
        if isinstance(outcome.error, Conflict):
            return "conflict"
        if outcome.error is not None:
            return "refused"
        if outcome.gone:
            return "deleted"
        return "changed" if outcome.changes.effective else "observed"


def record_namespace(services: Services, store: StoreSnapshot, uid: str) -> None:
    """Commit the namespace's uid before anything else is applied to it."""
    with services.sessions.platform("workers serve all tenants") as session:
        session.execute(update(Store).where(Store.id == store.id, Store.namespace_uid.is_(None)).values(namespace_uid=uid))


def record_pass(services: Services, before: StoreSnapshot, token: str, outcome: PassOutcome, record: PassRecord) -> bool:
    """Record and let go of the lease; True where a newer intent came meanwhile and the lease was kept. Raises LeaseLost."""
    now = services.clock.now()
    with services.sessions.platform("workers serve all tenants") as session:
        row, drifted = _held(session, before.id, token)
        shown = _shown(row)
        changed = differ(before.conditions, outcome.conditions)
        _record_conditions(session, before, outcome.conditions)
        _record_inventory(session, before, outcome.inventory)
        _record_row(row, outcome, now=now)
        ran = outcome.changes.effective or outcome.error is not None or changed
        if ran:
            session.execute(_ADD_RUN, _run(before, outcome, record, now))
        if events := _events(before, outcome, changed, record, now):
            session.execute(_ADD_EVENTS, events)
        drift_noted = (drifted or outcome.drift) and _record_drift(session, before, outcome, record, now)
        if ran or drift_noted or _dropped(before, outcome.conditions) or _shown(row) != shown:
            tell(session, services, "store", tenant_id=before.tenant_id, store_id=before.id)
        newer = row.generation != before.generation and not outcome.gone
        if not newer:
            row.lease_token = row.lease_until = row.lease_holder = None
    return newer


def record_crash(
    services: Services, before: StoreSnapshot, token: str, *, run_id: str, started_at: datetime, error: Exception, origin_job: str | None
) -> None:
    """A bug: the run is recorded as crashed, the store waits, and is quarantined after too many crashes in a row."""
    now = services.clock.now()
    with services.sessions.platform("workers serve all tenants") as session:
        row, _ = _held(session, before.id, token)
        row.crash_count += 1
        row.next_reconcile_at = now + timedelta(seconds=backoff(row.crash_count))
        if row.crash_count >= services.policy.max_failures:
            row.quarantined_at = now
        row.lease_token = row.lease_until = row.lease_holder = None
        tell(session, services, "store", tenant_id=before.tenant_id, store_id=before.id)
        session.add(
            ReconcileRun(
                id=run_id,
                tenant_id=before.tenant_id,
                store_id=before.id,
                generation=before.generation,
                started_at=started_at,
                finished_at=now,
                outcome="crashed",
                job_id=origin_job,
                error=masked(f"{type(error).__name__}: {error}")[:MAX_ERROR],
            )
        )


def _held(session: Session, store_id: str, token: str) -> tuple[Store, bool]:
    """The store's row, locked under our lease, and whether drift of it is recorded that nobody has repaired."""
    found = lock_held_store(session, store_id, token, _OPEN_DRIFT)
    if found is None:
        raise LeaseLost(f"Another worker has taken over store {store_id}; what this one saw is discarded.", store_id=store_id)
    return found


def _shown(row: Store) -> tuple[Any, ...]:
    """What pages show of the row itself. Not when it was observed: that changes with every pass, and nobody reloads a page for it."""
    return row.phase, row.observed_generation, row.gone_at, row.first_ready_at, row.quarantined_at


def _dropped(before: StoreSnapshot, conditions: tuple[Condition, ...]) -> set[str]:
    return by_type(before.conditions).keys() - {condition.type for condition in conditions}


def _record_row(row: Store, outcome: PassOutcome, *, now: datetime) -> None:
    ready = by_type(outcome.conditions).get(READY)
    if ready is not None and ready.status is Status.TRUE and not row.ever_ready:
        row.ever_ready, row.first_ready_at = True, now
    if outcome.gone and row.gone_at is None:
        row.gone_at = now
    failed = outcome.error is not None and not isinstance(outcome.error, Conflict)
    row.failure_count = row.failure_count + 1 if failed else 0
    row.crash_count = 0
    row.observed_generation = max(row.observed_generation, outcome.observed_generation)
    row.observed_at = now
    row.next_reconcile_at = None if outcome.gone else now + timedelta(seconds=outcome.requeue_after)
    row.phase = derive_phase(row.desired_state, outcome.conditions, gone=row.gone_at is not None, ever_ready=row.ever_ready)


def _record_conditions(session: Session, before: StoreSnapshot, conditions: tuple[Condition, ...]) -> None:
    known = by_type(before.conditions)
    fresh = [condition for condition in conditions if known.get(condition.type) != condition]
    if dropped := _dropped(before, conditions):
        session.execute(delete(StoreCondition).where(StoreCondition.store_id == before.id, StoreCondition.type.in_(dropped)))
    if fresh:
        owner = {"store_id": before.id, "tenant_id": before.tenant_id}
        rows = [{**owner, "type": c.type, **{name: getattr(c, name) for name in _CONDITION_COLUMNS}} for c in fresh]
        _put_rows(session, _PUT_CONDITIONS, rows)


def _record_inventory(session: Session, before: StoreSnapshot, inventory: Mapping[ObjectKey, InventoryEntry]) -> None:
    fresh = [entry for key, entry in inventory.items() if before.inventory.get(key) is not entry]
    for key in before.inventory.keys() - inventory.keys():
        session.execute(
            delete(InventoryObject).where(
                InventoryObject.store_id == before.id,
                InventoryObject.kind == key.kind,
                InventoryObject.namespace == key.namespace,
                InventoryObject.name == key.name,
            )
        )
    if fresh:
        owner = {"store_id": before.id, "tenant_id": before.tenant_id}
        _put_rows(
            session,
            _PUT_INVENTORY,
            [
                {
                    **owner,
                    **{name: getattr(entry.key, name) for name in ("kind", "namespace", "name")},
                    **{name: getattr(entry, name) for name in _INVENTORY_COLUMNS},
                }
                for entry in fresh
            ],
        )


def _run(before: StoreSnapshot, outcome: PassOutcome, record: PassRecord, now: datetime) -> dict[str, Any]:
    return {
        "id": record.run_id,
        "tenant_id": before.tenant_id,
        "store_id": before.id,
        "generation": before.generation,
        "started_at": record.started_at,
        "finished_at": now,
        "duration_ms": record.duration_ms,
        "outcome": record.outcome_of(outcome),
        "job_id": record.job_id,
        "worker": record.worker,
        "error": outcome.error.message[:MAX_ERROR] if outcome.error is not None else None,
        "changes": outcome.changes.as_list(),
        "counts": {**outcome.changes.counts(), "requests": record.requests, "writes": record.writes},
        "steps": [{"step": name, "ms": round(seconds * 1000)} for name, seconds in outcome.steps.items()],
    }


def _events(
    before: StoreSnapshot, outcome: PassOutcome, changed: tuple[Condition, ...], record: PassRecord, now: datetime
) -> list[dict[str, Any]]:
    def event(type_: str, reason: str, message: str, data: dict[str, Any]) -> dict[str, Any]:
        about = {"run_id": record.run_id, "generation": before.generation}
        what = {"type": type_, "reason": reason, "message": message, "data": {**data, **about}}
        return {"tenant_id": before.tenant_id, "store_id": before.id, "at": now, **what}

    events = [event(c.type, c.reason, c.message, {"status": c.status.value}) for c in changed]
    written = {change.key for change in outcome.changes.effective}
    events.extend(
        event("Drift", drift.drift_class.value.capitalize(), drift_sentence(drift, outcome), drift.as_dict())
        for drift in outcome.drift
        if drift.key in written
    )
    return events


def drift_sentence(drift: ObjectDrift, outcome: PassOutcome) -> str:
    """What happened to an object and what came of it."""
    by = f" by {drift.manager}" if drift.manager else ""
    what = {
        DriftClass.MISSING: "was removed",
        DriftClass.FOREIGN: "does not belong to this store",
        DriftClass.EXTRA: f"got {len(drift.differences)} field(s) more{by}",
    }.get(drift.drift_class, f"was changed{by} in {', '.join(d.path for d in drift.differences[:3])}")
    return f"{drift.key} {what}; {'put right' if drift.key in outcome.repaired else 'not put right yet'}."


def _record_drift(session: Session, before: StoreSnapshot, outcome: PassOutcome, record: PassRecord, now: datetime) -> bool:
    """One row per differing field. Drift that is only observed stays open and is not written twice; what is no longer found is closed.

    Whether there was anything to note.
    """
    actions = {change.key: change.action for change in outcome.changes}
    open_rows = {(row.kind, row.name, row.path): row for row in session.scalars(_open_drift(before.id))}
    seen: set[tuple[str, str, str]] = set()
    for drift in outcome.drift:
        sides = [difference.as_dict() for difference in drift.differences] or [{"path": "", "manager": None}]
        repaired_at = now if drift.key in outcome.repaired and actions.get(drift.key) is not Action.SKIPPED else None
        for side in sides:
            place = (drift.key.kind, drift.key.name, str(side["path"]))
            seen.add(place)
            if (known := open_rows.get(place)) is not None:
                known.repaired_at = repaired_at
            else:
                session.add(_drift_event(before, drift, side, record, repaired_at))
    if outcome.error is None:
        for place, row in open_rows.items():
            if place not in seen:
                row.repaired_at = now
    return bool(session.new) or any(session.is_modified(row) for row in open_rows.values())


def _open_drift(store_id: str) -> Select[tuple[DriftEvent]]:
    return select(DriftEvent).where(DriftEvent.store_id == store_id, DriftEvent.repaired_at.is_(None))


def _drift_event(
    before: StoreSnapshot, drift: ObjectDrift, side: Mapping[str, Any], record: PassRecord, repaired_at: datetime | None
) -> DriftEvent:
    return DriftEvent(
        tenant_id=before.tenant_id,
        store_id=before.id,
        kind=drift.key.kind,
        name=drift.key.name,
        path=side["path"],
        drift_class=drift.drift_class,
        manager=side["manager"],
        before=side.get("before"),
        after=side.get("after"),
        detected_at=record.started_at,
        repaired_at=repaired_at,
        run_id=record.run_id,
    )
