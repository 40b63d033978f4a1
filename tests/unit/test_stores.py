"""The phase of a store, over every combination of intent and observation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.domain.conditions import READY, STALLED, SYNCED, Condition, Status
from app.domain.stores import REASON_DEADLINE, REASON_PROGRESSING, REASON_SUSPENDED, DesiredState, Phase, derive_phase

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REASONS = (REASON_SUSPENDED, REASON_DEADLINE, REASON_PROGRESSING, "CrashLoop")


def known(type_: str, status: Status, reason: str = "Whatever") -> Condition:
    return Condition(type_, status, reason, "", NOW, 1)


def observations() -> Iterator[tuple[Condition, ...]]:
    """Every combination of the three verdicts: absent, or any status (and for Ready any reason that matters)."""
    synced = [None, *(known(SYNCED, status) for status in Status)]
    stalled = [None, *(known(STALLED, status) for status in Status)]
    ready = [None, *(known(READY, status, reason) for status in Status for reason in REASONS)]
    for combination in itertools.product(synced, ready, stalled):
        yield tuple(condition for condition in combination if condition is not None)


ALL = list(itertools.product(DesiredState, observations(), (False, True), (False, True)))


def test_every_combination_has_a_phase() -> None:
    seen = {derive_phase(desired, conditions, gone=gone, ever_ready=ever) for desired, conditions, gone, ever in ALL}
    assert len(ALL) == 3 * 4 * 13 * 4 * 4
    assert seen == set(Phase)  # and each phase has a combination


def test_only_what_is_to_be_absent_is_deleting_or_deleted_and_gone_decides_which() -> None:
    for desired, conditions, gone, ever in ALL:
        phase = derive_phase(desired, conditions, gone=gone, ever_ready=ever)
        leaving = phase in (Phase.DELETING, Phase.DELETED)
        assert leaving is (desired is DesiredState.ABSENT)
        if leaving:
            assert (phase is Phase.DELETED) is gone


def test_nothing_is_called_ready_that_does_not_answer_or_needs_a_human() -> None:
    for desired, conditions, gone, ever in ALL:
        if derive_phase(desired, conditions, gone=gone, ever_ready=ever) is Phase.READY:
            statuses = {condition.type: condition.status for condition in conditions}
            assert statuses[READY] is Status.TRUE
            assert statuses.get(STALLED) is not Status.TRUE


def test_failed_is_only_what_never_worked_and_degraded_only_what_did_or_needs_a_human() -> None:
    for desired, conditions, gone, ever in ALL:
        phase = derive_phase(desired, conditions, gone=gone, ever_ready=ever)
        ready_now = any(c.type == READY and c.status is Status.TRUE for c in conditions)
        if phase is Phase.FAILED:
            assert not ever
            assert not ready_now
        if phase is Phase.DEGRADED:
            assert ever or ready_now


def test_the_order_of_conditions_does_not_matter() -> None:
    for desired, conditions, gone, ever in ALL:
        phases = {derive_phase(desired, order, gone=gone, ever_ready=ever) for order in itertools.permutations(conditions)}
        assert len(phases) == 1


T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
PRESENT, SUSPENDED = DesiredState.PRESENT, DesiredState.SUSPENDED


@pytest.mark.parametrize(
    ("desired", "conditions", "ever_ready", "phase", "reason"),
    [
        (PRESENT, [], False, Phase.PENDING, "just created"),
        (PRESENT, [known(SYNCED, T)], False, Phase.PROVISIONING, "applied, nothing known of its workloads"),
        (PRESENT, [known(SYNCED, T), known(READY, F, REASON_PROGRESSING)], False, Phase.PROVISIONING, "coming up"),
        (PRESENT, [known(SYNCED, T), known(READY, F, "CrashLoop")], False, Phase.PROVISIONING, "crashing, but its deadline is not over"),
        (PRESENT, [known(SYNCED, T), known(READY, F, REASON_DEADLINE)], False, Phase.FAILED, "never came up"),
        (PRESENT, [known(SYNCED, F), known(STALLED, T)], False, Phase.FAILED, "a foreign namespace at the first pass"),
        (PRESENT, [known(SYNCED, T), known(READY, T)], True, Phase.READY, "all well"),
        (PRESENT, [known(SYNCED, F), known(READY, T)], True, Phase.READY, "drift, but it answers"),
        (PRESENT, [known(SYNCED, U), known(READY, T)], True, Phase.READY, "not readable now, it answered when last seen"),
        (PRESENT, [known(SYNCED, F), known(READY, T), known(STALLED, T)], True, Phase.DEGRADED, "answers, but a human is needed"),
        (PRESENT, [known(SYNCED, T), known(READY, F, "CrashLoop")], True, Phase.DEGRADED, "was ready once"),
        (PRESENT, [known(SYNCED, T), known(READY, F, REASON_PROGRESSING)], True, Phase.PROVISIONING, "a change rolls out"),
        (PRESENT, [known(SYNCED, T), known(READY, F, REASON_DEADLINE)], True, Phase.DEGRADED, "a change never came up"),
        (SUSPENDED, [known(SYNCED, T), known(READY, F, REASON_SUSPENDED)], True, Phase.SUSPENDED, "asleep"),
        (SUSPENDED, [known(SYNCED, T), known(READY, T)], True, Phase.READY, "asked to sleep, still answering"),
        (PRESENT, [known(SYNCED, T), known(READY, F, REASON_SUSPENDED)], True, Phase.PROVISIONING, "resumed, not yet looked at"),
    ],
)
def test_the_phase_that_people_expect(
    desired: DesiredState, conditions: list[Condition], ever_ready: bool, phase: Phase, reason: str
) -> None:
    assert derive_phase(desired, conditions, gone=False, ever_ready=ever_ready) is phase, reason
