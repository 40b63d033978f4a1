"""A new password in place of the former, which is forgotten: with it ends every session it let in, and every link for another."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import NotFound
from app.models import PasswordReset, User
from app.services import audit
from app.services.auth_sessions import end_sessions
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
        put_password(session, actor, user, chosen.hashed, now=now)
        return NewUserView(user_view(user, memberships_of(session, user.id)), chosen.generated)


def put_password(session: Session, actor: Actor, user: User, hashed: str, *, now: datetime, but: str | None = None) -> int:
    """In the caller's transaction, which is the platform's and holds the user's row; how many sessions ended. `but` is one that stays."""
    after = {"email": user.email, "password": "set" if user.password_hash is None else "changed"}
    user.password_hash, user.password_set_at = hashed, now
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    audit.record(session, actor, "user.password", now=now, target=("user", user.id), tenant_id=None, after=after)
    return end_sessions(session, user.id, but=but)
