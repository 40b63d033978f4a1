"""StatefulSets: pods with names and volumes that stay, made and replaced in order (or, with Parallel, at once).

Source: pkg/controller/statefulset/stateful_set_control.go of Kubernetes 1.34. A pod's name is free once the pod is really gone, so a
successor is never made beside it. Limits: no ControllerRevisions: a pod below the partition that is lost comes back with the present
template; claims outlive their set whatever persistentVolumeClaimRetentionPolicy says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.controllers.desk import Desk
from localcluster.controllers.pods import make_pod, record_refusal, refused, settled
from localcluster.controllers.replicasets import available
from localcluster.controllers.shapes import alive, is_finished, is_ready, labels_of, template_hash
from localcluster.errors import ApiError

Body = Mapping[str, Any]

COMPONENT = "statefulset-controller"
REVISION = "controller-revision-hash"


@dataclass(slots=True)
class _Set:
    """One look at a StatefulSet. `pods` by their number, those that are ending too."""

    desk: Desk
    body: Body
    revision: str
    pods: dict[int, Body]

    @property
    def ordered(self) -> bool:
        return self.body["spec"].get("podManagementPolicy") != "Parallel"

    @property
    def numbers(self) -> range:
        start = (self.body["spec"].get("ordinals") or {}).get("start", 0)
        return range(start, start + self.body["spec"]["replicas"])

    def name(self, number: int) -> str:
        return f"{self.body['metadata']['name']}-{number}"

    def healthy(self, pod: Body) -> bool:
        return alive(pod) and pod["status"].get("phase") == "Running" and is_ready(pod)

    def available(self, pod: Body) -> bool:
        return self.healthy(pod) and available(self.desk, [pod], self.body["spec"].get("minReadySeconds", 0)) == 1


def stateful_set(desk: Desk, owner: Body) -> None:
    name = owner["metadata"]["name"]
    found: dict[int, Body] = {}
    for pod in desk.claim("Pod", owner, owner["spec"]["selector"], fits=lambda pod: _number(name, pod) is not None):
        if (number := _number(name, pod)) is not None:
            found[number] = pod
    state = _Set(desk, owner, f"{name}-{template_hash(owner['spec']['template'])}", found)
    if _fill(state) and _shrink(state) and owner["spec"]["updateStrategy"]["type"] == "RollingUpdate":
        _update(state)
    _write_status(state)


def _number(name: str, pod: Body) -> int | None:
    prefix, _, number = pod["metadata"]["name"].rpartition("-")
    return int(number) if prefix == name and number.isdigit() and str(int(number)) == number else None


def _fill(state: _Set) -> bool:
    """Every pod that should be there. False where, in order, a later one has to wait for an earlier one."""
    for number in state.numbers:
        pod = state.pods.get(number)
        if pod is None:
            if not _make(state, number) or state.ordered:
                return False
        elif alive(pod) and is_finished(pod):
            if settled(state.desk, pod):
                _delete(state, pod)
            if state.ordered:
                return False
        elif state.ordered and not state.available(pod):
            return False
    return True


def _make(state: _Set, number: int) -> bool:
    desk, name = state.desk, state.name(number)
    labels = {"apps.kubernetes.io/pod-index": str(number), REVISION: state.revision, "statefulset.kubernetes.io/pod-name": name}
    try:
        template = _addressed(_with_claims(state, number), name, state.body["spec"].get("serviceName", ""))
        pod = make_pod(desk, state.body, template, name=name, labels=labels)
    except ApiError as error:
        if refused(error):
            message = f"create Pod {name} in StatefulSet {state.body['metadata']['name']} failed error: {error.message}"
            record_refusal(desk, state.body, message, COMPONENT)
        return False
    state.pods[number] = pod
    _record(state, f"create Pod {name} in StatefulSet {state.body['metadata']['name']} successful", "SuccessfulCreate")
    return True


def _addressed(template: Body, name: str, service: str) -> Body:
    return {**template, "spec": {**template["spec"], "hostname": name, **({"subdomain": service} if service else {})}}


def _with_claims(state: _Set, number: int) -> Body:
    """The pod's own claims are made, and take the place of volumes of their names."""
    template, owner = state.body["spec"]["template"], state.body
    volumes: dict[str, Body] = {volume["name"]: volume for volume in template["spec"].get("volumes") or ()}
    for claim in owner["spec"].get("volumeClaimTemplates") or ():
        title = claim["metadata"]["name"]
        name = f"{title}-{state.name(number)}"
        if state.desk.find("PersistentVolumeClaim", name) is None:
            labels = {**labels_of(claim), **(owner["spec"]["selector"].get("matchLabels") or {})}
            meta = {"name": name, "labels": labels, "annotations": claim["metadata"].get("annotations") or {}}
            state.desk.create("PersistentVolumeClaim", {"metadata": meta, "spec": claim["spec"]})
            set_name = owner["metadata"]["name"]
            _record(state, f"create Claim {name} Pod {state.name(number)} in StatefulSet {set_name} success", "SuccessfulCreate")
        volumes[title] = {"name": title, "persistentVolumeClaim": {"claimName": name}}
    return {**template, "spec": {**template["spec"], "volumes": list(volumes.values())}} if volumes else template


def _shrink(state: _Set) -> bool:
    """Pods beyond the number asked for go, the highest first. False where, in order, one is still going."""
    for number in sorted(set(state.pods) - set(state.numbers), reverse=True):
        pod = state.pods[number]
        if alive(pod):
            _delete(state, pod)
        if state.ordered:
            return False
    return True


def _update(state: _Set) -> None:
    """One pod of another template goes at a time, the highest first, and only while those above it are well."""
    rolling = state.body["spec"]["updateStrategy"].get("rollingUpdate") or {}
    numbers = state.numbers
    for number in reversed(range(numbers.start + rolling.get("partition", 0), numbers.stop)):
        pod = state.pods.get(number)
        if pod is None:
            return
        if alive(pod) and labels_of(pod).get(REVISION) != state.revision:
            _delete(state, pod)
            return
        if not state.healthy(pod):
            return


def _delete(state: _Set, pod: Body) -> None:
    name = pod["metadata"]["name"]
    state.desk.delete("Pod", pod)
    _record(state, f"delete Pod {name} in StatefulSet {state.body['metadata']['name']} successful", "SuccessfulDelete")


def _record(state: _Set, message: str, reason: str) -> None:
    state.desk.record(state.body, reason, message, component=COMPONENT)


def _write_status(state: _Set) -> None:
    desk, owner = state.desk, state.body
    pods = [pod for pod in desk.owned("Pod", owner) if _number(owner["metadata"]["name"], pod) is not None]
    up = [pod for pod in pods if state.healthy(pod)]
    current = (owner.get("status") or {}).get("currentRevision") or state.revision
    here = [labels_of(pod).get(REVISION) for pod in pods if alive(pod)]
    status: dict[str, Any] = {
        "replicas": len(pods),
        "readyReplicas": len(up),
        "availableReplicas": available(desk, up, owner["spec"].get("minReadySeconds", 0)),
        "currentReplicas": here.count(current),
        "updatedReplicas": here.count(state.revision),
        "currentRevision": current,
        "updateRevision": state.revision,
        "collisionCount": 0,
        "observedGeneration": owner["metadata"]["generation"],
    }
    rolling = owner["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    if rolling and status["updatedReplicas"] == status["readyReplicas"] == status["replicas"] == owner["spec"]["replicas"]:
        status.update(currentReplicas=status["updatedReplicas"], currentRevision=state.revision)
    zeros = ("replicas", "availableReplicas", "collisionCount")
    kept = {name: value for name, value in status.items() if value or name in zeros}
    desk.write_status("StatefulSet", owner, kept)
