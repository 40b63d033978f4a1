"""Change one's own password: whoever finds a browser open must know the old one. The person's other sessions end with it."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.errors import InvalidIntent, NotFound
from app.domain.people import Visitor, check_password
from app.domain.throttle import Throttled
from app.models import User
from app.services.account_views import CurrentSession
from app.services.context import Services
from app.services.set_password import put_password
from app.services.throttles import attempt, forget


def change_password(services: Services, visitor: Visitor, current: CurrentSession, *, old: str, new: str) -> int:
    """How many other sessions ended. Wrong old passwords count as log-ins do.

    Raises InvalidIntent (old; password), TooManyAttempts, NotFound (the account is gone).
    """
    check_password(new, email=current.user.email)
    attempt(services, {Throttled.LOG_IN_ACCOUNT: current.user.email})
    with services.sessions.platform("an account belongs to no tenant") as session:
        hashed = session.scalar(select(User.password_hash).where(User.id == current.user.id))
    if hashed is None or not services.passwords.matches(hashed, old):
        raise InvalidIntent("This is not your present password.", field="old", rule="wrong")
    chosen = services.passwords.hash(new)
    with services.sessions.platform("an account belongs to no tenant") as session:
        user = session.scalar(select(User).where(User.id == current.user.id).with_for_update(key_share=True))
        if user is None:
            raise NotFound("There is no such user.", what="user", id=current.user.id)
        if user.password_hash != hashed:
            raise InvalidIntent("Your password was changed meanwhile, elsewhere.", field="old", rule="wrong")
        forget(session, Throttled.LOG_IN_ACCOUNT, user.email)
        return put_password(session, current.person(visitor), user, chosen, now=services.clock.now(), but=current.id)
