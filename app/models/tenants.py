"""Tenants, the people who act for them, and in what role."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.people import Role
from app.models.base import Base, EnumText, TenantOwned, is_ulid, one_of


class Tenant(Base):
    """An owner of stores. `frozen`: nothing new and no growth, but everything that runs goes on. Its row is the first lock of a quota."""

    __tablename__ = "tenants"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("slug"),
        CheckConstraint("slug = lower(slug)", name="slug_lower_case"),
        CheckConstraint("frozen = (frozen_reason IS NOT NULL)", name="frozen_has_reason"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    frozen: Mapped[bool] = mapped_column(default=False)
    frozen_reason: Mapped[str | None]
    created_at: Mapped[datetime]


class User(Base):
    """A person. Without a password nobody can log in as them. Belongs to no tenant: what they may do in which one, memberships say."""

    __tablename__ = "users"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        CheckConstraint("(password_hash IS NULL) = (password_set_at IS NULL)", name="password_has_time"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    is_operator: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None]
    password_set_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Membership(TenantOwned, Base):
    __tablename__ = "memberships"
    __table_args__ = (one_of("role", Role), Index(None, "user_id"))

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    created_at: Mapped[datetime]
