"""Where a Service's connections go: pure, from the Service and the pods (or hand-made EndpointSlices) of its namespace.

Pods are read, not the EndpointSlices that the controllers make of them: one hop less between a pod's readiness and its traffic. As with
kube-proxy, pods that are on their way out but still serve are used while there is no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Body = Mapping[str, Any]
Address = tuple[str, int]  # IPv4 address, TCP port

SERVICE_LABEL = "kubernetes.io/service-name"


def endpoints(service: Body, pods: Iterable[Body], slices: Iterable[Body] = ()) -> Mapping[int, tuple[Address, ...]]:
    """By the Service's TCP ports: the addresses to connect to, in the order of the pods' addresses; empty where nothing is ready.

    `pods` and `slices` may hold others of the namespace. The slices count for a Service without a selector only.
    """
    spec = service["spec"]
    ports = [port for port in spec.get("ports") or () if port.get("protocol", "TCP") == "TCP"]
    if spec.get("type") == "ExternalName":
        return {}
    selector = spec.get("selector")
    if not selector:
        mine = [each for each in slices if (each["metadata"].get("labels") or {}).get(SERVICE_LABEL) == service["metadata"]["name"]]
        return {port["port"]: _by_hand(port, mine) for port in ports}
    chosen = [pod for pod in pods if _selected(selector, pod) and _has_address(pod)]
    live = [pod for pod in chosen if spec.get("publishNotReadyAddresses") or (_ready(pod) and not _leaving(pod))]
    return {port["port"]: _of_pods(port, live) or _of_pods(port, [pod for pod in chosen if _ready(pod)]) for port in ports}


def _selected(selector: Mapping[str, str], pod: Body) -> bool:
    return selector.items() <= (pod["metadata"].get("labels") or {}).items()


def _has_address(pod: Body) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _leaving(pod: Body) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _of_pods(port: Body, pods: Iterable[Body]) -> tuple[Address, ...]:
    found = ((pod["status"]["podIP"], _target(port, pod)) for pod in pods)
    return tuple(sorted((address, number) for address, number in found if number))


def _target(port: Body, pod: Body) -> int | None:
    """The number in this pod: a name may be another in each."""
    wanted = port.get("targetPort") or port["port"]
    if isinstance(wanted, int):
        return wanted
    for container in pod["spec"]["containers"]:
        for offered in container.get("ports") or ():
            if offered.get("name") == wanted and offered.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return offered["containerPort"]
    return None


def _by_hand(port: Body, slices: Iterable[Body]) -> tuple[Address, ...]:
    found: set[Address] = set()
    for each in slices:
        numbers = [
            offered["port"]
            for offered in each.get("ports") or ()
            if offered.get("port") and (offered.get("name") or "") == (port.get("name") or "") and offered.get("protocol", "TCP") == "TCP"
        ]
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready", True) is not False:
                found.update((address, number) for address in endpoint["addresses"] for number in numbers)
    return tuple(sorted(found))
