"""Small shapes that controllers write and read: owners, conditions, times, the states of a pod. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Body = Mapping[str, Any]

MANAGER = "kube-controller-manager"
TEMPLATE_HASH = "pod-template-hash"
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, so no words."""


def reference(owner: Body) -> dict[str, Any]:
    """The ownerReference of a controller."""
    meta = owner["metadata"]
    address = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**address, "controller": True, "blockOwnerDeletion": True}


def controller_of(body: Body) -> Body | None:
    """The reference of the one owner that manages the object."""
    return next((owner for owner in body["metadata"].get("ownerReferences") or () if owner.get("controller")), None)


def alive(body: Body) -> bool:
    return "deletionTimestamp" not in body["metadata"]


def labels_of(body: Body) -> Body:
    return body["metadata"].get("labels") or {}


def annotations_of(body: Body) -> Body:
    return body["metadata"].get("annotations") or {}


def parse_time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def letters(value: Any, count: int = 10) -> str:
    """A digest of JSON data in the letters of generated names."""
    raw = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in raw[:count])


def template_hash(template: Body, collisions: int = 0) -> str:
    """Stands for Kubernetes' hash of a pod template. `collisions`: how often the name that it leads to was another's."""
    return letters([template, collisions] if collisions else template)


def condition(kind: str, holds: bool, reason: str, message: str, now: str, *, time: str = "lastUpdateTime") -> dict[str, Any]:
    """A condition of a workload; `time` names its second time."""
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now, time: now}


def conditions_of(body: Body) -> dict[str, Body]:
    """By type."""
    return {each["type"]: each for each in (body.get("status") or {}).get("conditions") or ()}


def is_ready(pod: Body) -> bool:
    ready = conditions_of(pod).get("Ready")
    return ready is not None and ready["status"] == "True"


def ready_for(pod: Body, now: datetime) -> float:
    """For how many seconds a pod has been ready; -1 where it is not."""
    if not is_ready(pod):
        return -1
    since = conditions_of(pod)["Ready"].get("lastTransitionTime")
    return max(0.0, (now - parse_time(since)).total_seconds()) if since else 0


def is_finished(pod: Body) -> bool:
    """Whether its containers have all ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


_TIMES = ("lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startTime", "completionTime", "startedAt", "finishedAt")


def keep_times(old: Any, new: Any) -> Any:
    """`new`, but what says the same as in `old` keeps its times, and a condition whose status is the same the time of its transition."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged = {name: keep_times(old.get(name), value) for name, value in new.items()}
        if all(merged.get(name) == old.get(name) for name in merged.keys() | old.keys() if name not in _TIMES):
            return {**merged, **{name: old[name] for name in _TIMES if name in old and name in merged}}
        if "type" in old and "lastTransitionTime" in old and old.get("status") == merged.get("status"):
            return {**merged, "lastTransitionTime": old["lastTransitionTime"]}
        return merged
    if isinstance(old, list) and isinstance(new, list):
        known = {item["type"]: item for item in old if isinstance(item, Mapping) and "type" in item}
        if known:
            return [keep_times(known.get(item["type"]), item) for item in new]
        if len(old) == len(new):
            return [keep_times(before, after) for before, after in zip(old, new, strict=True)]
    return new
