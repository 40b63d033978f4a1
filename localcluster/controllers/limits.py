"""LimitRanges: what a container gets that states nothing, and what no container may ask for. Limits: type Container only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcluster import quantity
from localcluster.controllers.desk import Desk
from localcluster.errors import ApiError
from localcluster.schema import KINDS

Body = Mapping[str, Any]

_ANNOTATION = "kubernetes.io/limit-ranger"


def fill(desk: Desk, pod: Body) -> dict[str, Any]:
    """The pod with the namespace's defaults. ApiError 403 where a container asks for less or more than is allowed."""
    items = [item for body in desk.alive("LimitRange") for item in body["spec"]["limits"] if item["type"] == "Container"]
    spec, noted = dict(pod["spec"]), []
    for group in ("initContainers", "containers"):
        filled: list[Body] = []
        for container in spec.get(group) or ():
            resources, said = _filled(container, items)
            filled.append({**container, "resources": resources} if resources else container)
            noted.extend(said)
        if filled:
            spec[group] = filled
    full = {**pod, "spec": spec}
    if noted:
        meta = pod["metadata"]
        notes = {**(meta.get("annotations") or {}), _ANNOTATION: f"LimitRanger plugin set: {'; '.join(noted)}"}
        full["metadata"] = {**meta, "annotations": notes}
    if broken := [why for item in items for why in _broken(full["spec"], item)]:
        text = broken[0] if len(broken) == 1 else f"[{', '.join(broken)}]"
        raise ApiError.forbidden(KINDS["Pod"], pod["metadata"].get("name", ""), text)
    return full


def _filled(container: Body, items: list[Body]) -> tuple[dict[str, Any], list[str]]:
    stated = container.get("resources") or {}
    limits = dict(stated.get("limits") or {})
    # A container that states a limit alone asks for as much: that is a default of the API, older than any limit range.
    requests = {**limits, **(stated.get("requests") or {})}
    said: list[str] = []
    for side, target, source in (("request", requests, "defaultRequest"), ("limit", limits, "default")):
        missing = {name: amount for item in items for name, amount in (item.get(source) or {}).items() if name not in target}
        if missing:
            target.update(missing)
            said.append(f"{', '.join(sorted(missing))} {side} for container {container['name']}")
    sides = {name: amounts for name, amounts in (("limits", limits), ("requests", requests)) if amounts}
    return {**stated, **sides}, said


def _broken(spec: Body, item: Body) -> Iterator[str]:
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        resources = container.get("resources") or {}
        for name, least in (item.get("min") or {}).items():
            yield from _compared("minimum", name, least, resources, ("requests", "limits"))
        for name, most in (item.get("max") or {}).items():
            yield from _compared("maximum", name, most, resources, ("limits", "requests"))


def _compared(which: str, name: str, bound: str, resources: Body, sides: tuple[str, str]) -> Iterator[str]:
    first, second = sides
    stated = (resources.get(first) or {}).get(name)
    head = f"{which} {name} usage per Container is {bound}"
    if stated is None:
        yield f"{head}.  No {first[:-1]} is specified"
        return
    for side in (first, second):
        amount = (resources.get(side) or {}).get(name)
        if amount is not None and _beyond(which, amount, bound):
            yield f"{head}, but {side[:-1]} is {quantity.canonical(amount)}"
            return


def _beyond(which: str, amount: str, bound: str) -> bool:
    there, limit = quantity.parse(amount).value, quantity.parse(bound).value
    return there < limit if which == "minimum" else there > limit
