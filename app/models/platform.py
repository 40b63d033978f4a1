"""What there is once: the clusters stores run on, and the platform's own switches and limits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.stores import DriftMode
from app.models.base import Base, EnumText, is_ulid, one_of

# Made by the first migration, so that a fresh database can take stores at once.
DEFAULT_CLUSTER_ID = "00000000000000000000000001"


class ClusterRow(Base):
    """A Kubernetes cluster. How to reach it is configuration; here is what was learned of it.

    `expansion_allowed`: the worker has seen that the storage class lets a volume grow. Until then a larger disk is refused.
    """

    __tablename__ = "clusters"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("name"),
        Index("uq_clusters_is_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    expansion_allowed: Mapped[bool] = mapped_column(default=False)
    storage_class: Mapped[str | None]
    version: Mapped[str | None]
    observed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Platform(Base):
    """The one row with id 1. Limits that are NULL leave the policy's default. Its row is the second lock of a quota, after the tenant's.

    `no_new_stores` and `read_only` are what people are told while it is so; NULL: it is not.
    """

    __tablename__ = "platform"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        one_of("drift_mode", DriftMode),
        CheckConstraint("stores >= 0 AND cpu >= 0 AND memory >= 0 AND disk >= 0", name="limits_not_negative"),
        CheckConstraint("(paused_until IS NULL) = (paused_reason IS NULL)", name="pause_has_reason"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    stores: Mapped[int | None]
    cpu: Mapped[int | None]
    memory: Mapped[int | None]
    disk: Mapped[int | None]
    limits_expire_at: Mapped[datetime | None]
    drift_mode: Mapped[DriftMode] = mapped_column(EnumText(DriftMode), default=DriftMode.REPAIR)
    paused_until: Mapped[datetime | None]
    paused_reason: Mapped[str | None]
    no_new_stores: Mapped[str | None]
    read_only: Mapped[str | None]
