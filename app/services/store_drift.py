"""The read side of drift: what was found different in the cluster, whether it was put right, and who did it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, select

from app.domain.conditions import SYNCED
from app.domain.contests import Contest, Field, contests_of
from app.domain.drift import DriftClass
from app.models import DriftEvent, StoreCondition
from app.reconcile.plan import REASON_CONTESTED
from app.services.context import Services

# Enough to count a contest's repairs up to its longest wait.
_LOOK_BACK, _MOST_REPAIRS = timedelta(hours=2), 500


# Open drift of stores whose repair is held back because somebody changes the same field again and again.
CONTESTED = and_(
    DriftEvent.repaired_at.is_(None),
    exists().where(
        StoreCondition.store_id == DriftEvent.store_id, StoreCondition.type == SYNCED, StoreCondition.reason == REASON_CONTESTED
    ),
)


@dataclass(frozen=True, slots=True)
class DriftView:
    """One field (`path` is '' for a whole object). `before` is what was recorded, `after` what was found; secrets are digests."""

    id: int
    store_id: str
    kind: str
    name: str
    path: str
    drift_class: DriftClass
    manager: str | None
    before: Any
    after: Any
    detected_at: datetime
    repaired_at: datetime | None
    run_id: str | None


def store_drift(services: Services, *, tenant_id: str, store_id: str, only_open: bool = False, limit: int = 100) -> tuple[DriftView, ...]:
    """The newest first; `only_open`: what has not been put right."""
    statement = select(DriftEvent).where(DriftEvent.store_id == store_id).order_by(DriftEvent.id.desc()).limit(limit)
    if only_open:
        statement = statement.where(DriftEvent.repaired_at.is_(None))
    with services.sessions.tenant(tenant_id) as session:
        return tuple(map(drift_view, session.scalars(statement)))


def store_contests(services: Services, store_id: str) -> Mapping[Field, Contest]:
    """The store's contested fields, by what was put right in the last hours."""
    now = services.clock.now()
    row = DriftEvent
    statement = (
        select(row.kind, row.name, row.path, row.manager, row.repaired_at)
        .where(row.store_id == store_id, row.repaired_at > now - _LOOK_BACK)
        .order_by(row.id.desc())
        .limit(_MOST_REPAIRS)
    )
    with services.sessions.platform("workers serve all tenants") as session:
        rows = session.execute(statement).tuples()
        return contests_of(((Field(kind, name, path, manager), at) for kind, name, path, manager, at in rows if at is not None), now)


def drift_view(row: DriftEvent) -> DriftView:
    return DriftView(
        row.id, row.store_id, row.kind, row.name, row.path, row.drift_class, row.manager, row.before, row.after,
        row.detected_at, row.repaired_at, row.run_id,
    )  # fmt: skip
