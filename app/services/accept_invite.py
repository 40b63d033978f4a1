"""Take the place in a tenant that an invitation keeps: as a new person, or as the one who is logged in with that very address.

Whoever has the link of an address without an account may make it. An address with one must log in: a link alone takes nobody's account.
"""

from __future__ import annotations

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import Forbidden, InvalidIntent, LinkInvalid, NotFound
from app.domain.people import Visitor, check_password
from app.domain.throttle import Throttled
from app.models import AuthSession, Invite, Membership, Tenant, User
from app.services import audit
from app.services.account_views import CurrentSession, InviteOffer, LoggedIn
from app.services.auth_sessions import begin_session, load_session
from app.services.change_role import audit_role
from app.services.context import Services
from app.services.create_user import insert_user
from app.services.ids import new_id
from app.services.intents import check_name
from app.services.present import tenant_view
from app.services.sign_up import refuse_known
from app.services.throttles import address_key, attempt
from app.services.tokens import token_hash

_WHY = "the link alone says which tenant invites"


def find_invite(services: Services, token: str) -> InviteOffer:
    """Raises LinkInvalid."""
    with services.sessions.platform(_WHY) as session:
        row, tenant = _offered(session, services, token)
        known = session.scalar(select(User.id).where(User.email == row.email)) is not None
        return InviteOffer(tenant_view(tenant), row.email, row.role, row.invited_by, row.expires_at, known)


def accept_as_new(services: Services, visitor: Visitor, *, token: str, name: str, password: str) -> LoggedIn:
    """Account, membership and session at once; also where sign-ups are off.

    Raises LinkInvalid, InvalidIntent (name, password), NameTaken (email: there is an account, so log in), TooManyAttempts.
    """
    email, name = find_invite(services, token).email, check_name(name)
    check_password(password, email=email)
    attempt(services, {Throttled.SIGN_UP_ADDRESS: address_key(visitor.address)})
    refuse_known(services, email)
    hashed = services.passwords.hash(password)
    now = services.clock.now()
    user = User(id=new_id(now), email=email, name=name, is_operator=False, password_hash=hashed, password_set_at=now, created_at=now)
    actor = Actor(ActorKind.USER, user.id, user.name, ip=visitor.address, request_id=visitor.request_id)
    with services.sessions.platform(_WHY) as session:
        row, _ = _offered(session, services, token, taken=True)
        insert_user(session, user)
        after = {"email": email, "name": name}
        audit.record(session, actor, "user.sign_up", now=now, target=("user", user.id), tenant_id=None, after=after)
        _join(session, services, actor, user, row)
        return begin_session(session, visitor, user, now=now, tenant_id=row.tenant_id)


def accept_invite(services: Services, visitor: Visitor, current: CurrentSession, *, token: str) -> CurrentSession:
    """The session shows the tenant from now on. Raises LinkInvalid, Forbidden (another address), InvalidIntent (rule already_member)."""
    with services.sessions.platform(_WHY) as session:
        row, tenant = _offered(session, services, token, taken=True)
        if row.email != current.user.email:
            raise Forbidden(
                f"This invitation is for {row.email}, and you are logged in as {current.user.email}.", action="member.join", email=row.email
            )
        user = session.get(User, current.user.id)
        if user is None:
            raise NotFound("There is no such user.", what="user", id=current.user.id)
        if session.get(Membership, (row.tenant_id, user.id)) is not None:
            raise InvalidIntent(f"You are in {tenant.name} already.", field="invite", rule="already_member")
        _join(session, services, current.person(visitor), user, row)
        session.execute(update(AuthSession).where(AuthSession.id == current.id).values(current_tenant_id=row.tenant_id))
        return load_session(session, current.id, current.csrf, now=services.clock.now())


def _join(session: Session, services: Services, actor: Actor, user: User, row: Invite) -> None:
    now = services.clock.now()
    session.add(Membership(tenant_id=row.tenant_id, user_id=user.id, role=row.role, created_at=now))
    session.delete(row)
    session.flush()
    audit_role(session, actor, user, row.tenant_id, now=now, before=None, after=row.role)


def _offered(session: Session, services: Services, token: str, *, taken: bool = False) -> tuple[Invite, Tenant]:
    """`taken`: to the end of the transaction nobody else may; the second of two waits, and then finds it gone."""
    found: Select[tuple[Invite, Tenant]] = (
        select(Invite, Tenant)
        .join(Tenant, Tenant.id == Invite.tenant_id)
        .where(Invite.token_hash == token_hash(token), Invite.expires_at > services.clock.now())
    )
    pair = session.execute(found.with_for_update(of=Invite) if taken else found).tuples().one_or_none()
    if pair is None:
        raise LinkInvalid("This invitation was used already, is too old, was taken back, or its link is incomplete. Ask for a new one.")
    return pair
