"""Contested fields: what somebody else changes again and again, however often it is put right.

Three repairs of one field from one manager, none more than ten minutes after the one before, make a contest. From then on each further
repair waits twice as long as the last, so that two controllers do not drive each other as fast as both can. It ends by itself: ten quiet
minutes, and the field is put right at once again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

CONTESTED_AFTER = 3
# Repairs further apart than this belong to different quarrels.
QUARREL = timedelta(minutes=10)
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=5)


class Field(NamedTuple):
    """Which field, and who changes it. `path` is '' where the whole object was removed; then nobody can tell by whom."""

    kind: str
    name: str
    path: str
    manager: str | None


@dataclass(frozen=True, slots=True)
class Contest:
    """`repairs` in a row so far; not put right again before `again_at`."""

    repairs: int
    again_at: datetime


def contests_of(repairs: Iterable[tuple[Field, datetime]], now: datetime) -> Mapping[Field, Contest]:
    """The contested fields among repairs made, each with its moment, in any order."""
    moments: dict[Field, list[datetime]] = defaultdict(list)
    for field, at in repairs:
        moments[field].append(at)
    counted = ((field, _in_a_row(sorted(times, reverse=True), now), max(times)) for field, times in moments.items())
    return {field: Contest(count, last + wait_after(count)) for field, count, last in counted if count >= CONTESTED_AFTER}


def wait_after(repairs: int) -> timedelta:
    """How long the next repair waits after so many in a row."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(max(repairs - CONTESTED_AFTER, 0), 16))


def _in_a_row(latest_first: list[datetime], now: datetime) -> int:
    count, after = 0, now
    for at in latest_first:
        if after - at > QUARREL:
            break
        count, after = count + 1, at
    return count
