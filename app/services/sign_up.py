"""Sign up: a person, their tenant and their first session at once, or none of them.

That an address has an account already is said: without a mail to it there is no other way to go on. So attempts are counted by network.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import InvalidIntent, NameTaken, SignUpsOff
from app.domain.naming import SLUG_MAX, check_slug
from app.domain.people import Role, Visitor, check_email, check_password
from app.domain.throttle import Throttled
from app.models import Membership, Tenant, User
from app.services import audit
from app.services.account_views import LoggedIn
from app.services.auth_sessions import begin_session
from app.services.change_role import audit_role
from app.services.context import Services
from app.services.create_user import insert_user
from app.services.ids import new_id
from app.services.intents import NAME_MAX, check_name
from app.services.passwords import new_password
from app.services.slugs import slug_of
from app.services.throttles import address_key, attempt
from app.services.violations import violated

_NUMBERED = 9


def sign_up(services: Services, visitor: Visitor, *, email: str, name: str, password: str, shop: str) -> LoggedIn:
    """`shop` names the tenant; its slug follows from it, with a number or letters added where it is taken.

    Raises SignUpsOff, InvalidIntent (email, name, password, shop), NameTaken (email), TooManyAttempts.
    """
    if not services.portal.sign_ups:
        raise SignUpsOff("This installation takes no new accounts. Ask its operator for an invitation.")
    email, name, shop = check_email(email), check_name(name), check_shop(shop)
    check_password(password, email=email)
    attempt(services, {Throttled.SIGN_UP_ADDRESS: address_key(visitor.address)})
    refuse_known(services, email)
    hashed = new_password(services, password, email=email).hashed
    now = services.clock.now()
    user = User(id=new_id(now), email=email, name=name, is_operator=False, password_hash=hashed, password_set_at=now, created_at=now)
    actor = Actor(ActorKind.USER, user.id, user.name, ip=visitor.address, request_id=visitor.request_id)
    with services.sessions.platform("a person and their tenant are made at once") as session:
        insert_user(session, user)
        tenant = _insert_tenant(session, shop, now=now)
        session.add(Membership(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER, created_at=now))
        session.flush()
        after = {"email": email, "name": name}
        audit.record(session, actor, "user.sign_up", now=now, target=("user", user.id), tenant_id=None, after=after)
        made = {"slug": tenant.slug, "name": tenant.name}
        audit.record(session, actor, "tenant.create", now=now, target=("tenant", tenant.id), tenant_id=tenant.id, after=made)
        audit_role(session, actor, user, tenant.id, now=now, before=None, after=Role.OWNER)
        return begin_session(session, visitor, user, now=now, tenant_id=tenant.id)


def check_shop(shop: str) -> str:
    """A tenant's display name, as `check_name`."""
    try:
        return check_name(shop)
    except InvalidIntent:
        raise InvalidIntent(f"The name of a shop has 1 to {NAME_MAX} printable characters.", field="shop", rule="length") from None


def refuse_known(services: Services, email: str) -> None:
    """Before the work of a hash; the unique constraint decides. Raises NameTaken."""
    with services.sessions.platform("an account belongs to no tenant") as session:
        if session.scalar(select(User.id).where(User.email == email)) is not None:
            raise NameTaken(f"There is already an account for {email}. Log in instead.", field="email", rule="unique", email=email)


def _insert_tenant(session: Session, shop: str, *, now: datetime) -> Tenant:
    for slug in _slugs(slug_of(shop) or "shop"):
        tenant = Tenant(id=new_id(now), slug=slug, name=shop, frozen=False, created_at=now)
        try:
            with session.begin_nested():
                session.add(tenant)
        except IntegrityError as error:
            if violated(error) != "uq_tenants_slug":
                raise
        else:
            return tenant
    raise NameTaken(f"There are too many shops called {shop!r}. Choose another name.", field="shop", rule="unique")


def _slugs(base: str) -> Iterator[str]:
    """The base, some numbered, and some with random letters that nobody else tries at the same time."""
    endings = [*(str(number) for number in range(2, _NUMBERED + 1)), *(secrets.token_hex(3) for _ in range(3))]
    for slug in (base, *(f"{base[: SLUG_MAX - len(ending) - 1].rstrip('-')}-{ending}" for ending in endings)):
        try:
            yield check_slug(slug)
        except InvalidIntent:
            continue
