"""Quotas as arithmetic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidIntent, QuotaExceeded
from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, UNITS, Amount, Override, check_quota, cost, effective_limit, exceeded, total

NOW = datetime(2026, 3, 1, tzinfo=UTC)
figures = st.integers(0, 10_000)
amounts = st.builds(Amount, figures, figures, figures, figures)
signed = st.builds(Amount, *[st.integers(-10_000, 10_000)] * 4)


@given(amounts, amounts)
def test_sums_and_differences_are_inverse(one: Amount, other: Amount) -> None:
    assert one + other - other == one
    assert one + other == other + one == total([one, other])


def test_nothing_sums_to_nothing() -> None:
    assert total([]) == Amount()


@given(amounts, amounts, signed)
def test_a_request_is_refused_exactly_where_something_grows_beyond_its_limit(limit: Amount, used: Amount, requested: Amount) -> None:
    beyond = [
        name for name in RESOURCES if getattr(requested, name) > 0 and getattr(used, name) + getattr(requested, name) > getattr(limit, name)
    ]
    if not beyond:
        check_quota(limit, used, requested, scope="tenant")
        return
    with pytest.raises(QuotaExceeded) as refused:
        check_quota(limit, used, requested, scope="tenant")
    name = beyond[0]
    assert refused.value.data == {
        "scope": "tenant",
        "resource": name,
        "limit": getattr(limit, name),
        "used": getattr(used, name),
        "requested": getattr(requested, name),
    }


@given(amounts, amounts)
def test_giving_back_is_always_allowed(limit: Amount, used: Amount) -> None:
    check_quota(limit, used, Amount() - used, scope="tenant")


@given(amounts, amounts)
def test_what_passed_the_check_exceeds_nothing(limit: Amount, requested: Amount) -> None:
    try:
        check_quota(limit, Amount(), requested, scope="platform")
    except QuotaExceeded:
        assert exceeded(limit, requested)
    else:
        assert exceeded(limit, requested) == ()


@pytest.mark.parametrize(("scope", "advice"), [("tenant", "Delete a store"), ("platform", "Ask the operator")])
def test_a_refusal_tells_what_to_do(scope: str, advice: str) -> None:
    with pytest.raises(QuotaExceeded, match=advice) as refused:
        check_quota(Amount(), Amount(), Amount(stores=1), scope=scope)
    assert UNITS["stores"] in refused.value.message


@given(amounts, st.dictionaries(st.sampled_from(RESOURCES), figures))
def test_an_override_changes_its_own_fields_alone(default: Amount, values: dict[str, int]) -> None:
    assert effective_limit(default, Override(**values), now=NOW) == replace(default, **values)


def test_without_an_override_the_default_holds() -> None:
    assert effective_limit(Amount(1, 2, 3, 4), None, now=NOW) == Amount(1, 2, 3, 4)


@pytest.mark.parametrize(("left", "holds"), [(timedelta(seconds=1), True), (timedelta(), False), (timedelta(seconds=-1), False)])
def test_an_override_ends_at_its_expiry(left: timedelta, holds: bool) -> None:
    limit = effective_limit(Amount(stores=1), Override(stores=9, expires_at=NOW + left), now=NOW)
    assert (limit.stores == 9) is holds


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_limit_is_not_negative(resource: str) -> None:
    with pytest.raises(InvalidIntent) as refused:
        Override(**{resource: -1})
    assert refused.value.data["field"] == resource
    Override(**{resource: 0})


def test_a_store_costs_what_its_plan_says() -> None:
    for plan in PLANS.values():
        assert cost(plan) == Amount(1, plan.cpu, plan.memory, plan.disk)
        assert cost(plan).as_dict() == {"stores": 1, "cpu": plan.cpu, "memory": plan.memory, "disk": plan.disk}
