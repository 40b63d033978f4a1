"""ReplicaSets: as many pods of one template as asked for, and the count of those that are ready.

Source: pkg/controller/replicaset of Kubernetes 1.34. A pod that is ending is not waited for: its successor is made at once.
Unlike there, pods that have ended for good are replaced every ten seconds at most, and only the newest of them are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster.controllers.desk import Desk
from localcluster.controllers.pods import FAILED_CREATE, active, make_pod, record_refusal, refused, settled
from localcluster.controllers.shapes import alive, annotations_of, conditions_of, is_ready, keep_times, labels_of, parse_time, ready_for
from localcluster.errors import ApiError
from localcluster.selectors import matches

Body = Mapping[str, Any]

COMPONENT = "replicaset-controller"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
# Pods that have ended are kept to be looked at, but not for ever.
_KEPT = 5
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def replica_set(desk: Desk, owner: Body) -> None:
    mine = [pod for pod in desk.claim("Pod", owner, owner["spec"]["selector"], fits=alive) if alive(pod)]
    pods, ended = [pod for pod in mine if active(pod)], [pod for pod in mine if not active(pod)]
    missing = owner["spec"]["replicas"] - len(pods)
    if missing > 0:
        missing = max(0, missing - sum(not settled(desk, pod) for pod in ended))
    for pod in sorted(ended, key=lambda pod: pod["metadata"]["creationTimestamp"])[:-_KEPT]:
        desk.delete("Pod", pod)
    failure = _make(desk, owner, missing) if missing > 0 else ""
    for pod in sorted(pods, key=_worth)[: max(0, -missing)]:
        desk.delete("Pod", pod)
        desk.record(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", component=COMPONENT)
    _write_status(desk, owner, failure)


def _make(desk: Desk, owner: Body, missing: int) -> str:
    """Why one could not be made; further ones are then not tried."""
    for _ in range(missing):
        try:
            pod = make_pod(desk, owner, owner["spec"]["template"])
        except ApiError as error:
            if not refused(error):
                return ""
            record_refusal(desk, owner, f"Error creating: {error.message}", COMPONENT)
            return error.message
        desk.record(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", component=COMPONENT)
    return ""


def _write_status(desk: Desk, owner: Body, failure: str) -> None:
    pods = [pod for pod in desk.owned("Pod", owner) if active(pod)]
    labels = {"matchLabels": owner["spec"]["template"]["metadata"].get("labels") or {}}
    status: dict[str, Any] = {
        "replicas": len(pods),
        "fullyLabeledReplicas": sum(matches(labels, labels_of(pod)) for pod in pods),
        "readyReplicas": sum(map(is_ready, pods)),
        "availableReplicas": available(desk, pods, owner["spec"].get("minReadySeconds", 0)),
        "observedGeneration": owner["metadata"]["generation"],
    }
    if failure:
        new = {"type": "ReplicaFailure", "status": "True", "reason": FAILED_CREATE, "message": failure, "lastTransitionTime": desk.now()}
        status["conditions"] = [keep_times(conditions_of(owner).get("ReplicaFailure"), new)]
    # Go leaves zero counts out.
    kept = {name: value for name, value in status.items() if value or name == "replicas"}
    desk.write_status("ReplicaSet", owner, kept)


def available(desk: Desk, pods: list[Body], min_ready_seconds: int) -> int:
    """How many pods have been ready for long enough; asks to look again when time alone makes one more."""
    if not min_ready_seconds:
        return sum(map(is_ready, pods))
    waited = [seconds for pod in pods if (seconds := ready_for(pod, desk.clock())) >= 0]
    if soon := [min_ready_seconds - seconds for seconds in waited if seconds < min_ready_seconds]:
        desk.look_again(min(soon))
    return sum(seconds >= min_ready_seconds for seconds in waited)


def _worth(pod: Body) -> tuple[Any, ...]:
    """The least first: those go when there are too many."""
    meta, ready = pod["metadata"], is_ready(pod)
    since = conditions_of(pod)["Ready"].get("lastTransitionTime") if ready else None
    restarts = sum(int(each.get("restartCount") or 0) for each in pod["status"].get("containerStatuses") or ())
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(pod["status"].get("phase", ""), 1),
        ready,
        _cost(pod),
        -parse_time(since).timestamp() if since else 0.0,
        -restarts,
        -parse_time(meta["creationTimestamp"]).timestamp(),
        meta["name"],
    )


def _cost(pod: Body) -> int:
    text = annotations_of(pod).get(_DELETION_COST, "0")
    return int(text) if text.lstrip("+-").isdigit() else 0
