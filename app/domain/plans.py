"""Plans: how large a store is. A plan's figures are what a quota counts and what the templates hand to each component.

CPU counts as what is guaranteed (requests), memory as what may be used (limits: memory is not given back), disk as claimed volumes.
The backend's memory leaves room above what Medusa 2.18.0 takes at its peak with the heap that goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.errors import InvalidIntent


@dataclass(frozen=True, slots=True)
class ComponentSize:
    """One component's share: CPU in millicores, memory, heap in MiB, disk in GiB."""

    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int
    heap: int = 0
    disk: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A size on offer. `deadline` is how many seconds a provisioning may take before it counts as failed."""

    name: str
    title: str
    summary: str
    deadline: int
    components: Mapping[str, ComponentSize]

    @property
    def cpu(self) -> int:
        """Millicores guaranteed to the whole store."""
        return sum(size.cpu_request for size in self.components.values())

    @property
    def memory(self) -> int:
        """MiB the whole store may use."""
        return sum(size.memory_limit for size in self.components.values())

    @property
    def disk(self) -> int:
        """GiB claimed by the store's volumes."""
        return sum(size.disk for size in self.components.values())


PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            "starter",
            "Starter",
            "A shop that is getting going: up to some hundred orders a day.",
            600,
            {
                "database": ComponentSize(50, 1000, 96, 256, disk=4),
                "backend": ComponentSize(100, 2000, 320, 512, heap=256, disk=1),
                "storefront": ComponentSize(50, 500, 64, 128),
            },
        ),
        Plan(
            "standard",
            "Standard",
            "A busy shop: twice the memory, five times the disk.",
            600,
            {
                "database": ComponentSize(100, 1000, 192, 512, disk=20),
                "backend": ComponentSize(250, 2000, 448, 1024, heap=512, disk=5),
                "storefront": ComponentSize(100, 1000, 64, 256),
            },
        ),
        Plan(
            "performance",
            "Performance",
            "Campaigns and large catalogues: guaranteed cores, room for 80 GiB of data.",
            900,
            {
                "database": ComponentSize(500, 2000, 512, 1024, disk=60),
                "backend": ComponentSize(750, 4000, 768, 2048, heap=1024, disk=20),
                "storefront": ComponentSize(250, 2000, 128, 512),
            },
        ),
    )
}


def plan_named(name: str) -> Plan:
    """The plan, or InvalidIntent that lists those on offer."""
    try:
        return PLANS[name]
    except KeyError:
        raise InvalidIntent(
            f"There is no plan {name!r}. Choose one of: {', '.join(PLANS)}.", field="plan", rule="known_plan", known=list(PLANS)
        ) from None
