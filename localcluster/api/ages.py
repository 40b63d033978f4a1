"""How long ago, as kubectl writes it: `45s`, `4m15s`, `18m`, `5h3m`, `2d4h`, `18d`, `2y12d`.

Source: apimachinery's duration.HumanDuration.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

UNKNOWN = "<unknown>"


def moment(text: Any) -> datetime | None:
    """A metav1.Time or MicroTime; None where it is not set."""
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


def age(text: Any, now: datetime) -> str:
    """Since a point in time that an object holds."""
    then = moment(text)
    return UNKNOWN if then is None else duration(now - then)


def duration(passed: timedelta) -> str:
    seconds = int(passed.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    return f"{hours}h" if hours < 48 else _days(hours)


def _days(hours: int) -> str:
    days, years = hours // 24, hours // 24 // 365
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if years < 2:
        return f"{days}d"
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"
