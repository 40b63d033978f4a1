"""How the fleet has been of late: drift and passes by the hour, time to Ready, why stores fail, and what was last seen of the clusters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, extract, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.models import ClusterRow, DriftEvent, ReconcileRun, Store
from app.services.context import Services
from app.services.fleet_queries import FAILING, whys
from app.services.store_drift import CONTESTED

HOURS = 24
READY_OF = 200  # the latest stores that became ready


@dataclass(frozen=True, slots=True)
class Hour:
    """What fell into one hour, from `at` on. Passes that changed nothing leave no record and are not counted."""

    at: datetime
    found: int
    repaired: int
    passes: int
    failed: int


@dataclass(frozen=True, slots=True)
class KindOfDrift:
    """Differences of one kind of object, found within the hours shown; `open`: all that are not repaired."""

    kind: str
    found: int
    open: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Failing stores that give the same reason. `message` is one of theirs."""

    reason: str
    stores: int
    message: str


@dataclass(frozen=True, slots=True)
class TimeToReady:
    """Seconds from creation to the first Ready, of the latest stores that came so far; None where there are none."""

    of: int
    p50: float | None
    p95: float | None
    longest: float | None
    latest: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """`observed_at`: when a worker last read it."""

    name: str
    version: str | None
    storage_class: str | None
    expansion_allowed: bool
    observed_at: datetime | None
    stores: int


@dataclass(frozen=True, slots=True)
class Trends:
    """`contested`: differences left for a while, because somebody makes them again and again."""

    hours: tuple[Hour, ...]
    kinds: tuple[KindOfDrift, ...]
    reasons: tuple[Reason, ...]
    ready: TimeToReady
    clusters: tuple[ClusterSeen, ...]
    contested: int


def trends(services: Services) -> Trends:
    """Nine statements, whatever there is."""
    now = services.clock.now()
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    with services.sessions.platform("whoever watches the platform sees all stores") as session:
        contested = select(func.count()).select_from(DriftEvent).where(CONTESTED)
        return Trends(
            _hours(session, since),
            _kinds(session, since),
            _reasons(session),
            _time_to_ready(session),
            _clusters(session),
            session.scalar(contested) or 0,
        )


def _hours(session: Session, since: datetime) -> tuple[Hour, ...]:
    run = ReconcileRun
    found = dict(session.execute(_by_hour(DriftEvent.detected_at, since)).tuples().all())
    # What was repaired was found no earlier than a little before: the index is on the finding.
    repaired = _by_hour(DriftEvent.repaired_at, since).where(DriftEvent.detected_at >= since - timedelta(days=7))
    mended = dict(session.execute(repaired).tuples().all())
    failed = func.count().filter(run.outcome.in_(("failed", "refused", "crashed")))
    passes = {hour: (count, bad) for hour, count, bad in session.execute(_by_hour(run.started_at, since).add_columns(failed)).tuples()}
    hours = [since + timedelta(hours=number) for number in range(HOURS)]
    return tuple(Hour(hour, found.get(hour, 0), mended.get(hour, 0), *passes.get(hour, (0, 0))) for hour in hours)


def _by_hour(column: InstrumentedAttribute[Any], since: datetime) -> Select[Any]:
    hour = func.date_trunc("hour", column, "UTC")
    return select(hour, func.count()).where(column >= since).group_by(hour)


def _kinds(session: Session, since: datetime) -> tuple[KindOfDrift, ...]:
    recent = func.count().filter(DriftEvent.detected_at >= since)
    still = func.count().filter(DriftEvent.repaired_at.is_(None))
    statement = (
        select(DriftEvent.kind, recent, still)
        .where((DriftEvent.detected_at >= since) | DriftEvent.repaired_at.is_(None))
        .group_by(DriftEvent.kind)
        .order_by(recent.desc(), DriftEvent.kind)
    )
    return tuple(KindOfDrift(*row) for row in session.execute(statement).tuples())


def _reasons(session: Session) -> tuple[Reason, ...]:
    why = whys(select(Store.id).where(FAILING)).subquery("why")
    reason = func.coalesce(why.c.reason, "")
    statement = (
        select(reason, func.count(), func.min(why.c.message))
        .select_from(Store)
        .outerjoin(why, why.c.store_id == Store.id)
        .where(FAILING)
        .group_by(reason)
        .order_by(func.count().desc(), reason)
    )
    return tuple(Reason(reason, stores, message or "") for reason, stores, message in session.execute(statement).tuples())


def _time_to_ready(session: Session) -> TimeToReady:
    seconds = extract("epoch", Store.first_ready_at - Store.created_at)
    statement = select(seconds).where(Store.first_ready_at.is_not(None)).order_by(Store.id.desc()).limit(READY_OF)
    latest = [float(value) for value in session.scalars(statement)]
    ranked = sorted(latest)

    def rank(share: float) -> float | None:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else None

    return TimeToReady(len(ranked), rank(0.5), rank(0.95), ranked[-1] if ranked else None, tuple(reversed(latest[:60])))


def _clusters(session: Session) -> tuple[ClusterSeen, ...]:
    stores = select(Store.cluster_id, func.count().label("stores")).where(Store.gone_at.is_(None)).group_by(Store.cluster_id).subquery()
    row = ClusterRow
    columns = (row.name, row.version, row.storage_class, row.expansion_allowed, row.observed_at, func.coalesce(stores.c.stores, 0))
    statement = select(*columns).outerjoin(stores, stores.c.cluster_id == row.id).order_by(row.name)
    return tuple(ClusterSeen(*found) for found in session.execute(statement).tuples())
