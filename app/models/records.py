"""Book-keeping of the use cases: the audit, quota overrides with their history, idempotency keys, and leases of leaders."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.actors import ActorKind
from app.models.base import Base, EnumText, TenantOwned, is_ulid, one_of


class AuditEntry(TenantOwned, Base):
    """Who did what to what. Append-only by trigger: UPDATE is refused, DELETE is for the retention job alone.

    No foreign keys: an entry outlives what it speaks of. `tenant_id` is NULL for what concerns the platform.
    """

    __tablename__ = "audit"
    __table_args__ = (
        one_of("actor_kind", ActorKind),
        Index(None, "tenant_id", "id"),
        Index(None, "target_type", "target_id", "id"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    tenant_id: Mapped[str | None] = mapped_column()  # pyright: ignore[reportIncompatibleVariableOverride]
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    actor_ip: Mapped[str | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class QuotaOverride(TenantOwned, Base):
    """A limit that an operator gave a tenant. The newest is in force until it expires; the older ones stay as history."""

    __tablename__ = "quota_overrides"
    __table_args__ = (
        is_ulid(),
        CheckConstraint("stores >= 0 AND cpu >= 0 AND memory >= 0 AND disk >= 0", name="limits_not_negative"),
        one_of("actor_kind", ActorKind),
        Index("uq_quota_overrides_tenant_id_current", "tenant_id", unique=True, postgresql_where=text("superseded_at IS NULL")),
        Index(None, "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    stores: Mapped[int | None]
    cpu: Mapped[int | None]
    memory: Mapped[int | None]
    disk: Mapped[int | None]
    reason: Mapped[str]
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class IdempotencyKey(TenantOwned, Base):
    """One request that may come twice. `answer` is written in the transaction of its intent; NULL: in flight, until `claimed_until`."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        CheckConstraint("answer IS NOT NULL OR claimed_until IS NOT NULL", name="answered_or_claimed"),
        Index(None, "expires_at"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    actor_id: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Lease(Base):
    """Who leads: one row per office (scheduler, watch), taken by compare-and-set with the database's time."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    token: Mapped[str]
    until: Mapped[datetime]
