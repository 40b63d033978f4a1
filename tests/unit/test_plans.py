"""Plans: what a store of each size gets."""

from __future__ import annotations

import itertools

import pytest

from app.domain.errors import InvalidIntent
from app.domain.plans import PLANS, plan_named

COMPONENTS = {"database", "backend", "storefront"}


def test_there_are_three_sizes_in_order() -> None:
    assert list(PLANS) == ["starter", "standard", "performance"]
    assert all(name == plan.name for name, plan in PLANS.items())
    for small, large in itertools.pairwise(PLANS.values()):
        assert (small.cpu, small.memory, small.disk) < (large.cpu, large.memory, large.disk)
        assert small.cpu < large.cpu
        assert small.memory < large.memory
        for name in COMPONENTS:
            assert small.components[name].disk <= large.components[name].disk, f"{name} must not shrink on the way up"


def test_every_plan_sizes_every_component() -> None:
    for plan in PLANS.values():
        assert plan.components.keys() == COMPONENTS
        assert plan.deadline > 0
        assert plan.title
        assert plan.summary.endswith(".")


@pytest.mark.parametrize("plan", PLANS)
def test_a_component_may_use_what_it_is_guaranteed_and_its_heap_fits(plan: str) -> None:
    for name, size in PLANS[plan].components.items():
        assert 0 < size.cpu_request <= size.cpu_limit, name
        assert 0 < size.memory_request <= size.memory_limit, name
        assert size.heap < size.memory_limit, name
        assert size.disk >= 0, name


def test_the_database_has_a_disk() -> None:
    assert all(plan.components["database"].disk > 0 for plan in PLANS.values())


def test_totals_are_sums_of_guaranteed_cpu_usable_memory_and_disks() -> None:
    starter = PLANS["starter"]
    assert starter.cpu == sum(size.cpu_request for size in starter.components.values())
    assert starter.memory == sum(size.memory_limit for size in starter.components.values())
    assert starter.disk == sum(size.disk for size in starter.components.values())


def test_an_unknown_plan_names_those_on_offer() -> None:
    assert plan_named("starter") is PLANS["starter"]
    with pytest.raises(InvalidIntent, match="starter, standard, performance") as refused:
        plan_named("huge")
    assert refused.value.data == {"field": "plan", "rule": "known_plan", "known": list(PLANS)}
