"""What a person may do for a tenant: given, changed, taken away. The last owner stays: somebody must be able to act for the tenant."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import InvalidIntent, NotFound
from app.domain.people import Role
from app.models import Membership, User
from app.services import audit
from app.services.context import Services
from app.services.present import user_view
from app.services.quotas import lock_tenant
from app.services.views import UserView


def change_role(services: Services, actor: Actor, *, tenant_id: str, user_id: str, role: Role | None, of_members: bool = False) -> UserView:
    """None takes the person out of the tenant. The answer shows this tenant's membership alone.

    `of_members`: of somebody who is in the tenant, and of nobody else, so that an owner learns nothing of strangers and cannot add one.

    Raises Forbidden unless an operator or an owner of the tenant asks, or the person to leave; InvalidIntent (the last owner), NotFound
    (tenant, user).
    """
    with services.sessions.tenant(tenant_id) as session:
        # Held to the end: of two owners who remove each other at once, one comes second.
        tenant = lock_tenant(session, tenant_id)
        leaves = role is None and (actor.kind, actor.id) == (ActorKind.USER, user_id)
        if not leaves and not is_owner(session, actor):
            audit.require_operator(actor, "member.role")
        membership = session.scalar(select(Membership).where(Membership.user_id == user_id))
        user = None if membership is None and of_members else session.get(User, user_id)
        if user is None:
            raise NotFound("There is no such user.", what="user", id=user_id)
        before = None if membership is None else membership.role
        if before is Role.OWNER and role is not Role.OWNER and not _has_other_owner(session, user_id):
            raise InvalidIntent(
                f"{user.email} is the last owner of {tenant.slug}. Make another person an owner first.", field="role", rule="last_owner"
            )
        now = services.clock.now()
        if membership is None:
            if role is None:
                raise NotFound(f"{user.email} has no role in {tenant.slug}.", what="membership", id=user_id)
            membership = Membership(tenant_id=tenant_id, user_id=user_id, role=role, created_at=now)
            session.add(membership)
        elif role is None:
            session.delete(membership)
        else:
            membership.role = role
        if role is not before:
            audit_role(session, actor, user, tenant_id, now=now, before=before, after=role)
        return user_view(user, () if role is None else ((membership, tenant.slug),))


def audit_role(
    session: Session, actor: Actor, user: User, tenant_id: str, *, now: datetime, before: Role | None, after: Role | None
) -> None:
    """The tenant's own entry: who is in it, as what."""
    target = ("member", user.id)
    earlier, later = ({"email": user.email, "role": role and role.value} for role in (before, after))
    audit.record(
        session, actor, "member.role", now=now, target=target, tenant_id=tenant_id, before=None if before is None else earlier, after=later
    )


def is_owner(session: Session, actor: Actor) -> bool:
    """Whether the actor is a person who owns the session's tenant."""
    if actor.kind is not ActorKind.USER:
        return False
    return session.scalar(select(Membership.role).where(Membership.user_id == actor.id)) is Role.OWNER


def _has_other_owner(session: Session, user_id: str) -> bool:
    others = select(Membership.user_id).where(Membership.role == Role.OWNER, Membership.user_id != user_id)
    return session.scalar(others.limit(1)) is not None
