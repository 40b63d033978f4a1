"""What a kubelet writes into a pod's status: running and ready, or one of the ways in which pods fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Body = Mapping[str, Any]
FailureReason = Literal["ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff", "OOMKilled", "Unschedulable", "CreateContainerConfigError"]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a pod fails. `log` is its container's last line, `message` replaces the usual one."""

    reason: FailureReason
    exit_code: int = 1
    log: str = ""
    message: str = ""
    restarts: int = 3


def pod_status(pod: Body, failure: Failure | None, now: str) -> dict[str, Any]:
    """The whole status but qosClass."""
    spec, generation = pod["spec"], pod["metadata"]["generation"]
    if failure is not None and failure.reason == "Unschedulable":
        message = failure.message or "0/1 nodes are available: 1 Insufficient cpu."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, "lastTransitionTime": now}
        return {"phase": "Pending", "conditions": [condition]}
    one_shot = spec.get("restartPolicy") in ("Never", "OnFailure")
    if one_shot and failure is None:
        return _ended(spec, "Succeeded", {"exitCode": 0, "reason": "Completed"}, now)
    if one_shot and failure is not None and failure.reason in ("CrashLoopBackOff", "OOMKilled"):
        return _ended(spec, "Failed", _terminated(failure, now), now)
    running = failure is None
    names = [container["name"] for container in spec["containers"]]
    unready = {} if running else {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(names)}]"}
    conditions = [
        _condition(kind, good, now, generation, **({} if good else unready))
        for kind, good in (
            ("PodReadyToStartContainers", True),
            ("Initialized", True),
            ("Ready", running),
            ("ContainersReady", running),
            ("PodScheduled", True),
        )
    ]
    waiting_for_image = failure is not None and failure.reason in ("ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")
    return {
        "phase": "Pending" if waiting_for_image else "Running",
        "conditions": conditions,
        "containerStatuses": [_container(container, failure, now) for container in spec["containers"]],
        "hostIP": "10.254.0.1",
        "hostIPs": [{"ip": "10.254.0.1"}],
        "podIP": "10.244.0.2",
        "podIPs": [{"ip": "10.244.0.2"}],
        "startTime": now,
        "observedGeneration": generation,
    }


def _condition(kind: str, good: bool, now: str, generation: int, **why: str) -> dict[str, Any]:
    status = "True" if good else "False"
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": now, "observedGeneration": generation, **why}


def _terminated(failure: Failure, now: str) -> dict[str, Any]:
    oom = failure.reason == "OOMKilled"
    return {
        "exitCode": 137 if oom else failure.exit_code,
        "reason": "OOMKilled" if oom else "Error",
        "startedAt": now,
        "finishedAt": now,
    }


def _container(container: Body, failure: Failure | None, now: str) -> dict[str, Any]:
    common = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0, "lastState": {}}
    if failure is None:
        return {**common, "ready": True, "started": True, "state": {"running": {"startedAt": now}}}
    common |= {"ready": False, "started": False}
    if failure.reason in ("CrashLoopBackOff", "OOMKilled"):
        text = failure.message or f"back-off 40s restarting failed container={container['name']}"
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        return {**common, "restartCount": failure.restarts, "state": state, "lastState": {"terminated": _terminated(failure, now)}}
    text = failure.message or f'Back-off pulling image "{container["image"]}": ErrImagePull: not found'
    return {**common, "state": {"waiting": {"reason": failure.reason, "message": text}}}


def _ended(spec: Body, phase: str, terminated: Mapping[str, Any], now: str) -> dict[str, Any]:
    times = {"startedAt": now, "finishedAt": now}
    statuses = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            "started": False,
            "restartCount": 0,
            "lastState": {},
            "state": {"terminated": {**terminated, **times}},
        }
        for container in spec["containers"]
    ]
    return {"phase": phase, "containerStatuses": statuses, "startTime": now}
