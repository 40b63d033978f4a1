"""Commit, then tell the world: wakes leave after the commit, and one that fails costs latency, never correctness."""

from __future__ import annotations

import threading
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app.models import Store
from app.models.session import on_commit
from app.ports import QueueUnavailable
from app.services.context import Services
from app.services.due import REWAKE, has_room

log = structlog.get_logger(__name__)


class _Failures:
    """How many wakes this process could not send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self) -> None:
        with self._lock:
            self.count += 1


failed_wakes = _Failures()


def wake_after_commit(session: Session, services: Services, store: Store, *, now: datetime) -> None:
    """Wake a store for a person who waits, once the transaction is committed.

    Where the tenant has enough stores on their way already, nothing is sent: the due loop hands the store out in its turn.
    """
    with session.no_autoflush:  # one UPDATE of the row, not one before this question and one after
        room = has_room(session, services, store.tenant_id, besides=store.id, now=now)
    store.next_reconcile_at = now
    store.wake_after = now + REWAKE if room else None
    if not room:
        return
    store_id = store.id
    on_commit(session, lambda: send_wake(services, store_id, urgent=True))


def send_wake(services: Services, store_id: str, *, urgent: bool) -> bool:
    """Wake now. False where the queue could not be reached: the due loop finds the store in the database."""
    try:
        services.queue.wake(store_id, urgent=urgent)
    except QueueUnavailable as error:
        failed_wakes.add()
        services.metrics.wake_failed()
        log.warning("wake not sent", store_id=store_id, urgent=urgent, error=str(error))
        return False
    return True
