"""The due loop's query: which stores must be looked at now, fairly over tenants, and none twice while its wake is on its way.

A store is due when its time has come (`due_at`, computed by the database from intent and `next_reconcile_at`), or when its lease has
expired: its worker died. It is not while paused, quarantined, gone, or held.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.models import Platform, Store
from app.services.context import Services

# A wake that nobody acted on for this long is taken for lost and sent again.
REWAKE = timedelta(seconds=5)

# Stores of one tenant that may be queued or running, per pass that may run: enough to keep workers busy, too few to fill the queue.
AHEAD = 4
# The same for intents: as many again, so that what a person asks for does not wait behind the repairs of a backlog.
INTENTS_AHEAD = 2 * AHEAD


def take_due(services: Services, limit: int) -> list[str]:
    """The ids of at most `limit` due stores, each tenant's first before any tenant's second; they count as woken from now on."""
    now = services.clock.now()
    db_now = func.now()
    with services.sessions.platform("the due loop serves all tenants") as session:
        outstanding = (
            select(Store.tenant_id, func.count().label("stores"))
            .where(or_(Store.lease_until > db_now, Store.wake_after > now))
            .group_by(Store.tenant_id)
            .cte("outstanding")
        )
        place = func.row_number().over(partition_by=Store.tenant_id, order_by=(Store.due_at, Store.id))
        due = (
            select(Store.id, Store.tenant_id, Store.due_at, place.label("place"))
            .where(
                or_(Store.due_at <= now, and_(Store.lease_until <= db_now, Store.quarantined_at.is_(None), Store.gone_at.is_(None))),
                or_(Store.lease_until.is_(None), Store.lease_until <= db_now),
                or_(Store.wake_after.is_(None), Store.wake_after <= now),
                or_(Store.paused_until.is_(None), Store.paused_until <= now),
                ~exists().where(Platform.paused_until > now),
            )
            .cte("due")
        )
        turn = due.c.place + func.coalesce(outstanding.c.stores, 0)
        chosen: Select[tuple[str]] = (
            select(due.c.id)
            .outerjoin(outstanding, outstanding.c.tenant_id == due.c.tenant_id)
            .where(turn <= services.policy.tenant_concurrency * AHEAD)
            .order_by(turn, due.c.due_at, due.c.id)
            .limit(limit)
        )
        ids = list(session.scalars(chosen))
        if ids:
            woken = update(Store).where(Store.id.in_(ids)).values(wake_after=now + REWAKE)
            session.execute(woken.execution_options(synchronize_session=False))
        return ids


def has_room(session: Session, services: Services, tenant_id: str, *, besides: str, now: datetime) -> bool:
    """Whether an intent may wake its store (`besides`) at once. Else the due loop does, in turn: no burst may fill the queue for others."""
    outstanding = session.scalar(
        select(func.count())
        .select_from(Store)
        .where(Store.tenant_id == tenant_id, Store.id != besides, or_(Store.lease_until > func.now(), Store.wake_after > now))
    )
    return (outstanding or 0) < services.policy.tenant_concurrency * INTENTS_AHEAD
