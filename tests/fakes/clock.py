"""A clock that moves when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float = 0, **units: float) -> None:
        """By seconds, or as timedelta(days=…, hours=…)."""
        step = timedelta(seconds=seconds, **units)
        self._now += step
        self._monotonic += step.total_seconds()
