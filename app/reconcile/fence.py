"""The lease as a fence: no call leaves for the cluster once the lease may have run out.

The database decides who holds a lease; this process knows only how long ago it asked, on the monotonic clock, which goes on while a
process is stopped. A call already on its way is fenced by its preconditions (uid, resourceVersion), a record by the token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from app.domain.errors import LeaseLost
from app.domain.manifests import ObjectKey
from app.ports import Clock, Cluster
from app.reconcile.intercept import InterceptedCluster

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0

T = TypeVar("T")


class Lease:
    """One worker's hold on one store. `renew` asks the database and says whether the hold still stands."""

    def __init__(self, store_id: str, token: str, *, asked_at: float, clock: Clock, renew: Callable[[], bool]) -> None:
        self.store_id, self.token = store_id, token
        self._clock, self._renew = clock, renew
        self._asked_at = asked_at
        self._lost = False
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return if the store is still ours, renewing where the last word is older than RENEW_SECONDS; else raise LeaseLost."""
        with self._lock:
            now = self._clock.monotonic()
            age = now - self._asked_at
            if not self._lost and age >= RENEW_SECONDS:
                # One that ran out is not revived, even if nobody has taken it yet: the database decides.
                self._lost = not self._renew()
                self._asked_at = now
            if self._lost:
                raise LeaseLost(f"Another worker has taken over store {self.store_id}.", store_id=self.store_id)


class FencedCluster(InterceptedCluster):
    """A cluster that answers only while the lease holds, and counts what it was asked."""

    def __init__(self, inner: Cluster, lease: Lease) -> None:
        super().__init__(inner)
        self._lease = lease
        self._counting = threading.Lock()
        self.reads = 0
        self.writes = 0

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        self._lease.check()
        with self._counting:
            if verb in ("create", "apply", "patch", "delete"):
                self.writes += 1
            else:
                self.reads += 1
        return super().around(verb, target, call)
