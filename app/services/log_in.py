"""Log in with e-mail address and password.

What is wrong is not told, nor how long it took: an address without an account costs as much work. Attempts are counted by account and by
network before the password is tried; the right password forgives those of its account.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import LogInRefused
from app.domain.people import Visitor, normal_email
from app.domain.throttle import Throttled
from app.models import User
from app.services import audit
from app.services.account_views import LoggedIn
from app.services.auth_sessions import begin_session
from app.services.context import Services
from app.services.throttles import Attempt, address_key, attempt, forget, take_back

log = structlog.get_logger(__name__)


def log_in(services: Services, visitor: Visitor, *, email: str, password: str) -> LoggedIn:
    """A new session. Raises LogInRefused, TooManyAttempts (data: seconds to wait)."""
    email = normal_email(email)
    made = attempt(services, {Throttled.LOG_IN_ACCOUNT: email, Throttled.LOG_IN_ADDRESS: address_key(visitor.address)})
    with services.sessions.platform("who asks is found out before any tenant is known") as session:
        known = session.execute(select(User.id, User.password_hash).where(User.email == _storable(email))).tuples().one_or_none()
    # No transaction is open while hashes are made.
    user_id, hashed = known or (None, None)
    if user_id is None or hashed is None:
        services.passwords.hash(password)
        raise _refused(visitor, user_id)
    if not services.passwords.matches(hashed, password):
        raise _refused(visitor, user_id)
    renewed = services.passwords.hash(password) if services.passwords.outdated(hashed) else None
    now = services.clock.now()
    with services.sessions.platform("who asks is found out before any tenant is known") as session:
        user = session.scalar(select(User).where(User.id == user_id).with_for_update(key_share=True))
        if user is None or user.password_hash != hashed:
            # The password was changed while this one was tried.
            raise _refused(visitor, user_id)
        if renewed is not None:
            user.password_hash = renewed
        return _let_in(session, visitor, user, made, now=now)


def _let_in(session: Session, visitor: Visitor, user: User, made: tuple[Attempt, ...], *, now: datetime) -> LoggedIn:
    """Begin the session, forgive, and audit."""
    forget(session, Throttled.LOG_IN_ACCOUNT, user.email)
    take_back(session, made, Throttled.LOG_IN_ADDRESS)
    actor = Actor(ActorKind.USER, user.id, user.name, ip=visitor.address, request_id=visitor.request_id)
    audit.record(session, actor, "user.log_in", now=now, target=("user", user.id), tenant_id=None)
    return begin_session(session, visitor, user, now=now)


def _refused(visitor: Visitor, user_id: str | None) -> LogInRefused:
    """The address that was typed is not logged: now and then it is a password."""
    log.warning("log-in refused", user_id=user_id, address=visitor.address)
    return LogInRefused("The e-mail address or the password is wrong.")


def _storable(email: str) -> str:
    """As a text that PostgreSQL takes; what is no address finds nobody."""
    return email if email.isascii() and email.isprintable() else ""
