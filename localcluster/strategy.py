"""What the server itself sets on a write: identity, generation, addresses, finalizers, and which half of the object the write reaches.

Source: PrepareForCreate and PrepareForUpdate of each registry strategy, and the default admission plugins that fill things in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcluster.defaults import TEMPLATE_GENERATION
from localcluster.schema import Kind

Body = dict[str, Any]

PVC_PROTECTION = "kubernetes.io/pvc-protection"


@dataclass(slots=True)
class Surroundings:
    """What the strategies draw on: the cluster's defaults and its address pools."""

    storage_class: str = "standard"
    expandable: bool = False
    addresses: Iterator[str] = field(default_factory=lambda: (f"10.96.{n // 250 + 1}.{n % 250 + 1}" for n in itertools.count()))
    node_ports: Iterator[int] = field(default_factory=lambda: itertools.count(30000))


def prepare_create(kind: Kind, body: Body, around: Surroundings) -> None:
    """In place, after defaulting and bookkeeping: nobody owns what is set here."""
    if kind.generation:
        body["metadata"]["generation"] = 1
    if kind.status:
        body["status"] = _FIRST_STATUS.get(kind.name, {})
    match kind.name:
        case "Namespace":
            body["spec"] = {"finalizers": ["kubernetes"]}
        case "Service":
            _addresses(body, around)
            body["status"] = {"loadBalancer": {}}
        case "PersistentVolumeClaim":
            body["spec"].setdefault("storageClassName", around.storage_class)
            finalizers = body["metadata"].get("finalizers") or []
            body["metadata"]["finalizers"] = [*finalizers, *([] if PVC_PROTECTION in finalizers else [PVC_PROTECTION])]
        case "Job":
            _job_selector(body)
        case "Ingress":
            body["status"] = {"loadBalancer": {}}
        case "Pod":
            _pod(body)
        case "DaemonSet":
            body["metadata"]["annotations"][TEMPLATE_GENERATION] = "1"
        case _:
            pass


_FIRST_STATUS: Mapping[str, Body] = {
    "Namespace": {"phase": "Active"},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "ReplicaSet": {"replicas": 0},
    "DaemonSet": {"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0},
}


def _addresses(body: Body, around: Surroundings) -> None:
    spec = body["spec"]
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = next(around.addresses)
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = next(around.node_ports)


def _job_selector(body: Body) -> None:
    spec, meta = body["spec"], body["metadata"]
    if spec["manualSelector"]:
        return
    labels = spec["template"]["metadata"].setdefault("labels", {})
    for name, value in (("job-name", meta["name"]), ("controller-uid", meta["uid"])):
        labels.setdefault(name, value)
        labels.setdefault(f"batch.kubernetes.io/{name}", value)
    if not meta.get("labels"):
        meta["labels"] = dict(labels)
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = meta["uid"]


def _pod(body: Body) -> None:
    spec = body["spec"]
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    if not spec.get("tolerations"):
        spec["tolerations"] = [
            {"effect": "NoExecute", "key": f"node.kubernetes.io/{name}", "operator": "Exists", "tolerationSeconds": 300}
            for name in ("not-ready", "unreachable")
        ]
    body["status"] = {"phase": "Pending", "qosClass": _quality(spec)}


def _quality(spec: Mapping[str, Any]) -> str:
    resources = [container.get("resources") or {} for container in spec["containers"]]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    complete = all(
        {"cpu", "memory"} <= set(item.get("limits") or {}) and item.get("requests", item["limits"]) == item["limits"] for item in resources
    )
    return "Guaranteed" if complete else "Burstable"


def prepare_update(kind: Kind, old: Mapping[str, Any], new: Body, subresource: str) -> None:
    """In place: what this write cannot reach is put back, and the generation counted."""
    before, after = old["metadata"], new["metadata"]
    _keep(before, after, "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
    after.setdefault("uid", before["uid"])
    if subresource == "status":
        _keep(old, new, "spec")
        if kind.group == "apps":
            _keep(before, after, "labels")
        return
    if kind.status:
        _keep(old, new, "status")
    if kind.name == "Namespace":
        _keep(old, new, "spec")
    if kind.name == "Service":
        _keep_addresses(old, new)
    if kind.name == "DaemonSet" and old["spec"]["template"] != new["spec"]["template"]:
        after["annotations"][TEMPLATE_GENERATION] = str(int(before["annotations"].get(TEMPLATE_GENERATION, "0")) + 1)
    changed = old.get("spec") != new.get("spec")
    if kind.name == "Deployment":
        changed = changed or before.get("annotations") != after.get("annotations")
    if kind.generation and changed:
        after["generation"] = before["generation"] + 1


def _keep(old: Mapping[str, Any], new: Body, *names: str) -> None:
    for name in names:
        if name in old:
            new[name] = old[name]
        else:
            new.pop(name, None)


def _keep_addresses(old: Mapping[str, Any], new: Body) -> None:
    """A client that doesn't know the address leaves it out: it stays. One that changes it says so in one field."""
    before, after = old["spec"], new["spec"]
    if after["type"] == "ExternalName" or before["type"] == "ExternalName":
        return
    if not after.get("clusterIP"):
        after["clusterIP"] = before.get("clusterIP")
    if after["clusterIP"] != before.get("clusterIP") and after.get("clusterIPs") == before.get("clusterIPs"):
        after["clusterIPs"] = [after["clusterIP"]]
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if name in before and not after.get(name):
            after[name] = before[name]
