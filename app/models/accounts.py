"""How people come in: sessions in the browser, links sent by mail, invitations to a tenant, and counts of attempts.

A token is never kept, only its SHA-256: it has 256 random bits, so that nothing slower is needed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.people import Role
from app.domain.throttle import Throttled
from app.models.base import Base, EnumText, TenantOwned, is_ulid, one_of


class AuthSession(Base):
    """A browser in which somebody is logged in. It belongs to the person, not to the tenant they look at.

    `expires_at` moves on with use, up to a longest time. `acting_…`: an operator acts for that tenant, until when at most.
    """

    __tablename__ = "auth_sessions"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("token_hash"),
        CheckConstraint("num_nulls(acting_tenant_id, acting_reason, acting_since, acting_until) IN (0, 4)", name="acting_is_complete"),
        Index(None, "user_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    current_tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id", ondelete="SET NULL"))
    acting_tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    acting_reason: Mapped[str | None]
    acting_since: Mapped[datetime | None]
    acting_until: Mapped[datetime | None]
    address: Mapped[str | None]
    user_agent: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PasswordReset(Base):
    """A link by which a person sets a new password. Deleted when it is used."""

    __tablename__ = "password_resets"
    __table_args__ = (is_ulid(), UniqueConstraint("token_hash"), Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Invite(TenantOwned, Base):
    """A place in a tenant that is kept for an e-mail address. Deleted when it is taken or taken back; the audit remembers."""

    __tablename__ = "invites"
    __table_args__ = (
        is_ulid(),
        UniqueConstraint("token_hash"),
        UniqueConstraint("tenant_id", "email"),
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        one_of("role", Role),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    email: Mapped[str]
    role: Mapped[Role] = mapped_column(EnumText(Role))
    token_hash: Mapped[bytes]
    invited_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Throttle(Base):
    """How often something was tried of late, for all processes of the web. `key` is a hash: whose account or address it is, is not kept."""

    __tablename__ = "throttles"
    __table_args__ = (one_of("kind", Throttled), Index(None, "expires_at"))

    kind: Mapped[Throttled] = mapped_column(EnumText(Throttled), primary_key=True)
    key: Mapped[bytes] = mapped_column(primary_key=True)
    attempts: Mapped[int]
    blocked_until: Mapped[datetime | None]
    expires_at: Mapped[datetime]
