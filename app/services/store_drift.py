"""The read side of drift: what was found different in the cluster, whether it was put right, and who did it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.domain.drift import DriftClass
from app.models import DriftEvent
from app.services.context import Services


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


def drift_view(row: DriftEvent) -> DriftView:
    return DriftView(
        row.id, row.store_id, row.kind, row.name, row.path, row.drift_class, row.manager, row.before, row.after,
        row.detected_at, row.repaired_at, row.run_id,
    )  # fmt: skip
