"""A store's row: what is wanted of it, what was last seen of it, and who works on it now. Its conditions and inventory hang on it.

The row is the outbox: `generation <> observed_generation` *means* work pending. `due_at` is computed by the database from that and from
`next_reconcile_at`, so that no writer can forget it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.conditions import CONDITION_TYPES, Status
from app.domain.stores import DesiredState, DriftMode, Phase, Rotation
from app.models.base import Base, EnumText, TenantOwned, is_ulid, one_of

NOT_GONE = text("gone_at IS NULL")
DUE_AT = (
    "CASE WHEN gone_at IS NOT NULL OR quarantined_at IS NOT NULL THEN NULL "
    "WHEN generation <> observed_generation THEN COALESCE(next_reconcile_at, created_at) "
    "ELSE next_reconcile_at END"
)


class Store(TenantOwned, Base):
    """See the module's docstring. `wake_after` is the due loop's memory: before that time the store has been woken and is waited for."""

    __tablename__ = "stores"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("id", "tenant_id"),  # target of the children's foreign keys: their tenant is the store's, or it fails
        UniqueConstraint("namespace"),
        # A slug is free again with the intent to delete, a host only when the namespace was observed gone.
        Index("uq_stores_tenant_id_slug_wanted", "tenant_id", "slug", unique=True, postgresql_where=text("desired_state <> 'absent'")),
        Index("uq_stores_host_not_gone", "host", unique=True, postgresql_where=NOT_GONE),
        Index("ix_stores_host_gone_at", "host", "gone_at", postgresql_where=text("gone_at IS NOT NULL")),
        Index("ix_stores_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_stores_lease_until", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
        Index("ix_stores_wake_after", "wake_after", postgresql_where=text("wake_after IS NOT NULL")),
        Index(None, "tenant_id", "created_at"),
        # Quotas are counted by it alone, without a look at the rows.
        Index("ix_stores_tenant_id_plan_not_gone", "tenant_id", "plan", postgresql_where=NOT_GONE),
        Index(None, "phase"),
        Index(None, "cluster_id"),
        Index("ix_stores_gone_at", "gone_at", postgresql_where=text("gone_at IS NOT NULL")),
        one_of("desired_state", DesiredState),
        one_of("drift_mode", DriftMode),
        one_of("phase", Phase),
        one_of("rotation", Rotation),
        CheckConstraint("generation >= 1", name="generation_positive"),
        CheckConstraint("observed_generation >= 0 AND observed_generation <= generation", name="observed_not_ahead"),
        CheckConstraint("failure_count >= 0 AND crash_count >= 0", name="counts_not_negative"),
        CheckConstraint("(paused_until IS NULL) = (paused_reason IS NULL)", name="pause_has_reason"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_whole"),
        CheckConstraint("(desired_state = 'absent') = (deletion_requested_at IS NOT NULL)", name="deletion_has_time"),
        CheckConstraint("gone_at IS NULL OR desired_state = 'absent'", name="gone_only_if_absent"),
        CheckConstraint(
            "(rotation IS NULL) = (pending_credentials IS NULL) AND (rotation IS NULL) = (pending_credentials_key_id IS NULL)",
            name="rotation_has_credentials",
        ),
        CheckConstraint("ever_ready = (first_ready_at IS NOT NULL)", name="ready_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    cluster_id: Mapped[str] = mapped_column(ForeignKey("clusters.id"))
    created_at: Mapped[datetime]

    # Intent
    slug: Mapped[str]
    name: Mapped[str]
    host: Mapped[str]
    engine: Mapped[str]
    release: Mapped[str]
    plan: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    desired_state: Mapped[DesiredState] = mapped_column(EnumText(DesiredState), default=DesiredState.PRESENT)
    generation: Mapped[int] = mapped_column(default=1)
    provisioning_since: Mapped[datetime]
    deletion_requested_at: Mapped[datetime | None]
    drift_mode: Mapped[DriftMode] = mapped_column(EnumText(DriftMode), default=DriftMode.REPAIR)
    paused_until: Mapped[datetime | None]
    paused_reason: Mapped[str | None]
    restarted_generation: Mapped[int | None]

    # Identity in the cluster, the secrets, and those that are to take their place
    namespace: Mapped[str]
    namespace_uid: Mapped[str | None]
    claim: Mapped[str]
    credentials: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    credentials_key_id: Mapped[str]
    credentials_version: Mapped[int] = mapped_column(default=1)
    rotation: Mapped[Rotation | None] = mapped_column(EnumText(Rotation))
    pending_credentials: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    pending_credentials_key_id: Mapped[str | None]

    # Observation
    observed_generation: Mapped[int] = mapped_column(default=0)
    observed_at: Mapped[datetime | None]
    phase: Mapped[Phase] = mapped_column(EnumText(Phase), default=Phase.PENDING)
    ever_ready: Mapped[bool] = mapped_column(default=False)
    first_ready_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]

    # Work
    next_reconcile_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), Computed(DUE_AT, persisted=True))
    wake_after: Mapped[datetime | None]
    failure_count: Mapped[int] = mapped_column(default=0)
    crash_count: Mapped[int] = mapped_column(default=0)
    quarantined_at: Mapped[datetime | None]
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    lease_holder: Mapped[str | None]

    # Never loaded by accident: a list of stores must not run a query per store.
    conditions: Mapped[list[StoreCondition]] = relationship(cascade="all, delete-orphan", passive_deletes=True, lazy="raise_on_sql")
    inventory: Mapped[list[InventoryObject]] = relationship(cascade="all, delete-orphan", passive_deletes=True, lazy="raise_on_sql")


def of_store() -> ForeignKeyConstraint:
    """A child row goes with its store, and cannot name another tenant than the store's."""
    return ForeignKeyConstraint(["store_id", "tenant_id"], ["stores.id", "stores.tenant_id"], ondelete="CASCADE")


class StoreCondition(TenantOwned, Base):
    """One condition of a store (app.domain.conditions.Condition)."""

    __tablename__ = "conditions"
    __table_args__ = (of_store(), one_of("type", CONDITION_TYPES), one_of("status", Status))

    store_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[Status] = mapped_column(EnumText(Status))
    reason: Mapped[str]
    message: Mapped[str]
    last_transition_at: Mapped[datetime]
    observed_generation: Mapped[int]


class InventoryObject(TenantOwned, Base):
    """One object that we applied (app.domain.manifests.InventoryEntry). `live` holds no secret value."""

    __tablename__ = "inventory"
    __table_args__ = (of_store(), Index(None, "kind", "namespace", "name"))

    store_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    uid: Mapped[str]
    resource_version: Mapped[str]
    manifest_hash: Mapped[str]
    live: Mapped[dict[str, Any]] = mapped_column(JSONB)
    live_hash: Mapped[str]
