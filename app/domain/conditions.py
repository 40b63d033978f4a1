"""Conditions: what was observed of a store, each as a statement with a status, a reason and a sentence.

The idea and the rule of `last_transition_at` (it moves only when the status does) are those of Kubernetes' API conventions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.errors import StoreyardError


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


SYNCED = "Synced"
READY = "Ready"
STALLED = "Stalled"
NAMESPACE_READY = "NamespaceReady"
DATABASE_READY = "DatabaseReady"
BACKEND_READY = "BackendReady"
STOREFRONT_READY = "StorefrontReady"
ADDRESS_READY = "AddressReady"
CREDENTIALS_ROTATED = "CredentialsRotated"

STEPS = (NAMESPACE_READY, DATABASE_READY, BACKEND_READY, STOREFRONT_READY, ADDRESS_READY)
# The order in which people read them: the three verdicts, the steps of a provisioning, and what became of new credentials.
CONDITION_TYPES = (SYNCED, READY, STALLED, *STEPS, CREDENTIALS_ROTATED)


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement. `reason` is CamelCase for programs, `message` a sentence for the merchant."""

    type: str
    status: Status
    reason: str
    message: str
    last_transition_at: datetime
    observed_generation: int

    def __post_init__(self) -> None:
        if self.type not in CONDITION_TYPES:
            raise StoreyardError(f"unknown condition type {self.type!r}", known=CONDITION_TYPES)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition as one pass sees it, before time and history are known."""

    type: str
    status: Status
    reason: str
    message: str


def by_type(conditions: Iterable[Condition]) -> dict[str, Condition]:
    return {condition.type: condition for condition in conditions}


def merge(previous: Iterable[Condition], verdicts: Iterable[Verdict], *, now: datetime, generation: int) -> tuple[Condition, ...]:
    """The conditions after a pass. A type without a verdict is dropped: a pass states all it knows.

    `last_transition_at` is kept where the status is; an unchanged verdict returns the very same condition.
    """
    old: Mapping[str, Condition] = by_type(previous)
    merged: list[Condition] = []
    for verdict in verdicts:
        before = old.get(verdict.type)
        fresh = Condition(verdict.type, verdict.status, verdict.reason, verdict.message, now, generation)
        if before is not None and before.status is fresh.status:
            fresh = replace(fresh, last_transition_at=before.last_transition_at)
        merged.append(fresh)
    return tuple(sorted(merged, key=lambda condition: CONDITION_TYPES.index(condition.type)))


def differ(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Condition, ...]:
    """The conditions of `after` that say something new (status, reason or message): these become events."""
    old = by_type(before)
    return tuple(
        condition
        for condition in after
        if (known := old.get(condition.type)) is None
        or (known.status, known.reason, known.message) != (condition.status, condition.reason, condition.message)
    )


def amend(previous: Iterable[Condition], *verdicts: Verdict, now: datetime, generation: int) -> tuple[Condition, ...]:
    """The previous conditions with some stated anew: for a pass that could not see the rest."""
    stated = {verdict.type for verdict in verdicts}
    kept = tuple(condition for condition in previous if condition.type not in stated)
    fresh = merge(previous, verdicts, now=now, generation=generation)
    return tuple(sorted((*kept, *fresh), key=lambda condition: CONDITION_TYPES.index(condition.type)))
