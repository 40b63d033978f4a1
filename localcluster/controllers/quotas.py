"""ResourceQuotas: what they count, and what they refuse.

Usage is counted from the objects at the moment of asking, so two pods made at once cannot both take the last room. Limits: no scopes; what
a client makes through the API is counted, but only pods are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from localcluster import quantity
from localcluster.controllers.amounts import COMPUTE, Amounts, pod_usage, total, written
from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import is_finished, parse_time
from localcluster.errors import ApiError
from localcluster.schema import KINDS

Body = Mapping[str, Any]

_BY_RESOURCE = {info.resource: name for name, info in KINDS.items() if info.namespaced}
_PLAIN = ("services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas")


def quota(desk: Desk, quota: Body) -> None:
    """Its status."""
    hard = quota["spec"].get("hard") or {}
    pods = _pods_usage(desk)
    used = {name: written(_used(desk, name, pods), amount) for name, amount in hard.items()}
    desk.write_status("ResourceQuota", quota, {"hard": hard, "used": used})


def check(desk: Desk, pod: Body) -> None:
    """ApiError 403, in the API server's words, where a quota has no room for a new pod, or cannot tell what it needs."""
    asked = {**pod_usage(pod), "count/pods": Fraction(1)}
    for body in desk.alive("ResourceQuota"):
        hard = body["spec"].get("hard") or {}
        name = body["metadata"]["name"]
        if missing := _unstated(pod, hard):
            raise _forbidden(pod, f"failed quota: {name}: must specify {missing}")
        pods = _pods_usage(desk)
        used = {each: _used(desk, each, pods) for each in asked if each in hard}
        over = sorted(each for each in used if used[each] + asked[each] > quantity.parse(hard[each]).value)
        if over:
            requested = ",".join(f"{each}={written(asked[each], hard[each])}" for each in over)
            taken = ",".join(f"{each}={written(used[each], hard[each])}" for each in over)
            limited = ",".join(f"{each}={quantity.canonical(hard[each])}" for each in over)
            raise _forbidden(pod, f"exceeded quota: {name}, requested: {requested}, used: {taken}, limited: {limited}")


def _forbidden(pod: Body, why: str) -> ApiError:
    return ApiError.forbidden(KINDS["Pod"], pod["metadata"].get("name", ""), why)


def _unstated(pod: Body, hard: Body) -> str:
    """`limits.cpu for: web,worker; requests.cpu for: web`: what is limited must be stated by every container."""
    missing: dict[str, list[str]] = {}
    for container in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())):
        for name in hard:
            side, _, resource = name.rpartition(".")
            if resource in COMPUTE and resource not in ((container.get("resources") or {}).get(side or "requests") or {}):
                missing.setdefault(name, []).append(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(containers))}" for name, containers in sorted(missing.items()))


def _pods_usage(desk: Desk) -> Amounts:
    return total(pod_usage(pod) for pod in desk.all("Pod") if not is_finished(pod) and not _overdue(desk, pod))


def _overdue(desk: Desk, pod: Body) -> bool:
    """A pod past its grace no longer counts, even if its node has not said that it is gone."""
    end = pod["metadata"].get("deletionTimestamp")
    return bool(end) and desk.clock() > parse_time(end) + timedelta(seconds=1)


def _used(desk: Desk, name: str, pods: Amounts) -> Fraction:
    if name.startswith("count/") or name in _PLAIN:
        kind = _BY_RESOURCE.get(name.removeprefix("count/"))
        return Fraction(sum(1 for _ in desk.all(kind)) if kind else 0)
    if name == "requests.storage":
        claims = desk.all("PersistentVolumeClaim")
        asked = [((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0") for claim in claims]
        return sum((quantity.parse(amount).value for amount in asked), Fraction(0))
    return pods.get(name, Fraction(0))
