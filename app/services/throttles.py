"""Attempts, counted in the database: all processes of the web agree on them, and a restart forgets none.

An attempt is counted in a transaction of its own before it is made, and taken back where it succeeds: a crash or a rush in between leaves
it counted.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.errors import TooManyAttempts
from app.domain.throttle import RULES, Throttled, network_of
from app.models import Throttle
from app.services.context import Services

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was let through. `blocked_until` is what the next of its kind has to wait for, where it does."""

    kind: Throttled
    key: bytes
    blocked_until: datetime | None


def attempt(services: Services, counts: dict[Throttled, str | None]) -> tuple[Attempt, ...]:
    """Count one attempt under each name; None is nobody. Raises TooManyAttempts, and then counts none of them."""
    with services.sessions.platform("attempts are counted for whoever makes them") as session:
        return attempt_in(session, counts, now=services.clock.now())


def attempt_in(session: Session, counts: dict[Throttled, str | None], *, now: datetime) -> tuple[Attempt, ...]:
    """As `attempt`, in the caller's transaction: for what is not tried but done, and counts only if it is."""
    names = ((kind, counts.get(kind)) for kind in Throttled)
    return tuple(_count(session, kind, name, now=now) for kind, name in names if name is not None)


def address_key(address: str | None) -> str | None:
    return None if address is None else network_of(address)


def forget(session: Session, kind: Throttled, name: str) -> None:
    """Start again at none: the right person has come in."""
    session.execute(delete(Throttle).where(Throttle.kind == kind, Throttle.key == _key(name)))


def take_back(session: Session, made: tuple[Attempt, ...], kind: Throttled) -> None:
    """One attempt of this kind less, and the wait that it brought about is over; what others brought about holds."""
    for one in made:
        if one.kind is not kind:
            continue
        same = (Throttle.kind == one.kind, Throttle.key == one.key)
        session.execute(update(Throttle).where(*same, Throttle.attempts > 0).values(attempts=Throttle.attempts - 1))
        session.execute(update(Throttle).where(*same, Throttle.blocked_until == one.blocked_until).values(blocked_until=None))


def _count(session: Session, kind: Throttled, name: str, *, now: datetime) -> Attempt:
    key, rule = _key(name), RULES[kind]
    fresh = insert(Throttle).values(kind=kind, key=key, attempts=0, blocked_until=None, expires_at=now)
    # An update to what it is: the row is there, locked and as the last holder of the lock left it.
    kept = fresh.on_conflict_do_update(index_elements=[Throttle.kind, Throttle.key], set_={"key": fresh.excluded.key})
    attempts, blocked_until, expires_at = (
        session.execute(kept.returning(Throttle.attempts, Throttle.blocked_until, Throttle.expires_at)).tuples().one()
    )
    if blocked_until is not None and blocked_until > now:
        seconds = math.ceil((blocked_until - now).total_seconds())
        log.warning("attempt refused", what=kind.value, seconds=seconds, attempts=attempts)
        raise TooManyAttempts(f"Too many attempts. Try again in {_words(seconds)}.", what=kind.value, seconds=seconds)
    attempts = 1 if expires_at <= now else attempts + 1
    wait = timedelta(seconds=rule.wait_after(attempts))
    until = now + wait if wait else None
    values = {"attempts": attempts, "blocked_until": until, "expires_at": now + wait + timedelta(seconds=rule.forget)}
    session.execute(update(Throttle).where(Throttle.kind == kind, Throttle.key == key).values(values))
    return Attempt(kind, key, until)


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="replace")).digest()


def _words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds" if seconds != 1 else "a second"
    return f"{math.ceil(seconds / 60)} minutes"
