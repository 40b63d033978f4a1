"""Offices that one process holds at a time: a lease in the database, renewed while the term lasts, given back at its end."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

from app.services.context import Services
from app.services.leases import acquire, release, renew

log = structlog.get_logger(__name__)

WATCHER = "watcher"

# Seconds. A killed leader is followed within the first; a frozen one finds out at its next renewal.
TERM = 10.0
RENEW_EVERY = 3.0


class Term:
    """One term of an office. Whoever holds it asks `goes_on` at least every few seconds, and stops at once where it says no."""

    def __init__(self, services: Services, office: str, token: str) -> None:
        self._services, self._office, self._token = services, office, token
        self._renewed_at = services.clock.monotonic()

    def goes_on(self) -> bool:
        """Renews the lease when it is time to. False: it was lost, and another may lead already."""
        now = self._services.clock.monotonic()
        if now - self._renewed_at < RENEW_EVERY:
            return True
        if not renew(self._services, self._office, self._token, ttl=TERM):
            self._services.metrics.lease_lost("leader")
            log.warning("leadership lost", office=self._office)
            return False
        self._renewed_at = now
        return True

    def resign(self) -> None:
        """Give the office back, so that a successor need not wait."""
        release(self._services, self._office, self._token)


def lead(services: Services, office: str, stop: threading.Event, serve: Callable[[Term], None]) -> None:
    """Call `serve` whenever nobody else leads, until asked to stop. It returns when its term is over. A dead database ends nothing."""
    holder = f"{socket.gethostname()}-{os.getpid()}"
    while not stop.is_set():
        try:
            token = acquire(services, office, holder, ttl=TERM)
            if token is not None:
                log.info("leading", office=office, holder=holder)
                serve(Term(services, office, token))
        except DBAPIError as error:
            log.warning("database unreachable", error=str(error.orig))
        stop.wait(random.uniform(0.8, 1.2))  # noqa: S311
