"""A new account: a person with a password, and where asked for a role in a tenant or the rights of an operator.

An operator's deed. Who signs up in the portal, or takes an invitation, comes by a use case of its own.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.errors import NameTaken, NotFound
from app.domain.people import Role, check_email
from app.models import Membership, Tenant, User
from app.services import audit
from app.services.change_role import audit_role
from app.services.context import Services
from app.services.ids import new_id
from app.services.intents import check_name
from app.services.passwords import new_password
from app.services.present import user_view
from app.services.views import NewUserView
from app.services.violations import violated


def create_user(
    services: Services,
    actor: Actor,
    *,
    email: str,
    name: str | None = None,
    operator: bool = False,
    tenant_id: str | None = None,
    role: Role = Role.VIEWER,
    password: str | None = None,
) -> NewUserView:
    """Without a password one is generated, and is in the answer alone. `role` counts with a tenant only.

    Raises Forbidden unless an operator asks, InvalidIntent (email, name, password), NameTaken (email), NotFound (tenant).
    """
    audit.require_operator(actor, "user.create")
    email = check_email(email)
    name = check_name(name or email.partition("@")[0])
    chosen = new_password(services, password, email=email)
    now = services.clock.now()
    user = User(
        id=new_id(now), email=email, name=name, is_operator=operator, password_hash=chosen.hashed, password_set_at=now, created_at=now
    )
    with services.sessions.platform("an account belongs to no tenant") as session:
        insert_user(session, user)
        after = {"email": email, "name": name, "operator": operator}
        audit.record(session, actor, "user.create", now=now, target=("user", user.id), tenant_id=None, after=after)
        memberships: tuple[tuple[Membership, str], ...] = ()
        if tenant_id is not None:
            slug = session.scalar(select(Tenant.slug).where(Tenant.id == tenant_id))
            if slug is None:
                raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
            membership = Membership(tenant_id=tenant_id, user_id=user.id, role=role, created_at=now)
            session.add(membership)
            audit_role(session, actor, user, tenant_id, now=now, before=None, after=role)
            memberships = ((membership, slug),)
        return NewUserView(user_view(user, memberships), chosen.generated)


def insert_user(session: Session, user: User) -> None:
    """Raises NameTaken (email)."""
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        if violated(error) == "uq_users_email":
            raise NameTaken(
                f"There is already a user {user.email!r}: an e-mail address has one account.",
                field="email",
                rule="unique",
                email=user.email,
            ) from None
        raise
