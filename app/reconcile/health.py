"""Health of one object, from its status: one small function per kind. Why a pod does not run is `app.reconcile.explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.domain.manifests import LiveObject


class HealthStatus(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` is CamelCase, `message` a sentence for the merchant."""

    status: HealthStatus
    reason: str
    message: str

    @property
    def healthy(self) -> bool:
        return self.status is HealthStatus.HEALTHY


HEALTHY = Health(HealthStatus.HEALTHY, "Healthy", "Runs and answers.")
STOPPING = Health(HealthStatus.PROGRESSING, "Stopping", "Is being stopped.")
MISSING = Health(HealthStatus.MISSING, "Missing", "Is not there.")


def _progressing(reason: str, message: str) -> Health:
    return Health(HealthStatus.PROGRESSING, reason, message)


def _degraded(reason: str, message: str) -> Health:
    return Health(HealthStatus.DEGRADED, reason, message)


def check_health(live: LiveObject | None) -> Health:
    """Health of any object that we apply; kinds without a status of interest are healthy by being there."""
    if live is None:
        return MISSING
    if live.terminating:
        return _progressing("Terminating", "Is being removed.")
    check = _CHECKS.get(live.key.kind)
    return check(live) if check is not None else HEALTHY


def _stale(live: LiveObject) -> bool:
    """Whether the status speaks of an older spec than the one that is there."""
    return int(live.status.get("observedGeneration") or 0) < int(live.metadata.get("generation") or 0)


def _wanted(live: LiveObject) -> int:
    replicas = (live.body.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _conditions(live: LiveObject) -> Mapping[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in live.status.get("conditions") or ()}


def _check_deployment(live: LiveObject) -> Health:
    if _stale(live):
        return _progressing("Rollout", "Is taking up a change.")
    status, wanted = live.status, _wanted(live)
    if wanted == 0:
        return _check_stopped(live)
    conditions = _conditions(live)
    failure = conditions.get("ReplicaFailure") or {}
    if failure.get("status") == "True":
        return explain_refusal(str(failure.get("message", "")))
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if updated >= wanted and available >= wanted and int(status.get("replicas") or 0) == updated:
        return HEALTHY
    if (conditions.get("Progressing") or {}).get("reason") == "ProgressDeadlineExceeded":
        return _degraded("RolloutStuck", "Has not become ready in the time allowed.")
    return _progressing("Starting", "Is starting.")


def _check_stateful_set(live: LiveObject) -> Health:
    if _stale(live):
        return _progressing("Rollout", "Is taking up a change.")
    status, wanted = live.status, _wanted(live)
    if wanted == 0:
        return _check_stopped(live)
    current = status.get("updateRevision") in (None, status.get("currentRevision")) or int(status.get("updatedReplicas") or 0) >= wanted
    if int(status.get("readyReplicas") or 0) >= wanted and current:
        return HEALTHY
    return _progressing("Starting", "Is starting.")


def _check_stopped(live: LiveObject) -> Health:
    if int(live.status.get("replicas") or 0) == 0:
        return Health(HealthStatus.HEALTHY, "Stopped", "Is stopped; its data is kept.")
    return STOPPING


def _check_claim(live: LiveObject) -> Health:
    phase = live.status.get("phase")
    if phase == "Bound":
        return HEALTHY
    if phase == "Lost":
        return _degraded("VolumeLost", "The volume behind the claim is gone.")
    return _progressing("VolumeNotBound", "Waits for its volume.")


def _check_job(live: LiveObject) -> Health:
    conditions = _conditions(live)
    if (conditions.get("Failed") or {}).get("status") == "True":
        return _degraded("JobFailed", f"Failed: {conditions['Failed'].get('message', 'no reason given')}")
    if (conditions.get("Complete") or {}).get("status") == "True":
        return HEALTHY
    return _progressing("Running", "Is running.")


def explain_refusal(message: str) -> Health:
    """What the words with which a pod was refused mean: a workload's condition, or an event of one that has no pod at all."""
    if "exceeded quota" in message:
        return _degraded("QuotaExceeded", f"The namespace's resource quota leaves no room for its pod: {message}")
    if "violates PodSecurity" in message:
        return _degraded("PolicyViolation", f"The pod was refused by the cluster's security policy: {message}")
    return _degraded("PodRefused", f"The pod was refused: {message}")


_CHECKS: Mapping[str, Callable[[LiveObject], Health]] = {
    "Deployment": _check_deployment,
    "StatefulSet": _check_stateful_set,
    "PersistentVolumeClaim": _check_claim,
    "Job": _check_job,
}
