"""Pods as controllers make and unmake them: admitted, owned, and with an event that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster.controllers import limits, quotas
from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import alive, is_finished, letters, reference
from localcluster.errors import ApiError

Body = Mapping[str, Any]

FAILED_CREATE = "FailedCreate"
_SHORTEST_LIFE = 10.0


def active(pod: Body) -> bool:
    """Neither ended nor ending."""
    return alive(pod) and not is_finished(pod)


def settled(desk: Desk, pod: Body) -> bool:
    """Whether a pod that has ended may be replaced: one that ends at once is not made anew more than every ten seconds."""
    return is_finished(pod) and desk.left(pod["metadata"]["creationTimestamp"], _SHORTEST_LIFE) <= 0


def admit(desk: Desk, pod: Body) -> dict[str, Any]:
    """The pod as the namespace's limit ranges fill it in. ApiError 403 where they or a quota refuse it."""
    filled = limits.fill(desk, pod)
    quotas.check(desk, filled)
    return filled


def make_pod(desk: Desk, owner: Body, template: Body, *, name: str = "", labels: Body | None = None) -> Body:
    """A pod from a template; without `name` one is made up. ApiError where it is refused: `refused` says whether that is worth telling."""
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {**(meta.get("labels") or {}), **(labels or {})}
    meta["ownerReferences"] = [reference(owner)]
    prefix = f"{owner['metadata']['name']}-"
    body: dict[str, Any] = {"metadata": meta, "spec": template["spec"]}
    if desk.settings.admit:
        # A refusal names the pod. The same name each time: a repeated refusal is then recognised as the same.
        meta["name"] = name or prefix + letters(owner["metadata"]["uid"], 5)
        body = admit(desk, body)
    body["metadata"] = {**body["metadata"], **({"name": name} if name else {"name": "", "generateName": prefix})}
    return desk.create("Pod", body)


def refused(error: ApiError) -> bool:
    """False where the namespace merely ends: that is no failure of the pod."""
    return not any(cause.reason == "NamespaceTerminating" for cause in error.causes)


def record_refusal(desk: Desk, owner: Body, message: str, component: str) -> None:
    desk.record_again(owner, FAILED_CREATE, message, component=component)
