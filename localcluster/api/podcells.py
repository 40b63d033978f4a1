"""A pod's row: how far it is, in the one word that kubectl shows. Source: printPod in Kubernetes' pkg/printers/internalversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcluster.api.ages import age, duration, moment

Body = Mapping[str, Any]
NONE = "<none>"


@dataclass(slots=True)
class _Tally:
    """What is counted over a pod's containers."""

    reason: str
    ready: int = 0
    total: int = 0
    restarts: int = 0
    last: datetime | None = None

    def add_restarts(self, container: Body) -> None:
        self.restarts += container.get("restartCount", 0)
        ended = moment(((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
        if ended and (self.last is None or self.last < ended):
            self.last = ended


def pod(body: Body, now: datetime) -> Sequence[Any]:
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    tally = _summary(spec, status)
    reason = tally.reason
    if "deletionTimestamp" in meta:
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    restarts = str(tally.restarts)
    if tally.restarts and tally.last:
        restarts = f"{restarts} ({duration(now - tally.last)} ago)"
    ready = f"{tally.ready}/{tally.total}"
    return [
        meta.get("name", ""), ready, reason, restarts, age(meta.get("creationTimestamp"), now),
        status.get("podIP") or NONE, spec.get("nodeName") or NONE, status.get("nominatedNodeName") or NONE, _gates(spec, status),
    ]  # fmt: skip


def pod_conditions(body: Body) -> list[dict[str, str]]:
    """Marks a row whose pod has ended."""
    phase = (body.get("status") or {}).get("phase")
    messages = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
    if phase not in messages:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": messages[phase]}]


def _summary(spec: Body, status: Body) -> _Tally:
    tally = _Tally(status.get("reason") or status.get("phase", ""))
    sidecars = {each["name"] for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"}
    tally.total = len(spec.get("containers") or ()) + len(sidecars)
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated":
        tally.reason = "SchedulingGated"
    initializing = _initialize(tally, spec, status, sidecars)
    if not initializing or (conditions.get("Initialized") or {}).get("status") == "True":
        _run(tally, status, sidecars, ready=(conditions.get("Ready") or {}).get("status") == "True")
    return tally


def _initialize(tally: _Tally, spec: Body, status: Body, sidecars: set[str]) -> bool:
    """Go through the init containers up to the one that the pod waits for; whether there is one."""
    for position, container in enumerate(status.get("initContainerStatuses") or ()):
        tally.add_restarts(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended and not ended.get("exitCode"):
            continue
        if container["name"] in sidecars and container.get("started"):
            tally.ready += bool(container.get("ready"))
            continue
        if ended:
            tally.reason = f"Init:{_ended(ended)}"
        elif waiting.get("reason") not in (None, "", "PodInitializing"):
            tally.reason = f"Init:{waiting['reason']}"
        else:
            tally.reason = f"Init:{position}/{len(spec.get('initContainers') or ())}"
        return True
    return False


def _run(tally: _Tally, status: Body, sidecars: set[str], *, ready: bool) -> None:
    """Go through the main containers. From now on only theirs, and the sidecars', restarts count."""
    tally.restarts, tally.last = 0, None
    for container in status.get("initContainerStatuses") or ():
        if container["name"] in sidecars:
            tally.add_restarts(container)
    running = False
    for container in reversed(status.get("containerStatuses") or ()):
        tally.add_restarts(container)
        state = container.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            tally.reason = state["waiting"]["reason"]
        elif state.get("terminated"):
            tally.reason = _ended(state["terminated"])
        elif container.get("ready") and "running" in state:
            running = True
            tally.ready += 1
    if tally.reason == "Completed" and running:
        tally.reason = "Running" if ready else "NotReady"


def _ended(terminated: Body) -> str:
    if reason := terminated.get("reason"):
        return reason
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _gates(spec: Body, status: Body) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    true = {each["type"] for each in status.get("conditions") or () if each["status"] == "True"}
    return f"{sum(gate['conditionType'] in true for gate in gates)}/{len(gates)}"
