"""EndpointSlices: which pods answer for a Service. One slice per set of ports that its pods resolve the named ports to.

Source: pkg/controller/endpointslice of Kubernetes 1.34. Limits: IPv4; as many endpoints in a slice as there are; Services without a
selector are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import MANAGER, alive, is_finished, is_ready, labels_of, letters, reference
from localcluster.selectors import matches

Body = Mapping[str, Any]

KIND = "EndpointSlice"
SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_US = "endpointslice-controller.k8s.io"


def endpoints(desk: Desk, service: Body) -> None:
    if service["spec"]["type"] == "ExternalName" or not service["spec"].get("selector"):
        return
    wanted = {each["metadata"]["name"]: each for each in _slices(desk, service)}
    for body in desk.owned(KIND, service):
        name, meta = body["metadata"]["name"], body["metadata"]
        new = wanted.pop(name, None)
        if new is None:
            desk.delete(KIND, body)
        elif any((body.get(each) or []) != new[each] for each in ("endpoints", "ports")) or labels_of(body) != new["metadata"]["labels"]:
            changed = {
                **body,
                "endpoints": new["endpoints"],
                "ports": new["ports"],
                "metadata": {**meta, "labels": new["metadata"]["labels"]},
            }
            desk.store.update(KIND, desk.namespace, name, changed, manager=MANAGER)
    for body in wanted.values():
        desk.create(KIND, body)


def _slices(desk: Desk, service: Body) -> Iterator[dict[str, Any]]:
    tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[str, tuple[list[Body], list[Body]]] = {}
    for pod in desk.all("Pod"):
        if is_finished(pod) or not pod["status"].get("podIP") or not matches({"matchLabels": service["spec"]["selector"]}, labels_of(pod)):
            continue
        ports = list(_ports(service, pod))
        groups.setdefault(letters(ports, 5), (ports, []))[1].append(_endpoint(pod, tolerant=tolerant))
    if not groups:
        groups[letters([], 5)] = ([], [])
    for suffix, (ports, found) in groups.items():
        yield _slice(service, suffix, ports, found)


def _ports(service: Body, pod: Body) -> Iterator[Body]:
    """As the pod resolves them; a name that no container of it declares is left out."""
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        number = target if isinstance(target, int) else _declared(pod, target, port["protocol"])
        if number is not None:
            extra = {name: port[name] for name in ("appProtocol",) if name in port}
            yield {"name": port.get("name", ""), "port": number, "protocol": port["protocol"], **extra}


def _declared(pod: Body, name: str, protocol: str) -> int | None:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return port["containerPort"]
    return None


def _endpoint(pod: Body, *, tolerant: bool) -> Body:
    meta, serving, ending = pod["metadata"], is_ready(pod), not alive(pod)
    endpoint: dict[str, Any] = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": tolerant or (serving and not ending), "serving": serving, "terminating": ending},
        "targetRef": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]},
    }
    if node := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    return endpoint


def _slice(service: Body, suffix: str, ports: list[Body], found: list[Body]) -> dict[str, Any]:
    meta = service["metadata"]
    labels = {**labels_of(service), SERVICE_NAME: meta["name"], _MANAGED_BY: _US}
    return {
        "addressType": "IPv4",
        "metadata": {"name": f"{meta['name']}-{suffix}", "labels": labels, "ownerReferences": [reference(service)]},
        "endpoints": sorted(found, key=lambda each: each["targetRef"]["uid"]),
        "ports": ports,
    }
