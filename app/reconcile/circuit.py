"""A circuit per cluster: when an API server fails again and again, stop asking for a while, then try one call.

While open, calls fail at once with Transient and the seconds left, so that a dead server costs neither time-outs nor a stampede when it
comes back. Held per process: each worker learns by itself, with at most `THRESHOLD` calls.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from app.domain.errors import Transient
from app.domain.manifests import ObjectKey
from app.ports import Clock, Cluster
from app.reconcile.intercept import InterceptedCluster

THRESHOLD = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0

T = TypeVar("T")


def backoff(failures: int, *, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, at most `longest`, with ±20 % of jitter."""
    return min(longest, first * 2.0 ** min(max(failures - 1, 0), 16)) * random.uniform(0.8, 1.2)  # noqa: S311


class CircuitCluster(InterceptedCluster):
    """Closed: calls pass. Open: refused until the pause is over. Then one call is let through as a trial; its outcome decides.

    `told` hears True when it opens and False when it closes.
    """

    def __init__(self, inner: Cluster, clock: Clock, *, told: Callable[[bool], object] | None = None) -> None:
        super().__init__(inner)
        self._clock = clock
        self._told = told
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0
        self._trial = False

    @property
    def open(self) -> bool:
        return self._failures >= THRESHOLD

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        self._enter()
        try:
            answer = super().around(verb, target, call)
        except Transient as error:
            self._failed(error)
            raise
        except BaseException:
            # A refusal or a conflict is an answer: the server lives.
            self._succeeded()
            raise
        self._succeeded()
        return answer

    def _enter(self) -> None:
        with self._lock:
            if not self.open:
                return
            wait = self._closed_until - self._clock.monotonic()
            if wait > 0 or self._trial:
                raise Transient("The cluster has not answered for a while; it is asked again soon.", retry_after=max(wait, FIRST_PAUSE))
            self._trial = True

    def _failed(self, error: Transient) -> None:
        with self._lock:
            self._failures += 1
            self._trial = False
            if self._failures == THRESHOLD and self._told is not None:
                self._told(True)
            if self.open:
                pause = backoff(self._failures - THRESHOLD + 1)
                self._closed_until = self._clock.monotonic() + max(pause, error.retry_after or 0.0)

    def _succeeded(self) -> None:
        with self._lock:
            if self.open and self._told is not None:
                self._told(False)
            self._failures = 0
            self._trial = False
