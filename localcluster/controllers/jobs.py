"""Jobs: pods until enough of them have succeeded, or too many have failed, or the time is up.

Source: pkg/controller/job and pkg/controller/ttlafterfinished of Kubernetes 1.34. Limits: NonIndexed only; no success or failure policies;
no finalizer on pods: a failed pod that is deleted by hand is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster.controllers.desk import Desk
from localcluster.controllers.pods import make_pod, record_refusal, refused
from localcluster.controllers.shapes import alive, condition, conditions_of, is_finished, is_ready
from localcluster.errors import ApiError

Body = Mapping[str, Any]

COMPONENT = "job-controller"
_FIRST_DELAY, _LONGEST_DELAY = 10.0, 600.0


def job(desk: Desk, owner: Body) -> None:
    ended = next(
        (each for each in conditions_of(owner).values() if each["type"] in ("Complete", "Failed") and each["status"] == "True"), None
    )
    if ended is not None:
        _clean_up(desk, owner, ended)
    elif owner["spec"].get("suspend"):
        _suspend(desk, owner)
    else:
        _work(desk, owner)


def _clean_up(desk: Desk, owner: Body, ended: Body) -> None:
    for pod in desk.owned("Pod", owner):
        if alive(pod) and not is_finished(pod):
            desk.delete("Pod", pod)
    seconds = owner["spec"].get("ttlSecondsAfterFinished")
    if seconds is not None and desk.left(ended["lastTransitionTime"], seconds) <= 0:
        desk.delete("Job", owner, propagation="Foreground")


def _suspend(desk: Desk, owner: Body) -> None:
    for pod in desk.owned("Pod", owner):
        if alive(pod) and not is_finished(pod):
            desk.delete("Pod", pod)
    paused = condition("Suspended", True, "JobSuspended", "Job suspended", desk.now(), time="lastProbeTime")
    status = {name: value for name, value in _counts(desk, owner).items() if name not in ("active", "ready")}
    _write(desk, owner, {**status, "conditions": [paused]})


def _work(desk: Desk, owner: Body) -> None:
    start = owner["status"].get("startTime") or desk.now()
    counts = _counts(desk, owner)
    failure = _failure(desk, owner, start, counts)
    base = {"startTime": start}
    if failure:
        _end(desk, owner, {**base, **counts}, condition("Failed", True, *failure, desk.now(), time="lastProbeTime"))
        return
    if counts["succeeded"] >= _wanted(owner) and not (owner["spec"].get("completions") is None and counts["active"]):
        done = condition(
            "Complete", True, "CompletionsReached", "Reached expected number of succeeded pods", desk.now(), time="lastProbeTime"
        )
        _end(desk, owner, {**base, **counts, "completionTime": desk.now()}, done)
        return
    if "Suspended" in conditions_of(owner):
        base["conditions"] = [condition("Suspended", False, "JobResumed", "Job resumed", desk.now(), time="lastProbeTime")]
    _balance(desk, owner, counts)
    _write(desk, owner, {**base, **_counts(desk, owner)})


def _end(desk: Desk, owner: Body, status: Body, ended: Body) -> None:
    for pod in desk.owned("Pod", owner):
        if alive(pod) and not is_finished(pod):
            desk.delete("Pod", pod)
    failed = ended["type"] == "Failed"
    _write(desk, owner, {**{name: value for name, value in status.items() if name not in ("active", "ready")}, "conditions": [ended]})
    reason, message = (ended["reason"], ended["message"]) if failed else ("Completed", "Job completed")
    desk.record(owner, reason, message, component=COMPONENT, warning=failed)


def _wanted(owner: Body) -> int:
    """How many pods must succeed. Without completions one is enough, and no more are made from then on."""
    completions = owner["spec"].get("completions")
    return 1 if completions is None else completions


def _counts(desk: Desk, owner: Body) -> dict[str, int]:
    """Successes are never forgotten, should their pods go."""
    pods = desk.owned("Pod", owner)
    running = [pod for pod in pods if alive(pod) and not is_finished(pod)]
    phases = [pod["status"].get("phase") for pod in pods]
    known = owner["status"]
    return {
        "active": len(running),
        "ready": sum(map(is_ready, running)),
        "succeeded": max(phases.count("Succeeded"), known.get("succeeded", 0)),
        "failed": max(phases.count("Failed"), known.get("failed", 0)),
        "terminating": sum(not alive(pod) and not is_finished(pod) for pod in pods),
    }


def _failure(desk: Desk, owner: Body, start: str, counts: Mapping[str, int]) -> tuple[str, str] | None:
    """Reason and message, where the Job has failed for good."""
    limit, seconds = owner["spec"].get("backoffLimit", 6), owner["spec"].get("activeDeadlineSeconds")
    restarts = 0
    if owner["spec"]["template"]["spec"].get("restartPolicy") == "OnFailure":
        running = [pod for pod in desk.owned("Pod", owner) if not is_finished(pod)]
        restarts = sum(int(each.get("restartCount") or 0) for pod in running for each in pod["status"].get("containerStatuses") or ())
    if counts["failed"] > limit or restarts > limit or (restarts and restarts == limit):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    if seconds is not None and desk.left(start, seconds) <= 0:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    return None


def _balance(desk: Desk, owner: Body, counts: Mapping[str, int]) -> None:
    """As many pods at work as may be, after a pause that grows with each failure."""
    parallel = owner["spec"].get("parallelism", 1)
    if owner["spec"].get("completions") is None:
        wanted = counts["active"] if counts["succeeded"] else parallel
    else:
        wanted = min(parallel, max(0, _wanted(owner) - counts["succeeded"]))
    running = [pod for pod in desk.owned("Pod", owner) if alive(pod) and not is_finished(pod)]
    for pod in running[wanted:]:
        desk.delete("Pod", pod)
    if wanted <= len(running) or _pause(desk, owner) > 0:
        return
    for _ in range(wanted - len(running)):
        try:
            pod = make_pod(desk, owner, owner["spec"]["template"])
        except ApiError as error:
            if refused(error):
                record_refusal(desk, owner, f"Error creating: {error.message}", COMPONENT)
            return
        desk.record(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", component=COMPONENT)


def _pause(desk: Desk, owner: Body) -> float:
    """Seconds until the next pod may be made: 10 after the first failure since the last success, then twice as long each time."""
    ends = {
        phase: [_ended_at(pod) for pod in desk.owned("Pod", owner) if pod["status"].get("phase") == phase]
        for phase in ("Failed", "Succeeded")
    }
    last_success = max(ends["Succeeded"], default="")
    failures = [end for end in ends["Failed"] if end > last_success]
    if not failures:
        return 0
    return desk.left(max(failures), min(_FIRST_DELAY * 2 ** (len(failures) - 1), _LONGEST_DELAY))


def _ended_at(pod: Body) -> str:
    statuses = (*(pod["status"].get("containerStatuses") or ()), *(pod["status"].get("initContainerStatuses") or ()))
    ends = [end for each in statuses if (end := ((each.get("state") or {}).get("terminated") or {}).get("finishedAt"))]
    return max(ends, default=pod["metadata"]["creationTimestamp"])


def _write(desk: Desk, owner: Body, status: Body) -> None:
    kept = {name: value for name, value in status.items() if value or name in ("ready", "terminating")}
    desk.write_status("Job", owner, {**kept, "uncountedTerminatedPods": {}})
