"""What happened: passes of the reconciler, events for people, and drift with before and after. All of it is trimmed by retention."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.drift import DriftClass
from app.models.base import Base, EnumText, TenantOwned, is_ulid, one_of
from app.models.stores import of_store


class ReconcileRun(TenantOwned, Base):
    """One pass. `changes` is `ChangeSet.as_list()`, `counts` objects by action, `steps` the named steps with their milliseconds."""

    __tablename__ = "reconcile_runs"
    __table_args__ = (
        is_ulid(),
        of_store(),
        Index(None, "store_id", "id"),
        Index(None, "tenant_id", "id"),
        Index(None, "started_at"),
        CheckConstraint("finished_at IS NULL OR outcome IS NOT NULL", name="finished_has_outcome"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    store_id: Mapped[str]
    generation: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    outcome: Mapped[str | None]
    job_id: Mapped[str | None]
    worker: Mapped[str | None]
    error: Mapped[str | None]
    changes: Mapped[list[Any]] = mapped_column(default=list)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    steps: Mapped[list[Any]] = mapped_column(default=list)


class Event(TenantOwned, Base):
    """One thing that a merchant may want to know. Its id orders events, and a live stream resumes from it."""

    __tablename__ = "events"
    __table_args__ = (of_store(), Index(None, "store_id", "id"), Index(None, "tenant_id", "id"), Index(None, "at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    store_id: Mapped[str]
    at: Mapped[datetime]
    type: Mapped[str]
    reason: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class DriftEvent(TenantOwned, Base):
    """One difference that nobody asked for. `before` is what was recorded, `after` what was found; NULL: the field was not there."""

    __tablename__ = "drift_events"
    __table_args__ = (
        of_store(),
        one_of("class", DriftClass),
        Index(None, "store_id", "id"),
        Index(None, "tenant_id", "id"),
        Index(None, "detected_at"),
        Index("ix_drift_events_store_id_unrepaired", "store_id", postgresql_where=text("repaired_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    store_id: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    path: Mapped[str]
    drift_class: Mapped[DriftClass] = mapped_column("class", EnumText(DriftClass))
    manager: Mapped[str | None]
    before: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    detected_at: Mapped[datetime]
    repaired_at: Mapped[datetime | None]
    run_id: Mapped[str | None]
