"""Leases: who works on a store, and who leads. Taken by compare-and-set, in the database's time; a token fences the holder's writes.

The time is the database's so that workers with different clocks agree on when a lease has ended. A holder renews well before and checks
on its own monotonic clock that it still may act.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    DateTime,
    Interval,
    Result,
    Update,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app.models import Lease, Store
from app.services.context import Services

_TRUE = true()
_NOW = func.clock_timestamp()


def acquire(services: Services, name: str, holder: str, *, ttl: float) -> str | None:
    """Become the leader called `name` for `ttl` seconds: a token, or None while it is held (by this holder too)."""
    token = secrets.token_hex(16)
    until = _NOW + timedelta(seconds=ttl)
    with services.sessions.platform("leaders") as session:
        statement = insert(Lease).values(name=name, holder=holder, token=token, until=until)
        return session.scalar(
            statement.on_conflict_do_update(
                index_elements=[Lease.name], set_={"holder": holder, "token": token, "until": until}, where=Lease.until <= _NOW
            ).returning(Lease.token)
        )


def renew(services: Services, name: str, token: str, *, ttl: float) -> bool:
    """Hold on for another `ttl` seconds. False: the lease was lost, whatever was done meanwhile is another's now."""
    with services.sessions.platform("leaders") as session:
        return _hit(
            session.execute(
                update(Lease)
                .where(Lease.name == name, Lease.token == token, Lease.until > _NOW)
                .values(until=_NOW + timedelta(seconds=ttl))
            )
        )


def release(services: Services, name: str, token: str) -> bool:
    """Give the office back at once, so that a successor need not wait."""
    with services.sessions.platform("leaders") as session:
        return _hit(session.execute(delete(Lease).where(Lease.name == name, Lease.token == token)))


def take_store_lease(services: Services, store_id: str, *, ttl: float, holder: str = "") -> str | None:
    """The right to work on a store for `ttl` seconds: a fencing token, or None.

    A lease that ran out without being given back means that its worker died, or was stopped, in the middle of a pass: that counts as a
    crash, since nobody else is left to count it, and enough of them in a row quarantine the store (F24; the caller finds it quarantined).
    None where another holds it, where there is no such store, and where the tenant already has as many running passes as one tenant may
    (`policy.tenant_concurrency`): such a store is left to the due loop, which hands it out when there is room.
    """
    token = secrets.token_hex(16)
    with services.sessions.platform("workers serve all tenants") as session:
        # Two workers must not both find the last place free. The lock is the tenant's, held for the statement after it.
        tenant_id = session.scalar(_LOCK_TENANT, {"of": store_id})
        if tenant_id is None:
            return None
        wanted = {
            "of": store_id,
            "of_tenant": tenant_id,
            "places": services.policy.tenant_concurrency,
            "crashes": services.policy.max_failures,
            "taken_at": services.clock.now(),
            "token": token,
            "holder": holder or None,
            "ttl": timedelta(seconds=ttl),
        }
        taken = _hit(session.execute(_TAKE, wanted))
        if not taken:
            # Free, but its tenant has no room: the due loop may hand it out again.
            session.execute(_of(store_id).where(Store.lease_until.is_(None)).values(wake_after=None))
    return token if taken else None


def _statement_to_take() -> Update:
    """Takes the lease `of` a store where it is free and its tenant has fewer than so many `places` in use."""
    other = aliased(Store)  # counted beside the row that is updated
    running = select(func.count()).select_from(other).where(other.tenant_id == bindparam("of_tenant"), other.lease_until > func.now())
    crashes = Store.crash_count + case((Store.lease_token.is_not(None), 1), else_=0)
    quarantined = case(
        (crashes >= bindparam("crashes"), func.coalesce(Store.quarantined_at, bindparam("taken_at", type_=DateTime(timezone=True)))),
        else_=Store.quarantined_at,
    )
    return (
        update(Store)
        .where(
            Store.id == bindparam("of"),
            or_(Store.lease_until.is_(None), Store.lease_until <= _NOW),
            running.scalar_subquery() < bindparam("places"),
        )
        .values(
            lease_token=bindparam("token"),
            lease_until=_NOW + bindparam("ttl", type_=Interval()),
            lease_holder=bindparam("holder"),
            wake_after=None,
            crash_count=crashes,
            quarantined_at=quarantined,
        )
        .execution_options(synchronize_session=False)
    )


# Made once: SQLAlchemy takes longer to make them than the server to run them, and every pass begins here.
_LOCK_TENANT = select(Store.tenant_id, func.pg_advisory_xact_lock(func.hashtextextended(Store.tenant_id, 0))).where(
    Store.id == bindparam("of")
)
_TAKE = _statement_to_take()


def renew_store_lease(services: Services, store_id: str, token: str, *, ttl: float) -> bool:
    """Hold on for another `ttl` seconds. False: lost. An expired lease is not revived, even where nobody has taken it yet."""
    with services.sessions.platform("workers serve all tenants") as session:
        return _hit(session.execute(_held(store_id, token).values(lease_until=_NOW + timedelta(seconds=ttl))))


def release_store_lease(services: Services, store_id: str, token: str) -> bool:
    """Let the store go. False: it was not held by this token any more."""
    with services.sessions.platform("workers serve all tenants") as session:
        return _hit(session.execute(_held(store_id, token).values(lease_token=None, lease_until=None, lease_holder=None)))


def lock_held_store(session: Session, store_id: str, token: str, also: ColumnElement[bool] = _TRUE) -> tuple[Store, bool] | None:
    """The fence of a recording: the store's row, locked, if the token still holds it, and what else is asked of it; None means discard."""
    found = session.execute(
        select(Store, also)
        .where(Store.id == store_id, Store.lease_token == token, Store.lease_until > _NOW)
        .with_for_update(key_share=True, of=Store)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def _of(store_id: str) -> Any:
    return update(Store).where(Store.id == store_id).execution_options(synchronize_session=False)


def _held(store_id: str, token: str) -> Any:
    return _of(store_id).where(Store.lease_token == token, Store.lease_until > _NOW)


def _hit(result: Result[Any]) -> bool:
    return isinstance(result, CursorResult) and result.rowcount == 1
