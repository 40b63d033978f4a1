"""The read side of people. No answer holds a password's hash; in a tenant's list each person is shown with this tenant's role alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.people import normal_email
from app.models import Membership, Tenant, User
from app.services.context import Services
from app.services.present import user_view
from app.services.views import UserView


def list_users(services: Services, *, tenant_id: str | None = None) -> tuple[UserView, ...]:
    """By e-mail: a tenant's people, or without a tenant everybody (operators)."""
    if tenant_id is None:
        with services.sessions.platform("the operator's list of people") as session:
            return _views(session, select(User))
    with services.sessions.tenant(tenant_id) as session:
        return _views(session, select(User).join(Membership, Membership.user_id == User.id))


def find_user(services: Services, email_or_id: str) -> UserView:
    """Raises NotFound."""
    with services.sessions.platform("an operator names a person") as session:
        user = session.scalar(select(User).where((User.email == normal_email(email_or_id)) | (User.id == email_or_id)))
        if user is None:
            raise NotFound(f"There is no user {email_or_id!r}. `storeyard user list` shows all.", what="user", id=email_or_id)
        return user_view(user, memberships_of(session, user.id))


def memberships_of(session: Session, user_id: str) -> Sequence[tuple[Membership, str]]:
    """With the tenants' slugs; those that the session may see."""
    return session.execute(_memberships().where(Membership.user_id == user_id)).tuples().all()


def _views(session: Session, statement: Select[tuple[User]]) -> tuple[UserView, ...]:
    by_user: defaultdict[str, list[tuple[Membership, str]]] = defaultdict(list)
    for membership, slug in session.execute(_memberships()).tuples():
        by_user[membership.user_id].append((membership, slug))
    return tuple(user_view(user, by_user[user.id]) for user in session.scalars(statement.order_by(User.email)))


def _memberships() -> Select[tuple[Membership, str]]:
    return select(Membership, Tenant.slug).join(Tenant, Tenant.id == Membership.tenant_id).order_by(Tenant.slug)
