"""Drift: the words for a difference between what is live and what was recorded, and what a pass does about it.

The comparison itself is `app.reconcile.diff`; who owns which field is `app.domain.managed_fields`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.manifests import ObjectKey

Path = tuple[str | int, ...]
"""Where in an object: keys and list positions."""


class DriftClass(StrEnum):
    """Why an object differs. `foreign` is an object that is not ours in a namespace that is."""

    MISSING = "missing"
    MODIFIED = "modified"
    EXTRA = "extra"
    CONFLICTING = "conflicting"
    IMMUTABLE = "immutable"
    FOREIGN = "foreign"


class Absent:
    """The value of a field that is not there (None is a value)."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field. `path` is for people (`spec.ports[name=http].port`), `live_path` addresses it in the live object (None: absent)."""

    path: str
    before: Any
    after: Any
    live_path: Path | None = None
    manager: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For storage and `--json`: a missing side is left out."""
        sides = {name: value for name, value in (("before", self.before), ("after", self.after)) if value is not ABSENT}
        return {"path": self.path, "manager": self.manager, **sides}


@dataclass(frozen=True, slots=True)
class ObjectDrift:
    """One object that is not as recorded."""

    key: ObjectKey
    drift_class: DriftClass
    differences: tuple[Difference, ...] = ()

    @property
    def manager(self) -> str | None:
        """The field manager most likely behind it."""
        return next((difference.manager for difference in self.differences if difference.manager), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.key.kind,
            "name": self.key.name,
            "class": self.drift_class.value,
            "manager": self.manager,
            "differences": [difference.as_dict() for difference in self.differences],
        }


class Action(StrEnum):
    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Change:
    """One object's part in a plan: what is done, why, and which paths differ."""

    key: ObjectKey
    action: Action
    reason: str
    differences: tuple[Difference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.key.kind,
            "name": self.key.name,
            "action": self.action.value,
            "reason": self.reason,
            "differences": [difference.as_dict() for difference in self.differences],
        }


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """An ordered, printable plan. Order is that of execution: applies by wave, deletes last."""

    changes: tuple[Change, ...] = field(default_factory=tuple)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that write."""
        return tuple(c for c in self.changes if c.action in (Action.CREATED, Action.CONFIGURED, Action.DELETED))

    def counts(self) -> Mapping[str, int]:
        """How many objects per action, zeros left out."""
        actions = [change.action for change in self.changes]
        return {action.value: actions.count(action) for action in Action if action in actions}

    def as_list(self) -> list[dict[str, Any]]:
        return [change.as_dict() for change in self.changes if change.action is not Action.UNCHANGED]
