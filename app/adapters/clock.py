"""The system's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; goes on while the process is stopped (SIGSTOP), though not while the machine sleeps."""
        return time.monotonic()
