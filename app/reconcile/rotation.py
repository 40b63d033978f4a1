"""New credentials, step by step: one pass looks where the store is and takes at most one step. Pure.

    setting    the new values are known to us alone. The release's Jobs, rendered while there are pending secrets, give them to whoever
               checks them (a database, an admin's account) by means of the old ones, all at once or not at all, as often as they are run.
    switching  every Job has ended well: Secret and pods get the new values, the Jobs are pruned. Then pending becomes current.

The stage is recorded by the pass that saw it, so a pass killed anywhere is repeated, and one of the two sets of values always works. While
the store is suspended there is no database to speak to, and the setting waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.conditions import CREDENTIALS_ROTATED, Status, Verdict
from app.domain.drift import Action
from app.domain.manifests import LiveObject
from app.domain.stores import DesiredState, Rotation, StoreSnapshot
from app.reconcile.explain import LastLine, explain_pods
from app.reconcile.health import HealthStatus, check_health
from app.reconcile.plan import Plan

PodsOf = Callable[[LiveObject], list[LiveObject]]


class Reached(StrEnum):
    """What a pass found done, for the recording. SET: the Jobs have ended well. TAKEN_UP: the new values are applied everywhere."""

    SET = "set"
    TAKEN_UP = "taken_up"


@dataclass(frozen=True, slots=True)
class RotationState:
    reached: Reached | None = None
    verdict: Verdict | None = None


def judge_rotation(store: StoreSnapshot, plan: Plan, pods_of: PodsOf, last_line: LastLine, *, complete: bool) -> RotationState:
    """`complete`: every object of this pass is as asked for."""
    if store.rotation is None:
        done = store.credentials_version > 1
        return RotationState(verdict=_verdict(Status.TRUE, "Rotated", _ROTATED) if done else None)
    if store.rotation is Rotation.SWITCHING:
        if complete:
            return RotationState(Reached.TAKEN_UP, _verdict(Status.TRUE, "Rotated", _ROTATED))
        return RotationState(verdict=_verdict(Status.FALSE, "Switching", _SWITCHING))
    if store.desired_state is DesiredState.SUSPENDED:
        return RotationState(verdict=_verdict(Status.FALSE, "Waiting", "New passwords are set once the store is resumed."))
    jobs = [work for work in plan.works if work.change.key.kind == "Job" and work.change.key in plan.desired]
    seen = [work.live for work in jobs if work.change.action is Action.UNCHANGED and work.live is not None]
    if complete and len(seen) == len(jobs) and all(check_health(live).healthy for live in seen):
        return RotationState(Reached.SET, _verdict(Status.FALSE, "Switching", _SWITCHING))
    for live in seen:
        health = explain_pods(pods_of(live), last_line) or check_health(live)
        if health.status is HealthStatus.DEGRADED:
            message = f"The new passwords could not be set yet, and the old ones still hold; it is tried again. {health.message}"
            return RotationState(verdict=_verdict(Status.FALSE, health.reason, message))
    return RotationState(verdict=_verdict(Status.FALSE, "Setting", "New passwords are being set in the database and for the admin."))


_SWITCHING = "The new passwords are set; the shop is being restarted with them."
_ROTATED = "The credentials were replaced. The old ones no longer work."


def _verdict(status: Status, reason: str, message: str) -> Verdict:
    return Verdict(CREDENTIALS_ROTATED, status, reason, message)
