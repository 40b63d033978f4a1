"""A pod's status as a whole: phase and conditions from its containers' states. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]


def phase(policy: str, init: Sequence[Body], containers: Sequence[Body], *, init_done: bool) -> str:
    """Pending, Running, Succeeded or Failed, from container statuses; `policy` is the pod's restartPolicy."""
    if not init_done:
        return "Failed" if any(policy == "Never" and _code(status) for status in init) else "Pending"
    if any("waiting" in status["state"] and not status["lastState"] for status in containers):
        return "Pending"
    if all(_ended_for_good(policy, status) for status in containers):
        return "Failed" if any(map(_code, containers)) else "Succeeded"
    return "Running"


def _ended_for_good(policy: str, status: Body) -> bool:
    if "terminated" not in status["state"] or policy == "Always":
        return False
    return policy == "Never" or not _code(status)


def _code(status: Body) -> int:
    return int((status["state"].get("terminated") or {}).get("exitCode") or 0)


def conditions(
    pod: Body, phase: str, init: Sequence[Body], containers: Sequence[Body], *, now: str, init_done: bool, sandbox: bool
) -> list[dict[str, Any]]:
    """The kubelet's conditions, for a strategic merge; a time stays where the status does. `sandbox`: address and volumes are there."""
    before = {item["type"]: item for item in (pod.get("status") or {}).get("conditions") or ()}
    generation = pod["metadata"].get("generation", 1)

    def condition(kind: str, reason: str = "", message: str = "", *, holds: bool | None = None) -> dict[str, Any]:
        status = "True" if (not reason if holds is None else holds) else "False"
        old = before.get(kind) or {}
        time = old["lastTransitionTime"] if old.get("status") == status else now
        return {
            "type": kind,
            "status": status,
            "lastProbeTime": None,
            "lastTransitionTime": time,
            "observedGeneration": generation,
            # Null removes what an earlier status said.
            "reason": reason or None,
            "message": message or None,
        }

    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
    unready = [status["name"] for status in containers if not status["ready"]]
    why = (
        (ended, "") if ended else ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]") if unready else ("", "")
    )
    waits = [status["name"] for status in init if not status["ready"]]
    not_initialized = ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waits)}]")
    initialized = (ended if phase == "Succeeded" else "", "") if init_done else not_initialized
    return [
        condition("PodReadyToStartContainers", holds=sandbox and not ended),
        condition("Initialized", *initialized, holds=init_done),
        condition("Ready", *(why if why[0] else _gates(pod, before))),
        condition("ContainersReady", *why),
    ]


def _gates(pod: Body, before: Mapping[str, Body]) -> tuple[str, str]:
    """Why the pod's own readiness gates hold it back, if they do."""
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    texts = [
        f'corresponding condition of pod readiness gate "{gate}" does not exist.'
        if gate not in before
        else f'the status of pod readiness gate "{gate}" is not "True", but {before[gate]["status"]}'
        for gate in gates
        if (before.get(gate) or {}).get("status") != "True"
    ]
    return ("ReadinessGatesNotReady", ", ".join(texts)) if texts else ("", "")
