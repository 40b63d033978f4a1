"""The scheduler of a cluster whose nodes are few: each pod goes to the first node that has room, the oldest first.

Room is memory and the number of pods. CPU is shared, not portioned: nothing holds a process to its request, and a store that waits for
its turn is better than one that is refused. A pod that fits nowhere says why, in the words of kube-scheduler, and is looked at again
whenever something changes. Limits: node selectors yes; affinity, taints, priorities and preemption no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from localcluster import quantity
from localcluster.controllers.amounts import Amounts, pod_amounts, total
from localcluster.controllers.claims import claims_of
from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import alive, conditions_of, is_finished, keep_times, labels_of
from localcluster.errors import ApiError

Body = Mapping[str, Any]
DeskOf = Callable[[str], Desk]

COMPONENT, MANAGER = "default-scheduler", "kube-scheduler"
_PORTIONED = ("memory", "ephemeral-storage")
_USELESS = "preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."
_NO_VICTIMS = "preemption: 0/{0} nodes are available: {0} No preemption victims found for incoming pod."


def schedule(desk_of: DeskOf, pods: Iterator[Body], nodes: list[Body]) -> None:
    """Bind what can be bound. `pods` are all of the cluster's; only those in namespaces that `desk_of` knows are bound."""
    everyone = [pod for pod in pods if not is_finished(pod)]
    waiting = [pod for pod in everyone if _waits(pod)]
    if not waiting:
        return
    taken = {
        node["metadata"]["name"]: total(_needs(pod) for pod in everyone if pod["spec"].get("nodeName") == node["metadata"]["name"])
        for node in nodes
    }
    for pod in sorted(waiting, key=_age):
        desk = desk_of(pod["metadata"]["namespace"])
        try:
            _place(desk, pod, nodes, taken)
        except ApiError as error:
            # Gone or changed meanwhile: the change leads here again.
            if error.code not in (404, 409):
                raise


def _waits(pod: Body) -> bool:
    spec = pod["spec"]
    ours = spec.get("schedulerName", COMPONENT) == COMPONENT
    return alive(pod) and not spec.get("nodeName") and ours and not spec.get("schedulingGates")


def _age(pod: Body) -> tuple[str, str, str]:
    meta = pod["metadata"]
    return meta["creationTimestamp"], meta["namespace"], meta["name"]


def _place(desk: Desk, pod: Body, nodes: list[Body], taken: dict[str, Amounts]) -> None:
    why = _claims_missing(desk, pod)
    if why:
        _refuse(desk, pod, f"0/{len(nodes)} nodes are available: {why} {_USELESS.format(len(nodes))}" if nodes else _no_nodes())
        return
    reasons: list[str] = []
    for node in nodes:
        found = _obstacles(pod, node, taken[node["metadata"]["name"]])
        if not found:
            name = node["metadata"]["name"]
            _bind(desk, pod, name)
            taken[name] = total((taken[name], _needs(pod)))
            return
        reasons.extend(found)
    if not nodes:
        _refuse(desk, pod, _no_nodes())
        return
    counted = ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))
    _refuse(desk, pod, f"0/{len(nodes)} nodes are available: {counted}. {_NO_VICTIMS.format(len(nodes))}")


def _no_nodes() -> str:
    return "no nodes available to schedule pods"


def _claims_missing(desk: Desk, pod: Body) -> str:
    for name in claims_of(pod):
        claim = desk.find("PersistentVolumeClaim", name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found.'
        if not alive(claim):
            return f'persistentvolumeclaim "{name}" is being deleted.'
        if claim["status"].get("phase") != "Bound":
            return "pod has unbound immediate PersistentVolumeClaims."
    return ""


def _needs(pod: Body) -> Amounts:
    asked = pod_amounts(pod["spec"], "requests")
    return {"pods": Fraction(1), **{name: asked[name] for name in _PORTIONED if name in asked}}


def _obstacles(pod: Body, node: Body, taken: Amounts) -> list[str]:
    """Why a pod can't go to a node, in the scheduler's words."""
    if (node.get("spec") or {}).get("unschedulable"):
        return ["node(s) were unschedulable"]
    selector = pod["spec"].get("nodeSelector") or {}
    if not selector.items() <= labels_of(node).items():
        return ["node(s) didn't match Pod's node affinity/selector"]
    room = (node.get("status") or {}).get("allocatable") or {}
    found: list[str] = []
    for name, amount in _needs(pod).items():
        if name in room and taken.get(name, Fraction(0)) + amount > quantity.parse(room[name]).value:
            found.append("Too many pods" if name == "pods" else f"Insufficient {name}")
    return found


def _bind(desk: Desk, pod: Body, node: str) -> None:
    # The condition first: once the pod has a node its status is the kubelet's.
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": desk.now()}
    pod = _write_condition(desk, pod, condition)
    meta = pod["metadata"]
    desk.patch("Pod", pod, {"spec": {"nodeName": node}}, manager=MANAGER)
    desk.record(pod, "Scheduled", f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}", component=COMPONENT)


def _refuse(desk: Desk, pod: Body, message: str) -> None:
    condition = {
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": None, "lastTransitionTime": desk.now(),
    }  # fmt: skip
    _write_condition(desk, pod, condition)
    desk.record_again(pod, "FailedScheduling", message, component=COMPONENT)


def _write_condition(desk: Desk, pod: Body, condition: Body) -> Body:
    known = conditions_of(pod)
    generation = pod["metadata"].get("generation")
    new = keep_times(known.get("PodScheduled"), {**condition, **({"observedGeneration": generation} if generation else {})})
    if known.get("PodScheduled") == new:
        return pod
    others = [each for kind, each in known.items() if kind != "PodScheduled"]
    meta = pod["metadata"]
    patch = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, "status": {"conditions": [*others, new]}}
    return desk.store.patch("Pod", meta["namespace"], meta["name"], patch, form="merge", manager=MANAGER, subresource="status")
