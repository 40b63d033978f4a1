"""How long a container that ended waits before it is started again: the first time not at all, then 10 s, doubled to 300 s.

As the kubelet does it; who has not been restarted for twice the longest wait begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BackOff:
    """Times are monotonic seconds."""

    first: float = 10.0
    most: float = 300.0
    _wait: float = 0.0
    _since: float = 0.0

    def delay(self, ended: float) -> float:
        """What to wait, counted from when the container ended."""
        if self._wait and ended - self._since > 2 * self.most:
            self._wait = 0.0
        return self._wait

    def restarted(self, now: float) -> None:
        self._wait = min(2 * self._wait, self.most) if self._wait else self.first
        self._since = now
