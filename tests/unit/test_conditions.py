"""Conditions: how a pass's verdicts become what is stored and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.conditions import (
    CONDITION_TYPES,
    CREDENTIALS_ROTATED,
    READY,
    STALLED,
    STEPS,
    SYNCED,
    Condition,
    Status,
    Verdict,
    by_type,
    differ,
    merge,
)
from app.domain.errors import StoreyardError

BEFORE = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = BEFORE + timedelta(minutes=5)

statuses = st.sampled_from(list(Status))
words = st.sampled_from(["", "Progressing", "ImageCannotBePulled"])
verdicts = st.lists(st.builds(Verdict, st.sampled_from(CONDITION_TYPES), statuses, words, words), unique_by=lambda verdict: verdict.type)
conditions = st.lists(
    st.builds(Condition, st.sampled_from(CONDITION_TYPES), statuses, words, words, st.just(BEFORE), st.integers(0, 3)),
    unique_by=lambda condition: condition.type,
)


def condition(status: Status = Status.TRUE, reason: str = "Ok", message: str = "") -> Condition:
    return Condition(READY, status, reason, message, BEFORE, 1)


@given(conditions, verdicts)
def test_after_a_pass_there_is_one_condition_per_verdict_in_reading_order(old: list[Condition], new: list[Verdict]) -> None:
    merged = merge(old, new, now=NOW, generation=7)
    assert {c.type: (c.status, c.reason, c.message) for c in merged} == {v.type: (v.status, v.reason, v.message) for v in new}
    positions = [CONDITION_TYPES.index(c.type) for c in merged]
    assert positions == sorted(positions)
    assert all(c.observed_generation == 7 for c in merged)


@given(conditions, verdicts)
def test_the_time_of_transition_moves_only_with_the_status(old: list[Condition], new: list[Verdict]) -> None:
    known = by_type(old)
    for merged in merge(old, new, now=NOW, generation=1):
        same = merged.type in known and known[merged.type].status is merged.status
        assert merged.last_transition_at == (BEFORE if same else NOW)


@given(conditions, verdicts)
def test_the_same_verdicts_again_change_nothing_and_tell_nothing(old: list[Condition], new: list[Verdict]) -> None:
    once = merge(old, new, now=BEFORE, generation=1)
    twice = merge(once, new, now=NOW, generation=1)
    assert once == twice
    assert differ(once, twice) == ()


@pytest.mark.parametrize(
    ("after", "told", "reason"),
    [
        (condition(), False, "equal"),
        (condition(Status.FALSE), True, "another status"),
        (condition(reason="Other"), True, "another reason"),
        (condition(message="Other."), True, "another message"),
    ],
)
def test_what_says_something_new_is_told(after: Condition, told: bool, reason: str) -> None:
    assert bool(differ([condition()], [after])) is told, reason


def test_a_first_condition_is_told_and_one_that_ends_is_not() -> None:
    assert differ([], [condition()]) == (condition(),)
    assert differ([condition()], []) == ()


def test_an_unknown_type_is_a_bug() -> None:
    with pytest.raises(StoreyardError, match="Happy"):
        Condition("Happy", Status.TRUE, "", "", NOW, 1)


def test_three_verdicts_come_before_the_steps() -> None:
    assert CONDITION_TYPES[:3] == (SYNCED, READY, STALLED)
    assert set(CONDITION_TYPES) == {SYNCED, READY, STALLED, *STEPS, CREDENTIALS_ROTATED}
