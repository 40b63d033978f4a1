"""Quotas: how much a tenant, and the platform as a whole, may hold. Pure arithmetic; the locks are the use case's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from app.domain.errors import InvalidIntent, QuotaExceeded
from app.domain.plans import Plan

UNITS = {"stores": "stores", "cpu": "millicores of CPU", "memory": "MiB of memory", "disk": "GiB of disk"}


@dataclass(frozen=True, slots=True)
class Amount:
    """Stores, CPU (millicores), memory (MiB), disk (GiB): a use, a request or a limit."""

    stores: int = 0
    cpu: int = 0
    memory: int = 0
    disk: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.stores + other.stores, self.cpu + other.cpu, self.memory + other.memory, self.disk + other.disk)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.stores - other.stores, self.cpu - other.cpu, self.memory - other.memory, self.disk - other.disk)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


RESOURCES = tuple(field.name for field in fields(Amount))


@dataclass(frozen=True, slots=True)
class Override:
    """A limit set by an operator for one tenant, with an optional end. Fields that are None leave the default."""

    stores: int | None = None
    cpu: int | None = None
    memory: int | None = None
    disk: int | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        for resource in RESOURCES:
            value = getattr(self, resource)
            if value is not None and value < 0:
                raise InvalidIntent(f"A limit cannot be negative: {resource}={value}.", field=resource, rule="not_negative")


def cost(plan: Plan) -> Amount:
    """What one store of this plan counts for."""
    return Amount(1, plan.cpu, plan.memory, plan.disk)


def total(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


def effective_limit(default: Amount, override: Override | None, *, now: datetime) -> Amount:
    """The limit in force: the default, changed by the override's fields while it has not expired."""
    if override is None or (override.expires_at is not None and override.expires_at <= now):
        return default
    values = {name: getattr(override, name) for name in RESOURCES}
    return Amount(**{name: getattr(default, name) if value is None else value for name, value in values.items()})


def exceeded(limit: Amount, used: Amount) -> tuple[str, ...]:
    """The resources whose use is beyond the limit (a limit may be lowered below use: nothing is taken away, growth is blocked)."""
    return tuple(name for name in RESOURCES if getattr(used, name) > getattr(limit, name))


def check_quota(limit: Amount, used: Amount, requested: Amount, *, scope: str) -> None:
    """Raise QuotaExceeded for the first resource that grows beyond its limit.

    `requested` may be negative (a smaller plan) and is then always allowed: giving back must work for those over their quota.
    `scope` is "tenant" or "platform".
    """
    for name in RESOURCES:
        wanted = getattr(requested, name)
        if wanted <= 0:
            continue
        allowed, taken = getattr(limit, name), getattr(used, name)
        if taken + wanted > allowed:
            whose = "your quota" if scope == "tenant" else "the platform's capacity"
            raise QuotaExceeded(
                f"{whose.capitalize()} of {allowed} {UNITS[name]} would be exceeded: {taken} in use, {wanted} more asked for. "
                + (
                    "Delete a store, choose a smaller plan, or ask for a higher quota."
                    if scope == "tenant"
                    else "Ask the operator for more room."
                ),
                scope=scope,
                resource=name,
                limit=allowed,
                used=taken,
                requested=wanted,
            )
