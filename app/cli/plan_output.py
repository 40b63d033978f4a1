"""How the plan of a dry run is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.output import brief, say
from app.domain.conditions import STALLED, SYNCED, Status, by_type
from app.domain.drift import ABSENT, Action, Change, Difference

if TYPE_CHECKING:
    from app.reconcile.outcome import PassOutcome
    from app.services.views import StoreView

_MARKS = {Action.CREATED: "+", Action.CONFIGURED: "~", Action.DELETED: "-", Action.SKIPPED: "!", Action.UNCHANGED: " "}
# A plan speaks of what is to come.
_WORDS = {
    Action.CREATED: "create",
    Action.CONFIGURED: "configure",
    Action.DELETED: "delete",
    Action.SKIPPED: "leave as is",
    Action.UNCHANGED: "unchanged",
}


def in_sync(store: StoreView, outcome: PassOutcome) -> bool:
    """Whether a pass would find nothing to do and nothing amiss."""
    return not outcome.changes.effective and not outcome.drift and obstacle(store, outcome) is None


def obstacle(store: StoreView, outcome: PassOutcome) -> str | None:
    """Why no pass can do anything (a foreign namespace, lost data): the preview then states conditions instead of changes."""
    if tuple(outcome.conditions) == tuple(store.conditions):
        return None
    known = by_type(outcome.conditions)
    for type_, bad in ((STALLED, Status.TRUE), (SYNCED, Status.FALSE)):
        condition = known.get(type_)
        if condition is not None and condition.status is bad and not outcome.changes.effective:
            return condition.message
    return None


def plan_document(store: StoreView, tenant: str, outcome: PassOutcome) -> dict[str, Any]:
    """For scripts. Differences of a change lead from what is live to what it would be, those of drift from what was recorded to live."""
    return {
        "id": store.id,
        "slug": store.slug,
        "tenant": tenant,
        "in_sync": in_sync(store, outcome),
        "obstacle": obstacle(store, outcome),
        "counts": dict(outcome.changes.counts()),
        "changes": outcome.changes.as_list(),
        "drift": [drift.as_dict() for drift in outcome.drift],
    }


def print_plan(store: StoreView, tenant: str, outcome: PassOutcome, *, diff: bool) -> None:
    """One line per object that is not as it should be, with its fields where asked for."""
    counts = ", ".join(f"{number} {_WORDS[Action(action)]}" for action, number in outcome.changes.counts().items())
    stuck = obstacle(store, outcome)
    verdict = "in sync" if in_sync(store, outcome) else "not in sync"
    say(f"{store.slug} ({tenant}): {verdict}{f' ({counts})' if counts else ''}")
    if stuck is not None:
        say(f"  ! {stuck}")
    shown = [change for change in outcome.changes if change.action is not Action.UNCHANGED]
    widest = max((len(str(change.key)) for change in shown), default=0)
    for change in shown:
        say(f"  {_MARKS[change.action]} {_WORDS[change.action]:11}  {change.key!s:{widest}}  {change.reason}")
        if diff:
            for difference in change.differences:
                say(f"      {difference.path}: {_sides(change, difference)}")


def _sides(change: Change, difference: Difference) -> str:
    """Two values that must not be mistaken for each other: what is and what it will be, or what was recorded and what is."""
    before, after = side(difference.before), side(difference.after)
    by = f" (by {difference.manager})" if difference.manager else ""
    return f"found {after} instead of {before}{by}" if change.action is Action.SKIPPED else f"{before}{by} → {after}"


def side(value: Any) -> str:
    """One side of a difference, on one line."""
    return "nothing" if value is ABSENT else brief(value, most=80)
