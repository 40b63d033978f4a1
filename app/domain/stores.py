"""A store as the core sees it: intent, observation, and the phase that follows from both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.conditions import READY, STALLED, SYNCED, Condition, Status, by_type
from app.domain.manifests import InventoryEntry, ObjectKey


class DesiredState(StrEnum):
    PRESENT = "present"
    SUSPENDED = "suspended"
    ABSENT = "absent"


class DriftMode(StrEnum):
    """What is done about drift. `observe` records and changes nothing; `off` does not even compare. Intents are applied in all three."""

    REPAIR = "repair"
    OBSERVE = "observe"
    OFF = "off"


class Phase(StrEnum):
    """One word for a list. Derived from conditions by `derive_phase`; nobody assigns it."""

    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    READY = "Ready"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    DELETED = "Deleted"
    FAILED = "Failed"


class Rotation(StrEnum):
    """How far a replacement of the credentials is. `setting`: a Job in the namespace gives the new passwords to whoever checks them;
    `switching`: they are in force there, and the pods are being given them.
    """

    SETTING = "setting"
    SWITCHING = "switching"


# Reasons of Ready=False that `derive_phase` tells apart.
REASON_SUSPENDED = "Suspended"
REASON_DEADLINE = "DeadlineExceeded"
REASON_PROGRESSING = "Progressing"


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """A store's row at one moment, frozen: all that one pass of the reconciler works from.

    `secrets` are the decrypted credentials for rendering; they are kept out of every repr. `provisioning_since` is when the present
    intent was first accepted: its plan's deadline counts from there. `ever_ready` tells a first provisioning from a later disturbance.
    `restarted_generation` is the intent that last asked for new pods.

    `secrets` and `credentials_version` are what the pods are to have: while a rotation is switching, the new ones. `pending_secrets` are
    the new ones while they are still being set.
    """

    id: str
    tenant_id: str
    cluster_id: str
    slug: str
    name: str
    host: str
    namespace: str
    namespace_uid: str | None
    claim: str
    engine: str
    release: str
    plan: str
    desired_state: DesiredState
    generation: int
    observed_generation: int
    drift_mode: DriftMode
    ever_ready: bool
    provisioning_since: datetime
    failure_count: int = 0
    credentials_version: int = 1
    restarted_generation: int | None = None
    rotation: Rotation | None = None
    conditions: tuple[Condition, ...] = ()
    inventory: Mapping[ObjectKey, InventoryEntry] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    pending_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)


def derive_phase(desired: DesiredState, conditions: Iterable[Condition], *, gone: bool, ever_ready: bool) -> Phase:
    """The phase that follows from intent and observation. Total: every combination has one.

    - absent: Deleting until the namespace was observed gone, then Deleted.
    - nothing observed yet: Pending.
    - suspended and the workloads observed gone: Suspended.
    - Ready: Ready, unless a human is needed (Stalled): Degraded.
    - never ready so far: Failed once the deadline has passed or a human is needed, else Provisioning.
    - ready before: Provisioning while a change of intent is rolling out or a store comes back from suspension, else Degraded.
    """
    if desired is DesiredState.ABSENT:
        return Phase.DELETED if gone else Phase.DELETING
    known = by_type(conditions)
    ready, stalled = known.get(READY), known.get(STALLED)
    needs_human = stalled is not None and stalled.status is Status.TRUE
    if ready is None and not needs_human:
        return Phase.PENDING if SYNCED not in known else Phase.PROVISIONING
    if desired is DesiredState.SUSPENDED and ready is not None and ready.reason == REASON_SUSPENDED:
        return Phase.SUSPENDED
    if ready is not None and ready.status is Status.TRUE:
        return Phase.DEGRADED if needs_human else Phase.READY
    if needs_human or (ready is not None and ready.reason == REASON_DEADLINE):
        return Phase.DEGRADED if ever_ready else Phase.FAILED
    if ever_ready and (ready is None or ready.reason not in (REASON_PROGRESSING, REASON_SUSPENDED)):
        return Phase.DEGRADED
    return Phase.PROVISIONING
