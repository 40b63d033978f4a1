"""The end of a container: its hook, SIGTERM, and SIGKILL when its grace is over. Pure: times are handed in, as monotonic seconds."""

from __future__ import annotations

from typing import Literal

Step = Literal["wait", "terminate", "kill"]

LEAST_GRACE = 2.0
NEVER = float("inf")


class Stopping:
    """One container that is being stopped. With a hook it is terminated when the hook has ended, or the grace."""

    def __init__(self, now: float, grace: float, *, hook: bool = False) -> None:
        self._kill_at = now + grace
        self._terminate_at = self._kill_at if hook else now
        self._killed = False

    def shorten(self, now: float, grace: float) -> None:
        """Asked again: the shorter grace holds."""
        self._kill_at = min(self._kill_at, now + grace)
        self._terminate_by(self._kill_at)

    def hook_ends(self, at: float) -> None:
        self._terminate_by(min(at, self._kill_at))

    def _terminate_by(self, at: float) -> None:
        if self._terminate_at != NEVER:
            self._terminate_at = min(self._terminate_at, at)

    def step(self, now: float) -> Step:
        """What is to be done now; each step comes up once."""
        if self._terminate_at <= now:
            self._terminate_at = NEVER
            # However short its grace, and whatever the hook took of it: the program gets a moment of its own, as the kubelet gives it.
            self._kill_at = max(self._kill_at, now + LEAST_GRACE)
            return "terminate"
        if self._kill_at <= now and not self._killed:
            self._killed = True
            return "kill"
        return "wait"

    @property
    def due(self) -> float:
        """When there is something to do again."""
        return NEVER if self._killed else min(self._terminate_at, self._kill_at)
