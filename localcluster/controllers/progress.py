"""A Deployment's status: its counts, and the conditions Available, Progressing and ReplicaFailure in the words of the real controller.

`kubectl rollout status` and `kubectl wait` read nothing else. Source: pkg/controller/deployment/progress.go of Kubernetes 1.34.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcluster.controllers import rollout
from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import annotations_of, conditions_of

Body = Mapping[str, Any]
Conditions = dict[str, Body]

REVISION = "deployment.kubernetes.io/revision"
_DONE, _LATE, _PAUSED = "NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"
_NO_DEADLINE = 2**31 - 1


def write_status(desk: Desk, deployment: Body, new: Body | None, old: Sequence[Body]) -> bool:
    """Whether the roll-out is complete."""
    counts = _counts(new, old)
    conditions = dict(conditions_of(deployment))
    now = desk.now()
    _set_available(conditions, deployment, counts, now)
    done = _set_progressing(desk, conditions, deployment, counts, new, now)
    _set_failure(conditions, new, old)
    status: dict[str, Any] = {**{name: value for name, value in counts.items() if value}, "conditions": list(conditions.values())}
    status["observedGeneration"] = deployment["metadata"]["generation"]
    if count := (deployment.get("status") or {}).get("collisionCount"):
        status["collisionCount"] = count
    notes = {} if new is None else {REVISION: annotations_of(new)[REVISION]}
    desk.write_status("Deployment", deployment, status, annotations=notes, exact=True)
    return done


def _counts(new: Body | None, old: Sequence[Body]) -> dict[str, int]:
    sets = [*old, *([] if new is None else [new])]
    ready = sum(_count(each, "readyReplicas") for each in sets)
    available = sum(_count(each, "availableReplicas") for each in sets)
    return {
        "replicas": sum(_count(each, "replicas") for each in sets),
        "updatedReplicas": 0 if new is None else _count(new, "replicas"),
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(rollout.size, sets)) - available),
    }


def _count(body: Body, name: str) -> int:
    return (body.get("status") or {}).get(name, 0)


def _set(conditions: Conditions, kind: str, status: str, reason: str, message: str, now: str, *, anew: bool = False) -> None:
    """Same status and reason: nothing happens, unless `anew`: then it was updated now. The transition's time moves with the status."""
    old = conditions.get(kind)
    if old is not None and not anew and (old["status"], old["reason"]) == (status, reason):
        return
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else now
    conditions[kind] = {
        "type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": now, "lastTransitionTime": since,
    }  # fmt: skip


def _set_available(conditions: Conditions, deployment: Body, counts: Mapping[str, int], now: str) -> None:
    if counts["availableReplicas"] >= deployment["spec"]["replicas"] - rollout.fence(deployment)[1]:
        _set(conditions, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    else:
        _set(conditions, "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now)


def _set_progressing(desk: Desk, conditions: Conditions, deployment: Body, counts: Mapping[str, int], new: Body | None, now: str) -> bool:
    wanted, seconds = deployment["spec"]["replicas"], deployment["spec"].get("progressDeadlineSeconds", _NO_DEADLINE)
    done = counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted and (new is not None or not wanted)
    if deployment["spec"].get("paused"):
        _set(conditions, "Progressing", "Unknown", _PAUSED, "Deployment is paused", now)
    elif seconds >= _NO_DEADLINE:
        conditions.pop("Progressing", None)
    elif done:
        _set(conditions, "Progressing", "True", _DONE, f"{_subject(deployment, new)} has successfully progressed.", now)
    elif not _was_complete(conditions, deployment, counts, new):
        _set_under_way(desk, conditions, deployment, counts, new, now)
    return done


def _was_complete(conditions: Conditions, deployment: Body, counts: Mapping[str, int], new: Body | None) -> bool:
    """A roll-out that was complete stays so while its pods come and go; another template begins another one."""
    known = conditions.get("Progressing") or {}
    return known.get("reason") == _DONE and not _begun(deployment, new) and counts["updatedReplicas"] == counts["replicas"]


def _begun(deployment: Body, new: Body | None) -> bool:
    """Whether the new ReplicaSet is newer than the Deployment's last status."""
    return new is None or annotations_of(deployment).get(REVISION) != annotations_of(new)[REVISION]


def _set_under_way(desk: Desk, conditions: Conditions, deployment: Body, counts: Mapping[str, int], new: Body | None, now: str) -> None:
    known, seconds = conditions.get("Progressing"), deployment["spec"]["progressDeadlineSeconds"]
    subject = _subject(deployment, new)
    if new is not None and _begun(deployment, new):
        message = f'Created new replica set "{new["metadata"]["name"]}"'
        _set(conditions, "Progressing", "True", "NewReplicaSetCreated", message, now, anew=True)
        desk.look_again(seconds)
    elif known is None or known["reason"] in (_DONE, _PAUSED) or _moved(deployment, counts):
        _set(conditions, "Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.", now, anew=True)
        desk.look_again(seconds)
    elif known["reason"] != _LATE and desk.left(known["lastUpdateTime"], seconds) <= 0:
        _set(conditions, "Progressing", "False", _LATE, f"{subject} has timed out progressing.", now)


def _subject(deployment: Body, new: Body | None) -> str:
    return f'Deployment "{deployment["metadata"]["name"]}"' if new is None else f'ReplicaSet "{new["metadata"]["name"]}"'


def _moved(deployment: Body, counts: Mapping[str, int]) -> bool:
    """Whether the roll-out has got further since the last status."""
    return (
        counts["updatedReplicas"] > _count(deployment, "updatedReplicas")
        or counts["replicas"] - counts["updatedReplicas"] < _count(deployment, "replicas") - _count(deployment, "updatedReplicas")
        or counts["readyReplicas"] > _count(deployment, "readyReplicas")
        or counts["availableReplicas"] > _count(deployment, "availableReplicas")
    )


def _set_failure(conditions: Conditions, new: Body | None, old: Sequence[Body]) -> None:
    """What keeps a ReplicaSet from making pods; the new one's word comes first."""
    failures = [failure for each in (new, *old) if each is not None and (failure := conditions_of(each).get("ReplicaFailure"))]
    if not failures:
        conditions.pop("ReplicaFailure", None)
        return
    first, known = failures[0], conditions.get("ReplicaFailure")
    if known is None or known["message"] != first["message"]:
        conditions["ReplicaFailure"] = {**first, "lastUpdateTime": first["lastTransitionTime"]}
