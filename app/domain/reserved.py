"""What objects of a store hold in the cluster, by the store's parts. Pure: from the objects as they were last recorded.

As a plan counts: CPU that is guaranteed (requests), memory that may be used (limits), disk that is claimed. This is room that is kept, not
what the programs take of it at a moment, which nobody measures here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.quantities import parse_quantity
from app.domain.quotas import Amount

COMPONENT = "app.kubernetes.io/component"
KINDS = ("Deployment", "StatefulSet", "PersistentVolumeClaim")
_MEBI, _GIBI = 1024**2, 1024**3


def reserved_by(objects: Iterable[Mapping[str, Any]]) -> dict[str, Amount]:
    """By component. Objects of other kinds, and those that name no component, count nothing. A suspended workload holds nothing."""
    held: dict[str, Amount] = {}
    for live in objects:
        component = ((live.get("metadata") or {}).get("labels") or {}).get(COMPONENT)
        if component is None or live.get("kind") not in KINDS:
            continue
        held[component] = held.get(component, Amount()) + _amount(live)
    return held


def _amount(live: Mapping[str, Any]) -> Amount:
    spec = live.get("spec") or {}
    if live["kind"] == "PersistentVolumeClaim":
        return Amount(disk=_whole((spec.get("resources") or {}).get("requests"), "storage", _GIBI))
    pod = (spec.get("template") or {}).get("spec") or {}
    resources = [container.get("resources") or {} for container in pod.get("containers") or ()]
    replicas = int(spec.get("replicas", 1))
    cpu = sum(int(_quantity(one.get("requests"), "cpu") * 1000) for one in resources)
    memory = sum(_whole(one.get("limits"), "memory", _MEBI) for one in resources)
    return Amount(cpu=replicas * cpu, memory=replicas * memory)


def _whole(quantities: Any, name: str, unit: int) -> int:
    return int(_quantity(quantities, name) / unit)


def _quantity(quantities: Any, name: str) -> Any:
    return parse_quantity((quantities or {}).get(name, 0))
