"""Holding back the repair of contested fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.domain.contests import Contest, Field
from app.domain.drift import Action, Change
from app.reconcile.plan import REASON_CONTESTED, REPAIRS, Plan, Work


def hold_back(plan: Plan, contests: Mapping[Field, Contest], now: datetime) -> tuple[Plan, datetime | None]:
    """The plan without repairs that must wait, and when the first of them may be made.

    An object is held back only where all that differs in it is contested: whatever else differs is put right at once, and the rest with it.
    """
    works: list[Work] = []
    moments: list[datetime] = []
    for work in plan.works:
        until = _held_until(work, contests) if work.change.reason in REPAIRS else None
        if until is None or until <= now:
            works.append(work)
        else:
            moments.append(until)
            works.append(Work(Change(work.change.key, Action.SKIPPED, REASON_CONTESTED, work.change.differences), None, work.live))
    return replace(plan, works=tuple(works)), min(moments, default=None)


def _held_until(work: Work, contests: Mapping[Field, Contest]) -> datetime | None:
    key = work.change.key
    sides = [(difference.path, difference.manager) for difference in work.change.differences] or [("", None)]
    found = [contests.get(Field(key.kind, key.name, path, manager)) for path, manager in sides]
    moments = [contest.again_at for contest in found if contest is not None]
    return max(moments) if len(moments) == len(found) else None
