"""Invitations to a tenant: given by an owner to an e-mail address, open for a week. Accepting is a use case of its own (accept_invite)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent, NotFound
from app.domain.people import INVITE_TIME, Role, check_email
from app.domain.throttle import Throttled
from app.models import Invite, Membership, Tenant, User
from app.models.session import on_commit
from app.ports import Mail
from app.services import audit
from app.services.account_views import InviteView, NewInvite
from app.services.change_role import is_owner
from app.services.context import Services
from app.services.ids import new_id
from app.services.quotas import lock_tenant, refuse_frozen
from app.services.throttles import attempt_in
from app.services.tokens import new_token


def invite(services: Services, actor: Actor, *, tenant_id: str, email: str, role: Role) -> NewInvite:
    """Sends the link. A second invitation to an address takes the place of the first, whose link is void.

    Raises Forbidden unless an owner or an operator asks, or where the tenant is frozen; InvalidIntent (email; rule already_member),
    TooManyAttempts, NotFound.
    """
    email = check_email(email)
    now = services.clock.now()
    token, hashed = new_token()
    link = services.portal.link(f"invites/{token}")
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        _require_owner(session, actor, "member.invite")
        refuse_frozen(tenant, "member.invite")
        _refuse_member(session, tenant, email)
        attempt_in(session, {Throttled.INVITE_TENANT: tenant_id}, now=now)
        session.execute(delete(Invite).where(Invite.email == email))
        row = Invite(
            id=new_id(now), tenant_id=tenant_id, email=email, role=role, token_hash=hashed,
            invited_by=actor.name, created_at=now, expires_at=now + INVITE_TIME,
        )  # fmt: skip
        session.add(row)
        after = {"email": email, "role": role.value}
        audit.record(session, actor, "member.invite", now=now, target=("invite", row.id), tenant_id=tenant_id, after=after)
        mail = Mail(email, f"{actor.name} invites you to {tenant.name} on Storeyard", _text(actor, tenant, role, link))
        on_commit(session, lambda: services.mailer.send(mail))
        return NewInvite(_view(row, now=now), link)


def invite_again(services: Services, actor: Actor, *, tenant_id: str, invite_id: str) -> NewInvite:
    """The same place for the same address, with a new link and a new week; the old link is void. Raises as `invite`, and NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        _require_owner(session, actor, "member.invite")
        row = session.scalar(select(Invite).where(Invite.id == invite_id))
        if row is None:
            raise NotFound("There is no such invitation: it was accepted or taken back.", what="invite", id=invite_id)
        email, role = row.email, row.role
    return invite(services, actor, tenant_id=tenant_id, email=email, role=role)


def list_invites(services: Services, *, tenant_id: str) -> tuple[InviteView, ...]:
    """The newest first; those that are too old are marked, until they are forgotten."""
    with services.sessions.tenant(tenant_id) as session:
        now = services.clock.now()
        return tuple(_view(row, now=now) for row in session.scalars(select(Invite).order_by(Invite.created_at.desc(), Invite.id.desc())))


def revoke_invite(services: Services, actor: Actor, *, tenant_id: str, invite_id: str) -> None:
    """Its link is void. Raises Forbidden unless an owner or an operator asks, NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        _require_owner(session, actor, "member.invite_revoke")
        row = session.scalar(select(Invite).where(Invite.id == invite_id).with_for_update())
        if row is None:
            raise NotFound("There is no such invitation: it was accepted or taken back.", what="invite", id=invite_id)
        session.delete(row)
        before, after = ({"email": row.email, "role": role} for role in (row.role.value, None))
        target, now = ("invite", row.id), services.clock.now()
        audit.record(session, actor, "member.invite_revoke", now=now, target=target, tenant_id=tenant_id, before=before, after=after)


def _require_owner(session: Session, actor: Actor, action: str) -> None:
    if not is_owner(session, actor):
        audit.require_operator(actor, action)


def _refuse_member(session: Session, tenant: Tenant, email: str) -> None:
    member = select(Membership.user_id).join(User, User.id == Membership.user_id).where(User.email == email)
    if session.scalar(member) is not None:
        raise InvalidIntent(f"{email} is in {tenant.name} already.", field="email", rule="already_member", email=email)


def _view(row: Invite, *, now: datetime) -> InviteView:
    return InviteView(row.id, row.email, row.role, row.invited_by, row.created_at, row.expires_at, row.expires_at <= now)


def _text(actor: Actor, tenant: Tenant, role: Role, link: str) -> str:
    return (
        f"Hello,\n\n{actor.name} invites you to {tenant.name} on Storeyard, as {role.value}. Accept within a week:\n\n"
        f"{link}\n\n"
        "The link works once. If you do not know what this is about, do nothing.\n"
    )
