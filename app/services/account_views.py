"""What the use cases of accounts answer: who is logged in, where, and for which tenant they act.

Tokens and links are in `LoggedIn` and `NewInvite` alone, each shown once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.actors import Actor, ActorKind
from app.domain.errors import Forbidden
from app.domain.people import Role, Visitor
from app.services.views import TenantView


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in."""

    id: str
    email: str
    name: str
    operator: bool


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator acts for a tenant that is not theirs; it ends by itself at `until`."""

    tenant: TenantView
    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session that goes on is good for now: which tenant, and whether the platform."""

    tenant_id: str | None
    operator: bool


@dataclass(frozen=True, slots=True)
class CurrentSession:
    """A browser's session as it is now. `tenant` is the one in effect: acted for, or the current one where they are still in it.

    `csrf` is bound to the session's token: it is good for no other, and tells nothing of it.
    """

    id: str
    user: Person
    tenant: TenantView | None
    role: Role | None
    acting: Acting | None
    csrf: str = field(repr=False)
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    def actor(self, visitor: Visitor) -> Actor:
        """Who asks for the tenant in effect. While acting, an operator: the audit names them, and for whom they act."""
        if self.acting is None:
            return self.person(visitor)
        name = f"{self.user.name} for {self.acting.tenant.slug}"
        return Actor(ActorKind.OPERATOR, self.user.id, name, ip=visitor.address, request_id=visitor.request_id)

    def person(self, visitor: Visitor) -> Actor:
        """The person themselves, whomever they act for."""
        return Actor(ActorKind.USER, self.user.id, self.user.name, ip=visitor.address, request_id=visitor.request_id)

    def operator(self, visitor: Visitor) -> Actor:
        """Who asks in the platform's console. Raises Forbidden unless they are an operator."""
        if not self.user.operator:
            raise Forbidden("Only an operator of the platform may do this.", action="platform")
        return Actor(ActorKind.OPERATOR, self.user.id, self.user.name, ip=visitor.address, request_id=visitor.request_id)

    def may(self, role: Role) -> bool:
        """Whether they have at least this role in the tenant in effect."""
        return self.role is not None and self.role.covers(role)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that has just begun. The token is for the browser's cookie and nowhere else."""

    token: str = field(repr=False)
    session: CurrentSession


@dataclass(frozen=True, slots=True)
class SessionView:
    """One of the person's sessions. `address` and `user_agent` are those it was last seen with; `current`: the one that asks."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str
    current: bool


@dataclass(frozen=True, slots=True)
class MyTenant:
    tenant: TenantView
    role: Role
    current: bool


@dataclass(frozen=True, slots=True)
class InviteView:
    """`invited_by` is a name."""

    id: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class NewInvite:
    """The link is in the mail, and may be shown to who invites, this once."""

    invite: InviteView
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InviteOffer:
    """What whoever holds an invitation's link may know. `has_account`: the address has one, so they log in to accept."""

    tenant: TenantView
    email: str
    role: Role
    invited_by: str
    expires_at: datetime
    has_account: bool
