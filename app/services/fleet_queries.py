"""The read side for who watches over everything: figures of the whole, who works on what, what is slow, and what needs a look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.domain.conditions import READY, STALLED, SYNCED, Condition, Status, by_type
from app.domain.stores import Phase
from app.models import DriftEvent, ReconcileRun, Store, StoreCondition, Tenant
from app.ports import FleetFigures, QueueUnavailable
from app.services.context import Services
from app.services.snapshots import conditions_of

_WHY = "whoever watches the platform sees all stores"
_HERE = Store.gone_at.is_(None)
FAILING = and_(_HERE, Store.quarantined_at.is_(None), or_(Store.failure_count > 0, Store.phase.in_((Phase.FAILED, Phase.DEGRADED))))
QUARANTINED = and_(_HERE, Store.quarantined_at.is_not(None))


@dataclass(frozen=True, slots=True)
class StoreName:
    """What people call a store: its slug, and its tenant's."""

    id: str
    slug: str
    tenant: str


@dataclass(frozen=True, slots=True)
class SlowPass:
    """A pass with its slowest step; times in milliseconds. Passes that changed nothing leave no record and are not among them."""

    store: StoreName
    started_at: datetime
    outcome: str
    duration_ms: int
    step: str | None
    step_ms: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A store that fails or was quarantined. `reason` and `message` are the condition's that says why, or the last crash's."""

    store: StoreName
    phase: Phase
    failure_count: int
    reason: str
    message: str
    next_at: datetime | None
    quarantined_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A pass at this moment. `holder` is the worker's name, where it gave one."""

    store: StoreName
    holder: str | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What the database knows; lists are cut to what was asked for, the figures count all. `failing` counts more than
    `figures.failing` does: the stores that are broken though no pass over them failed are among them."""

    at: datetime
    figures: FleetFigures
    under_way: tuple[UnderWay, ...]
    slow: tuple[SlowPass, ...]
    failing: int
    troubles: tuple[Trouble, ...]
    quarantined: tuple[Trouble, ...]


def fleet_figures(services: Services) -> FleetFigures:
    """The whole in numbers; without the queue's where it cannot be reached."""
    try:
        depths, ages = services.queue.depths(), services.queue.ages()
    except QueueUnavailable:
        depths = ages = None
    with services.sessions.platform(_WHY) as session:
        return _figures(session, services.clock.now(), depths, ages)


def watch(services: Services, *, recent: timedelta, most: int) -> Watched:
    """Everything but the queue. Slow passes are those that began within `recent`."""
    now = services.clock.now()
    with services.sessions.platform(_WHY) as session:
        return Watched(
            at=now,
            figures=_figures(session, now, None, None),
            under_way=_under_way(session),
            slow=_slow(session, now - recent, most),
            failing=_count(session, FAILING),
            troubles=_troubles(session, FAILING, most),
            quarantined=_with_crashes(session, _troubles(session, QUARANTINED, most)),
        )


def names_of(services: Services, store_ids: Collection[str]) -> Mapping[str, StoreName]:
    """Of those that exist."""
    with services.sessions.platform(_WHY) as session:
        rows = session.execute(_named().where(Store.id.in_(store_ids))).tuples()
        return {row[0]: StoreName(*row) for row in rows}


def waits(now: datetime) -> ColumnElement[bool]:
    """Whether a store is due and nobody is at it."""
    free = or_(Store.lease_until.is_(None), Store.lease_until <= func.now())
    return and_(Store.due_at <= now, free, or_(Store.paused_until.is_(None), Store.paused_until <= now))


def whys(stores: Select[tuple[str]] | Collection[str]) -> Select[tuple[str, str, str]]:
    """The condition to read first of each of these stores that has one, as (store id, reason, message). The same order as `_why`."""
    condition = StoreCondition
    order = case({STALLED: 0, SYNCED: 1, READY: 2}, value=condition.type)
    troubles = or_(
        and_(condition.type == STALLED, condition.status != Status.FALSE),
        and_(condition.type.in_((SYNCED, READY)), condition.status != Status.TRUE),
    )
    return (
        select(condition.store_id, condition.reason, condition.message)
        .where(condition.store_id.in_(stores), troubles)
        .distinct(condition.store_id)
        .order_by(condition.store_id, order)
    )


def _figures(session: Session, now: datetime, depths: Mapping[str, int] | None, ages: Mapping[str, float] | None) -> FleetFigures:
    due, first = session.execute(select(func.count(), func.min(Store.due_at)).where(waits(now))).tuples().one()
    phases = dict(session.execute(select(Store.phase, func.count()).group_by(Store.phase)).tuples().all())
    return FleetFigures(
        stores={phase.value: phases.get(phase, 0) for phase in Phase},
        due=due,
        due_age=0.0 if first is None else max(0.0, (now - first).total_seconds()),
        failing=_count(session, and_(_HERE, Store.failure_count > 0)),
        crashing=_count(session, and_(_HERE, Store.crash_count > 0)),
        quarantined=_count(session, QUARANTINED),
        open_drift=session.scalar(select(func.count()).select_from(DriftEvent).where(DriftEvent.repaired_at.is_(None))) or 0,
        queue_depths=depths,
        queue_ages=ages,
    )


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Store).where(which)) or 0


def _named() -> Select[tuple[str, str, str]]:
    return select(Store.id, Store.slug, Tenant.slug).join(Tenant, Tenant.id == Store.tenant_id)


def _under_way(session: Session) -> tuple[UnderWay, ...]:
    statement = _named().add_columns(Store.lease_holder).where(Store.lease_until > func.now()).order_by(Store.lease_holder, Store.id)
    return tuple(UnderWay(StoreName(*row[:3]), row[3]) for row in session.execute(statement).tuples())


def _slow(session: Session, since: datetime, most: int) -> tuple[SlowPass, ...]:
    run = ReconcileRun
    statement = (
        _named()
        .join(run, run.store_id == Store.id)
        .add_columns(run.started_at, run.outcome, run.duration_ms, run.steps)
        .where(run.started_at >= since, run.duration_ms.is_not(None))
        .order_by(run.duration_ms.desc(), run.id)
        .limit(most)
    )
    passes: list[SlowPass] = []
    for store_id, slug, tenant, started_at, outcome, duration, steps in session.execute(statement).tuples():
        step_ms, step = max(((int(step["ms"]), str(step["step"])) for step in steps), default=(0, None))
        passes.append(SlowPass(StoreName(store_id, slug, tenant), started_at, outcome or "", duration or 0, step, step_ms))
    return tuple(passes)


def _troubles(session: Session, which: ColumnElement[bool], most: int) -> tuple[Trouble, ...]:
    statement = (
        select(Store, Tenant.slug)
        .join(Tenant, Tenant.id == Store.tenant_id)
        .where(which)
        .options(selectinload(Store.conditions))
        .order_by(Store.failure_count.desc(), Store.id.desc())
        .limit(most)
    )
    return tuple(_trouble(store, tenant) for store, tenant in session.execute(statement).tuples())


def _trouble(store: Store, tenant: str) -> Trouble:
    why = _why(conditions_of(store))
    return Trouble(
        store=StoreName(store.id, store.slug, tenant),
        phase=store.phase,
        failure_count=store.failure_count,
        reason="" if why is None else why.reason,
        message="" if why is None else why.message,
        next_at=store.next_reconcile_at,
        quarantined_at=store.quarantined_at,
    )


def _why(conditions: tuple[Condition, ...]) -> Condition | None:
    """The condition to read first: what needs a human, then what could not be compared or put right, then what does not run."""
    known = by_type(conditions)
    for type_, fine in ((STALLED, Status.FALSE), (SYNCED, Status.TRUE), (READY, Status.TRUE)):
        condition = known.get(type_)
        if condition is not None and condition.status is not fine:
            return condition
    return None


def _with_crashes(session: Session, troubles: tuple[Trouble, ...]) -> tuple[Trouble, ...]:
    """Quarantined stores with their last crash. One without a record killed its worker, which can write none."""
    run = ReconcileRun
    statement = (
        select(run.store_id, run.error)
        .where(run.store_id.in_([trouble.store.id for trouble in troubles]), run.outcome == "crashed")
        .distinct(run.store_id)
        .order_by(run.store_id, run.id.desc())
    )
    crashes = dict(session.execute(statement).tuples().all())
    return tuple(_crashed(trouble, crashes.get(trouble.store.id)) for trouble in troubles)


def _crashed(trouble: Trouble, error: str | None) -> Trouble:
    kind, _, text = (error or "WorkerDied: its worker died in the middle of a pass, again and again").partition(": ")
    return Trouble(trouble.store, trouble.phase, trouble.failure_count, kind, text, None, trouble.quarantined_at)
