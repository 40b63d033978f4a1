"""A new password for who forgot theirs: by a link, sent to their address, good once and for an hour.

Whether an address has an account is not told: the answer is the same, the mail leaves after it, and both write one transaction.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Select, select

from app.domain.actors import Actor, ActorKind
from app.domain.errors import LinkInvalid, TooManyAttempts
from app.domain.people import RESET_TIME, Visitor, check_email, check_password
from app.domain.throttle import Throttled
from app.models import PasswordReset, User
from app.models.session import on_commit
from app.ports import Mail
from app.services import audit
from app.services.context import Services
from app.services.ids import new_id
from app.services.set_password import put_password
from app.services.throttles import address_key, attempt, attempt_in, forget
from app.services.tokens import new_token, token_hash

log = structlog.get_logger(__name__)
_WHY = "an account belongs to no tenant"


def request_reset(services: Services, visitor: Visitor, *, email: str) -> None:
    """Raises InvalidIntent (email, by its form) and TooManyAttempts (of one network). Too many for one account: no more mail, no word."""
    email = check_email(email)
    attempt(services, {Throttled.RESET_ADDRESS: address_key(visitor.address)})
    now = services.clock.now()
    token, hashed = new_token()
    with services.sessions.platform(_WHY) as session:
        try:
            attempt_in(session, {Throttled.RESET_ACCOUNT: email}, now=now)
        except TooManyAttempts:
            return
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            log.info("a new password was asked for an address without an account", address=visitor.address)
            return
        session.add(PasswordReset(id=new_id(now), token_hash=hashed, user_id=user.id, created_at=now, expires_at=now + RESET_TIME))
        audit.record(session, _actor(user, visitor), "user.reset_request", now=now, target=("user", user.id), tenant_id=None)
        mail = Mail(user.email, "A new password for Storeyard", _text(user, services.portal.link(f"reset/{token}")))
        on_commit(session, lambda: services.mailer.send(mail))


def check_reset(services: Services, token: str) -> str:
    """The e-mail address whose password the link sets. Raises LinkInvalid."""
    with services.sessions.platform(_WHY) as session:
        return _owner(session.scalar(_open(services, token))).email


def reset_password(services: Services, visitor: Visitor, *, token: str, password: str) -> None:
    """All sessions of the person end, and all links for another password. Raises LinkInvalid, InvalidIntent (password)."""
    check_password(password, email=check_reset(services, token))
    chosen = services.passwords.hash(password)
    with services.sessions.platform(_WHY) as session:
        # Of two who use it at once the second waits here, and then finds it gone.
        user = _owner(session.scalar(_open(services, token).with_for_update()))
        put_password(session, _actor(user, visitor), user, chosen, now=services.clock.now())
        forget(session, Throttled.LOG_IN_ACCOUNT, user.email)


def _open(services: Services, token: str) -> Select[tuple[User]]:
    joined = select(User).join(PasswordReset, PasswordReset.user_id == User.id)
    return joined.where(PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > services.clock.now())


def _owner(user: User | None) -> User:
    if user is None:
        raise LinkInvalid("This link was used already, is too old, or is incomplete. Ask for a new one.")
    return user


def _actor(user: User, visitor: Visitor) -> Actor:
    return Actor(ActorKind.USER, user.id, user.name, ip=visitor.address, request_id=visitor.request_id)


def _text(user: User, link: str) -> str:
    return (
        f"Hello {user.name},\n\n"
        "somebody, hopefully you, asked for a new password for your account. Choose one here, within an hour:\n\n"
        f"{link}\n\n"
        "The link works once. If it was not you, do nothing: your password stays as it is.\n"
    )
