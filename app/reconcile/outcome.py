"""What a pass works with and what comes of it, and when to look again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from app.domain.conditions import Condition
from app.domain.contests import Contest, Field
from app.domain.drift import ChangeSet, ObjectDrift
from app.domain.errors import StoreyardError
from app.domain.manifests import InventoryEntry, ObjectKey
from app.ports import Clock, Cluster, ManifestRenderer
from app.reconcile.rotation import Reached

# When to look again, in seconds.
LOOK_SOON = 0.5
LOOK_LATER = 3.0
LOOK_SLOWLY = 30.0
RESYNC = 600.0
# How long a change is followed closely before the looks become rarer.
CLOSELY = 60.0


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """What one pass saw and did.

    `inventory` is the whole new record. `observed_generation` is the generation whose every object was applied (unchanged where some
    was not, or where new credentials are not yet in force). `requeue_after` in seconds. `gone`: the namespace was observed absent after a
    delete. `steps` are durations in seconds. `rotation` is the step of a rotation that was found done.
    """

    conditions: tuple[Condition, ...]
    inventory: Mapping[ObjectKey, InventoryEntry]
    changes: ChangeSet
    observed_generation: int
    requeue_after: float
    drift: tuple[ObjectDrift, ...] = ()
    repaired: frozenset[ObjectKey] = frozenset()
    error: StoreyardError | None = None
    gone: bool = False
    rotation: Reached | None = None
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassContext:
    """What a pass works with. `record_namespace` commits the namespace's uid at once; `contests` are the store's, asked for on drift."""

    cluster: Cluster
    renderer: ManifestRenderer
    clock: Clock
    executor: Executor
    record_namespace: Callable[[str], None]
    contests: Callable[[], Mapping[Field, Contest]] = dict


def spread(seconds: float) -> float:
    """±20 %, so that stores that were due together do not stay together."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311
