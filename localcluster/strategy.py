"""What the server itself sets on a write: identity, generation, addresses, finalizers, and which half of the object the write reaches.

Source: PrepareForCreate and PrepareForUpdate of each registry strategy, and the default admission plugins that fill things in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcluster.defaults import TEMPLATE_GENERATION
from localcluster.errors import ApiError
from localcluster.pools import Exhausted, Pool
from localcluster.schema import Kind

Body = dict[str, Any]
Look = Callable[[str], Iterable[Mapping[str, Any]]]
"""All objects of a kind."""

PVC_PROTECTION = "kubernetes.io/pvc-protection"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_CLASS_BETA = "storageclass.beta.kubernetes.io/is-default-class"


@dataclass(slots=True)
class Surroundings:
    """What the strategies draw on: the cluster's defaults and its address pools.

    `storage_class` and `expandable` speak of storage classes that are no objects: the name of the default one, where there are no
    StorageClass objects, and whether claims may grow whatever their class.
    """

    storage_class: str = "standard"
    expandable: bool = False
    addresses: Pool[str] = field(default_factory=lambda: Pool(60_000, lambda n: f"10.96.{n // 250 + 1}.{n % 250 + 1}"))
    node_ports: Pool[int] = field(default_factory=lambda: Pool(2768, lambda n: 30_000 + n))


def prepare_create(kind: Kind, body: Body, around: Surroundings, look: Look) -> None:
    """In place, after defaulting and bookkeeping: nobody owns what is set here."""
    if kind.generation:
        body["metadata"]["generation"] = 1
    if kind.status and kind.name != "Node":  # A node is registered with the state it is in.
        body["status"] = _FIRST_STATUS.get(kind.name, {})
    match kind.name:
        case "Namespace":
            body["spec"] = {"finalizers": ["kubernetes"]}
        case "Service":
            _addresses(body, around, list(look("Service")))
            body["status"] = {"loadBalancer": {}}
        case "PersistentVolumeClaim":
            _storage_class(body, around, list(look("StorageClass")))
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


def _storage_class(body: Body, around: Surroundings, classes: list[Mapping[str, Any]]) -> None:
    if "storageClassName" in body["spec"]:
        return
    # The newest default, and of these the first by name: hence the stable sorts.
    defaults = sorted((each["metadata"] for each in classes if is_default_class(each)), key=lambda meta: meta["name"])
    defaults.sort(key=lambda meta: meta["creationTimestamp"], reverse=True)
    name = defaults[0]["name"] if defaults else "" if classes else around.storage_class
    if name:
        body["spec"]["storageClassName"] = name


def is_default_class(storage_class: Mapping[str, Any]) -> bool:
    annotations = storage_class["metadata"].get("annotations") or {}
    return "true" in (annotations.get(DEFAULT_CLASS), annotations.get(_DEFAULT_CLASS_BETA))


def expandable(claim: Mapping[str, Any], around: Surroundings, look: Look) -> bool:
    """Whether a claim may grow: its class says so."""
    name = claim["spec"].get("storageClassName")
    return around.expandable or any(each.get("allowVolumeExpansion") for each in look("StorageClass") if each["metadata"]["name"] == name)


def _addresses(body: Body, around: Surroundings, services: list[Mapping[str, Any]]) -> None:
    spec = body["spec"]
    if spec["type"] == "ExternalName":
        return
    try:
        if not spec.get("clusterIP"):
            spec["clusterIP"] = around.addresses.take({service["spec"].get("clusterIP") for service in services})
    except Exhausted as error:
        raise ApiError.internal("failed to allocate a serviceIP: range is full") from error
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _node_ports(spec, around, services)


def _node_ports(spec: Body, around: Surroundings, services: list[Mapping[str, Any]]) -> None:
    used = {port.get("nodePort") for service in services for port in service["spec"].get("ports") or ()}
    try:
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = around.node_ports.take(used)
                used.add(port["nodePort"])
    except Exhausted as error:
        raise ApiError.internal("failed to allocate a nodePort: range is full") from error


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
    resources = [container.get("resources") or {} for container in spec["containers"] or ()]
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
    if kind.generation and _changed(kind, old, new):
        after["generation"] = before["generation"] + 1


def _changed(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether what the generation counts has changed: the spec, as a rule."""
    before, after = old["metadata"], new["metadata"]
    if kind.name == "EndpointSlice":
        return {**old, "metadata": before.get("labels")} != {**new, "metadata": after.get("labels")}
    if kind.name == "Deployment" and before.get("annotations") != after.get("annotations"):
        return True
    return old.get("spec") != new.get("spec")


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
