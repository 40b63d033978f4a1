"""When a field is contested, and how long its next repair waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.contests import FIRST_WAIT, LONGEST_WAIT, Field, contests_of, wait_after

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
REPLICAS = Field("Deployment", "storefront", "spec.replicas", "autoscaler")


def minutes_ago(*minutes: float, field: Field = REPLICAS) -> list[tuple[Field, datetime]]:
    return [(field, NOW - timedelta(minutes=number)) for number in minutes]


def test_three_repairs_in_a_row_make_a_contest() -> None:
    assert contests_of(minutes_ago(2, 1), NOW) == {}
    contest = contests_of(minutes_ago(3, 2, 1), NOW)[REPLICAS]
    assert (contest.repairs, contest.again_at) == (3, NOW - timedelta(minutes=1) + FIRST_WAIT)


def test_each_further_repair_waits_twice_as_long_up_to_five_minutes() -> None:
    waits = [wait_after(count).total_seconds() for count in (3, 4, 5, 6, 7, 8, 100)]
    assert waits == [15, 30, 60, 120, 240, 300, LONGEST_WAIT.total_seconds()]


def test_ten_quiet_minutes_end_it() -> None:
    assert contests_of(minutes_ago(13, 12, 11), NOW) == {}
    assert contests_of(minutes_ago(30, 29, 28, 1), NOW) == {}


def test_another_manager_or_another_field_is_another_quarrel() -> None:
    other = REPLICAS._replace(manager="kubectl-edit")
    label = REPLICAS._replace(path="metadata.labels.team")
    assert contests_of([*minutes_ago(3, 2), *minutes_ago(1, field=other), *minutes_ago(1, field=label)], NOW) == {}


@given(st.lists(st.floats(min_value=0, max_value=600), min_size=1, max_size=40))
def test_the_order_of_the_repairs_does_not_matter(minutes: list[float]) -> None:
    repairs = minutes_ago(*minutes)
    assert contests_of(repairs, NOW) == contests_of(reversed(repairs), NOW) == contests_of(sorted(repairs), NOW)
