"""The arithmetic of a Deployment's roll-out: how many pods which ReplicaSet may have. Pure; sizes are numbers of pods.

Source: pkg/controller/deployment/{rolling,sync}.go and util/deployment_util.go of Kubernetes 1.34.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcluster.controllers.shapes import annotations_of

Body = Mapping[str, Any]

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


def fence(deployment: Body) -> tuple[int, int]:
    """How many pods more, and how many fewer, than asked for there may be. Both none would never move, so one may then be missing."""
    spec = deployment["spec"]
    wanted = spec["replicas"]
    if spec["strategy"]["type"] != "RollingUpdate":
        return 0, 0
    rolling = spec["strategy"].get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", 0), wanted, up=True)
    unavailable = _share(rolling.get("maxUnavailable", 0), wanted, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return surge, min(unavailable, wanted)


def _share(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, str):
        share = int(value.rstrip("%")) * of
        return -(-share // 100) if up else share // 100
    return value


def size(replica_set: Body) -> int:
    return replica_set["spec"]["replicas"]


def available(replica_set: Body) -> int:
    return (replica_set.get("status") or {}).get("availableReplicas", 0)


def grown(deployment: Body, new: Body | None, sets: Sequence[Body]) -> int:
    """The size of the new ReplicaSet now; `sets` are all. Never more pods in sum than asked for and surge."""
    wanted, had = deployment["spec"]["replicas"], size(new) if new is not None else 0
    if deployment["spec"]["strategy"]["type"] != "RollingUpdate" or had > wanted:
        return wanted
    room = wanted + fence(deployment)[0] - sum(map(size, sets))
    return had if room <= 0 else had + min(room, wanted - had)


def shrunk(deployment: Body, new: Body, old: Sequence[Body]) -> dict[str, int]:
    """The new sizes of old ReplicaSets, by name, where they change. Pods that serve nobody go first, then as many as readiness allows."""
    sets = [*old, new]
    least = deployment["spec"]["replicas"] - fence(deployment)[1]
    may_go = sum(map(size, sets)) - least - (size(new) - available(new))
    if may_go <= 0 or not sum(map(size, old)):
        return {}
    sizes = {each["metadata"]["name"]: size(each) for each in old}
    for each in old:
        name = each["metadata"]["name"]
        idle = min(may_go, max(0, sizes[name] - available(each)))
        sizes[name] -= idle
        may_go -= idle
    spare = sum(map(available, sets)) - least
    for each in old:
        name = each["metadata"]["name"]
        gone = min(sizes[name], max(0, spare))
        sizes[name] -= gone
        spare -= gone
    return {each["metadata"]["name"]: sizes[each["metadata"]["name"]] for each in old if sizes[each["metadata"]["name"]] != size(each)}


def resized(deployment: Body, sets: Sequence[Body]) -> bool:
    """Whether somebody changed the Deployment's replicas since its pods were last shared out."""
    wanted = str(deployment["spec"]["replicas"])
    return any(size(each) and annotations_of(each).get(DESIRED, wanted) != wanted for each in sets)


def spread(deployment: Body, sets: Sequence[Body]) -> dict[str, int]:
    """In the midst of a roll-out, each running ReplicaSet grows or shrinks in proportion; `sets` are those that have pods, newest first."""
    most = deployment["spec"]["replicas"] + fence(deployment)[0] if deployment["spec"]["replicas"] else 0
    add = most - sum(map(size, sets))
    ordered = sorted(sets, key=size, reverse=True)  # the sort is stable: the newer of two that are as large comes first
    sizes: dict[str, int] = {}
    left = add
    for each in ordered:
        before = int(annotations_of(each).get(MAXIMUM) or (deployment.get("status") or {}).get("replicas") or most or 1)
        part = (size(each) * most + before // 2) // before - size(each) if before else 0
        part = max(0, min(part, left)) if add > 0 else min(0, max(part, left))
        sizes[each["metadata"]["name"]] = size(each) + part
        left -= part
    if ordered and left:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + left)
    return sizes
