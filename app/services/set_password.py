"""A new password in place of the former, which is forgotten."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.actors import Actor, ActorKind
from app.domain.errors import NotFound
from app.models import User
from app.services import audit
from app.services.context import Services
from app.services.passwords import new_password
from app.services.present import user_view
from app.services.user_queries import memberships_of
from app.services.views import NewUserView


def set_password(services: Services, actor: Actor, *, user_id: str, password: str | None = None) -> NewUserView:
    """Without a password one is generated, and is in the answer alone.

    Raises Forbidden unless an operator or the person asks, InvalidIntent (password), NotFound.
    """
    if (actor.kind, actor.id) != (ActorKind.USER, user_id):
        audit.require_operator(actor, "user.password")
    with services.sessions.platform("an account belongs to no tenant") as session:
        email = session.scalar(select(User.email).where(User.id == user_id))
    if email is None:
        raise NotFound("There is no such user.", what="user", id=user_id)
    chosen = new_password(services, password, email=email)
    now = services.clock.now()
    with services.sessions.platform("an account belongs to no tenant") as session:
        user = session.scalar(select(User).where(User.id == user_id).with_for_update(key_share=True))
        if user is None:
            raise NotFound("There is no such user.", what="user", id=user_id)
        after = {"email": user.email, "password": "set" if user.password_hash is None else "changed"}
        user.password_hash, user.password_set_at = chosen.hashed, now
        audit.record(session, actor, "user.password", now=now, target=("user", user.id), tenant_id=None, after=after)
        return NewUserView(user_view(user, memberships_of(session, user.id)), chosen.generated)
