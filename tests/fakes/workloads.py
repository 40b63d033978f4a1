"""Workload controllers for the fake cluster: Deployments, StatefulSets, DaemonSets and Jobs get their pods, and their status.

A roll-out is instant: old pods go once the new ones are ready (with Recreate, at once).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from localcluster.collector import MANAGER
from localcluster.selectors import matches
from tests.fakes.desk import Body, Desk, condition, reference

_REVISION = "deployment.kubernetes.io/revision"


def deployment(desk: Desk, deployment: Body) -> None:
    spec, meta = deployment["spec"], deployment["metadata"]
    digest = template_hash(spec["template"])
    sets = desk.children("ReplicaSet", deployment)
    name = f"{meta['name']}-{digest}"
    current = next((body for body in sets if body["metadata"]["name"] == name), None)
    if current is None:
        current = _make_replica_set(desk, deployment, name, digest, 1 + max(map(_revision, sets), default=0))
    elif _revision(current) < max(map(_revision, sets)):
        desk.patch("ReplicaSet", current, {"metadata": {"annotations": {_REVISION: str(1 + max(map(_revision, sets)))}}})
    if current["spec"]["replicas"] != spec["replicas"]:
        desk.patch("ReplicaSet", current, {"spec": {"replicas": spec["replicas"]}})
    current = desk.get("ReplicaSet", name)
    ready = current["status"].get("readyReplicas", 0)
    for old in sets:
        recreate = spec["strategy"]["type"] == "Recreate"
        if old["metadata"]["name"] != name and old["spec"]["replicas"] and (recreate or ready >= spec["replicas"]):
            desk.patch("ReplicaSet", old, {"spec": {"replicas": 0}})
    _deployment_status(desk, deployment, current)


def _make_replica_set(desk: Desk, deployment: Body, name: str, digest: str, revision: int) -> Body:
    spec, meta = deployment["spec"], deployment["metadata"]
    template = spec["template"]
    labels = {**(template["metadata"].get("labels") or {}), "pod-template-hash": digest}
    body = {
        "metadata": {
            "labels": labels,
            "annotations": {
                **(meta.get("annotations") or {}),
                _REVISION: str(revision),
                "deployment.kubernetes.io/desired-replicas": str(spec["replicas"]),
            },
            "ownerReferences": [reference("Deployment", deployment)],
        },
        "spec": {
            "replicas": spec["replicas"],
            "selector": {"matchLabels": {**(spec["selector"].get("matchLabels") or {}), "pod-template-hash": digest}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }
    return desk.ensure("ReplicaSet", name, body)


def _deployment_status(desk: Desk, deployment: Body, current: Body) -> None:
    meta, wanted = deployment["metadata"], deployment["spec"]["replicas"]
    sets = desk.children("ReplicaSet", deployment)
    total = sum(body["status"].get("replicas", 0) for body in sets)
    ready = sum(body["status"].get("readyReplicas", 0) for body in sets)
    updated, available = current["status"].get("replicas", 0), ready >= wanted
    rolled_out = available and updated == wanted and total == updated
    name, now = current["metadata"]["name"], desk.now()
    conditions = [
        condition("Available", available, "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
        if available
        else condition("Available", False, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now),
        condition("Progressing", True, "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.', now)
        if rolled_out
        else condition("Progressing", True, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', now),
    ]
    counts = {"replicas": total, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}
    status = {
        **counts,
        "unavailableReplicas": max(0, wanted - ready),
        "observedGeneration": meta["generation"],
        "conditions": conditions,
    }
    desk.write_status("Deployment", deployment, status, annotations={_REVISION: str(_revision(current))})


def replica_set(desk: Desk, owner: Body) -> None:
    pods, wanted = desk.children("Pod", owner), owner["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        _make_pod(desk, reference("ReplicaSet", owner), owner["spec"]["template"], generate=f"{owner['metadata']['name']}-")
    for pod in pods[wanted:]:
        desk.store.delete("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
    pods = desk.children("Pod", owner)
    ready = sum(map(_is_ready, pods))
    labelled = sum(matches({"matchLabels": owner["spec"]["template"]["metadata"]["labels"]}, pod["metadata"]["labels"]) for pod in pods)
    counts = {"replicas": len(pods), "fullyLabeledReplicas": labelled, "readyReplicas": ready, "availableReplicas": ready}
    desk.write_status("ReplicaSet", owner, {**counts, "observedGeneration": owner["metadata"]["generation"]})


def stateful_set(desk: Desk, owner: Body) -> None:
    spec, meta = owner["spec"], owner["metadata"]
    revision = f"{meta['name']}-{template_hash(spec['template'])}"
    wanted = [f"{meta['name']}-{number}" for number in range(spec["replicas"])]
    pods = {pod["metadata"]["name"]: pod for pod in desk.children("Pod", owner)}
    for name, pod in pods.items():
        if name not in wanted or pod["metadata"]["labels"].get("controller-revision-hash") != revision:
            desk.store.delete("Pod", meta["namespace"], name)
    present = {pod["metadata"]["name"] for pod in desk.all("Pod")}
    for number, name in enumerate(wanted):
        if name in present:
            continue
        labels = {
            "apps.kubernetes.io/pod-index": str(number),
            "controller-revision-hash": revision,
            "statefulset.kubernetes.io/pod-name": name,
        }
        _make_pod(desk, reference("StatefulSet", owner), _with_claims(desk, owner, number), name=name, labels=labels)
    pods = {pod["metadata"]["name"]: pod for pod in desk.children("Pod", owner)}
    ready = sum(map(_is_ready, pods.values()))
    status = {
        "replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready, "currentReplicas": len(pods),
        "updatedReplicas": len(pods), "currentRevision": revision, "updateRevision": revision, "collisionCount": 0,
        "observedGeneration": meta["generation"],
    }  # fmt: skip
    desk.write_status("StatefulSet", owner, status)


def _with_claims(desk: Desk, owner: Body, number: int) -> Body:
    template = owner["spec"]["template"]
    volumes: list[Any] = list(template["spec"].get("volumes") or ())
    for claim in owner["spec"].get("volumeClaimTemplates") or ():
        name = f"{claim['metadata']['name']}-{owner['metadata']['name']}-{number}"
        body = {"metadata": {"labels": owner["spec"]["selector"].get("matchLabels")}, "spec": claim["spec"]}
        desk.ensure("PersistentVolumeClaim", name, body)
        volumes.append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}})
    return {**template, "spec": {**template["spec"], "volumes": volumes}}


def daemon_set(desk: Desk, owner: Body) -> None:
    pods = desk.children("Pod", owner)
    if not pods:
        _make_pod(desk, reference("DaemonSet", owner), owner["spec"]["template"], generate=f"{owner['metadata']['name']}-")
        pods = desk.children("Pod", owner)
    ready = sum(map(_is_ready, pods))
    counts = {"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "updatedNumberScheduled": 1}
    status = {**counts, "numberReady": ready, "numberAvailable": ready, "observedGeneration": owner["metadata"]["generation"]}
    desk.write_status("DaemonSet", owner, status)


def job(desk: Desk, owner: Body) -> None:
    if owner["spec"].get("suspend") or any(c["type"] in ("Complete", "Failed") for c in owner["status"].get("conditions") or ()):
        return
    pods = desk.children("Pod", owner)
    if not pods:
        _make_pod(desk, reference("Job", owner), owner["spec"]["template"], generate=f"{owner['metadata']['name']}-")
        pods = desk.children("Pod", owner)
    start = owner["status"].get("startTime") or desk.now()
    phases = [pod["status"].get("phase") for pod in pods]
    if "Succeeded" in phases:
        done = condition(
            "Complete", True, "CompletionsReached", "Reached expected number of succeeded pods", desk.now(), time="lastProbeTime"
        )
        status = {"startTime": start, "completionTime": desk.now(), "succeeded": 1, "conditions": [done]}
    elif "Failed" in phases:
        message = "Job has reached the specified backoff limit"
        status = {
            "startTime": start,
            "failed": 1,
            "conditions": [condition("Failed", True, "BackoffLimitExceeded", message, desk.now())],
        }
    else:
        status = {"startTime": start, "active": len(pods), "ready": sum(map(_is_ready, pods))}
    desk.write_status("Job", owner, {**status, "terminating": 0, "uncountedTerminatedPods": {}})


def _make_pod(desk: Desk, owner: Body, template: Body, *, name: str = "", generate: str = "", labels: Body | None = None) -> None:
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {**(meta.get("labels") or {}), **(labels or {})}
    meta["ownerReferences"] = [owner]
    meta.update({"name": name} if name else {"generateName": generate})
    desk.store.create("Pod", {"metadata": meta, "spec": template["spec"]}, namespace=desk.namespace, manager=MANAGER)


def template_hash(template: Body) -> str:
    """Stands for Kubernetes' hash of a pod template: ten characters of its safe alphabet."""
    raw = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    return "".join(alphabet[byte % len(alphabet)] for byte in raw[:10])


def _revision(replica_set: Body) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(_REVISION, "0"))


def _is_ready(pod: Body) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
