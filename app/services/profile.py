"""A person's own profile: their name. The e-mail address is who they are, and stays."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.errors import NotFound
from app.domain.people import Visitor
from app.models import User
from app.services import audit
from app.services.account_views import CurrentSession
from app.services.auth_sessions import load_session
from app.services.context import Services
from app.services.intents import check_name


def rename_person(services: Services, visitor: Visitor, current: CurrentSession, *, name: str) -> CurrentSession:
    """Raises InvalidIntent (name). Earlier entries of the audit keep the name they were made under."""
    name = check_name(name)
    with services.sessions.platform("an account belongs to no tenant") as session:
        user = session.scalar(select(User).where(User.id == current.user.id).with_for_update(key_share=True))
        if user is None:
            raise NotFound("There is no such user.", what="user", id=current.user.id)
        if user.name != name:
            before, user.name = {"name": user.name}, name
            now, target, after = services.clock.now(), ("user", user.id), {"name": name}
            audit.record(
                session, current.person(visitor), "user.rename", now=now, target=target, tenant_id=None, before=before, after=after
            )
            session.flush()
        return load_session(session, current.id, current.csrf, now=services.clock.now())
