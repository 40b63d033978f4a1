"""What pods ask for, in exact numbers. Pure.

A pod needs what its containers need together, or what its hungriest init container needs, whichever is more; an init container that
keeps running (restartPolicy Always) counts beside the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal

from localcluster import quantity

Body = Mapping[str, Any]
Side = Literal["requests", "limits"]
Amounts = dict[str, Fraction]

COMPUTE = ("cpu", "memory", "ephemeral-storage")


def pod_amounts(spec: Body, side: Side) -> Amounts:
    """By resource: cores, bytes."""
    running: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container, side)
        if container.get("restartPolicy") == "Always":
            running = _sum(running, asked)
            peak = _most(peak, running)
        else:
            peak = _most(peak, _sum(running, asked))
    for container in spec["containers"]:
        running = _sum(running, _asked(container, side))
    return _most(peak, running)


def pod_usage(pod: Body) -> Amounts:
    """What a running pod adds to a quota, by the quota's names."""
    found: Amounts = {"pods": Fraction(1)}
    for resource, amount in pod_amounts(pod["spec"], "requests").items():
        found[f"requests.{resource}"] = amount
        if resource in COMPUTE:
            found[resource] = amount
    found.update({f"limits.{resource}": amount for resource, amount in pod_amounts(pod["spec"], "limits").items()})
    return found


def total(usages: Iterable[Amounts]) -> Amounts:
    found: Amounts = {}
    for usage in usages:
        found = _sum(found, usage)
    return found


def written(amount: Fraction, like: str) -> str:
    """An amount in the family of suffixes of another quantity."""
    return str(quantity.Quantity(amount, quantity.parse(like).family))


def _asked(container: Body, side: Side) -> Amounts:
    asked = (container.get("resources") or {}).get(side) or {}
    return {name: quantity.parse(amount).value for name, amount in asked.items()}


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, Fraction(0)) + other.get(name, Fraction(0)) for name in one.keys() | other.keys()}


def _most(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, Fraction(0)), other.get(name, Fraction(0))) for name in one.keys() | other.keys()}
