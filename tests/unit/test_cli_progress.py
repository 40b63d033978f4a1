"""Following a store: what counts as done, what stands in the way, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.cli.progress import Display, require_done, timeline
from app.domain.conditions import Condition, Status
from app.domain.stores import DesiredState, DriftMode, Phase, Rotation
from app.services.views import StoreView
from app.services.wait import End, NotReadyInTime, Progress, Step, Wish, progress_of
from tests.fakes.clock import START
from tests.fakes.renderer import ENGINE


def condition(type_: str, status: Status, *, after: float = 0, generation: int = 1, reason: str = "Any", message: str = "") -> Condition:
    return Condition(type_, status, reason, message or f"{type_} is {status}.", START + timedelta(seconds=after), generation)


def view(*conditions: Condition, **values: Any) -> StoreView:
    return replace(
        StoreView(
            id="s", tenant_id="t", cluster_id="c", slug="shop", name="shop", host="shop.localhost", url="http://shop.localhost",
            namespace="st-s", engine="medusa", release="r1", plan="starter", desired_state=DesiredState.PRESENT, phase=Phase.PROVISIONING,
            generation=1, observed_generation=0, drift_mode=DriftMode.REPAIR, paused_until=None, paused_reason=None, created_at=START,
            observed_at=None, first_ready_at=None, provisioning_since=START, deletion_requested_at=None, gone_at=None,
            next_reconcile_at=None, failure_count=0, quarantined_at=None, settings={}, conditions=conditions,
        ),
        **values,
    )  # fmt: skip


def look(store: StoreView, wish: Wish | None = None, elapsed: float = 9.0) -> Progress:
    return progress_of(store, ENGINE, wish or Wish.of(store), elapsed=elapsed)


READY = (
    condition("Ready", Status.TRUE, after=7.62),
    condition("NamespaceReady", Status.TRUE, after=0.2),
    condition("BackendReady", Status.TRUE, after=7.4),
    condition("AddressReady", Status.TRUE, after=0.2),
)
SERVING: dict[str, Any] = {"phase": Phase.READY, "observed_generation": 1, "observed_at": START + timedelta(seconds=8)}


def test_a_new_store_waits_for_a_worker() -> None:
    progress = look(view(phase=Phase.PENDING))
    assert progress.end is End.WAITING
    assert progress.why == "It waits for a worker."
    assert [(step.title, step.done) for step in progress.steps] == [
        ("Namespace", False), ("Shop server", False), ("Address", False), ("Ready", False),
    ]  # fmt: skip


def test_a_ready_store_has_a_time_for_each_step() -> None:
    progress = replace(look(view(*READY, **SERVING)), passes=5)
    assert progress.end is End.DONE
    assert timeline(progress) == "Timeline: Namespace 0.2 s, Shop server 7.4 s, Address 0.2 s, Ready 7.6 s (5 passes)"
    assert progress.as_dict()["seconds"] == 7.6


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (view(*READY, **SERVING, generation=2), "a newer intent has not been applied"),
        (view(*READY, **{**SERVING, "phase": Phase.DEGRADED}), "it is not ready any more"),
        (view(*READY, **{**SERVING, "observed_at": None}), "nobody has looked"),
    ],
)
def test_a_store_is_not_done_while(store: StoreView, reason: str) -> None:
    assert look(store).end is End.WAITING, reason


def test_another_look_is_not_the_look_before() -> None:
    store = view(*READY, **SERVING)
    wish = Wish.look(store, now=START + timedelta(seconds=60))
    before = look(store, wish)
    assert before.end is End.WAITING
    assert not any(step.done for step in before.steps)
    after = look(replace(store, observed_at=START + timedelta(seconds=61)), wish)
    assert after.end is End.DONE
    assert timeline(after) == "Timeline: nothing had to change"


def test_conditions_of_the_intent_before_do_not_count() -> None:
    store = view(*READY, **{**SERVING, "generation": 2, "phase": Phase.PROVISIONING})
    assert not any(step.done for step in look(store).steps)


def test_a_clock_that_is_behind_gives_no_negative_seconds() -> None:
    store = view(*READY, **SERVING, provisioning_since=START + timedelta(seconds=1))
    assert [step.seconds for step in look(store).steps] == [None, 6.4, None, 6.6]


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (view(condition("Stalled", Status.TRUE, message="The data is lost."), observed_at=START), "The data is lost."),
        (view(quarantined_at=START), "quarantined"),
    ],
)
def test_what_needs_a_human_is_not_waited_for(store: StoreView, said: str) -> None:
    progress = look(store)
    assert progress.end is End.BLOCKED
    assert said in progress.why
    with pytest.raises(NotReadyInTime, match="cannot get there by itself"):
        require_done(progress)


def test_a_stall_of_the_intent_before_may_be_over() -> None:
    assert look(view(condition("Stalled", Status.TRUE), generation=2, observed_at=START)).end is End.WAITING


def test_a_suspension_is_done_when_everything_has_stopped() -> None:
    stopping = {"desired_state": DesiredState.SUSPENDED, "observed_generation": 1, "observed_at": START}
    going = look(view(condition("Ready", Status.FALSE), condition("BackendReady", Status.FALSE), **stopping))
    assert (going.end, [step.done for step in going.steps]) == (End.WAITING, [False, False])
    stopped = (condition("Ready", Status.FALSE, reason="Suspended"), condition("BackendReady", Status.FALSE, reason="Stopped"))
    done = look(view(*stopped, **stopping, phase=Phase.SUSPENDED))
    assert (done.end, [step.title for step in done.steps if step.done]) == (End.DONE, ["Shop server stopped", "Suspended"])


def test_a_deletion_is_done_when_the_namespace_is_gone() -> None:
    asked = {"desired_state": DesiredState.ABSENT, "deletion_requested_at": START + timedelta(seconds=10), "phase": Phase.DELETING}
    assert look(view(**asked, observed_at=START, observed_generation=1)).end is End.WAITING
    gone = look(view(**{**asked, "phase": Phase.DELETED}, gone_at=START + timedelta(seconds=15.5), observed_generation=1))
    assert gone.end is End.DONE
    assert timeline(replace(gone, passes=1)) == "Timeline: Removed 5.5 s (1 pass)"


def test_too_late_says_what_is_waited_for_and_that_it_goes_on() -> None:
    waiting = look(view(condition("Ready", Status.FALSE, message="Database is starting."), observed_at=START), elapsed=60.4)
    with pytest.raises(NotReadyInTime) as caught:
        require_done(replace(waiting, end=End.LATE))
    assert caught.value.message == (
        "shop (Provisioning) is not ready after 60 s: Database is starting. It goes on; `storeyard store show s` tells more."
    )
    assert caught.value.data["timeline"]["outcome"] == "late"


def steps(*done: bool) -> Progress:
    made = tuple(Step(str(number), f"Step {number}", is_done, 1.5 if is_done else None, "") for number, is_done in enumerate(done))
    return Progress(view(), 2.0, made, End.WAITING, "It waits.")


def test_without_a_terminal_each_step_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(live=False, prefix="shop: ")
    for progress in (steps(False, False), steps(True, False), steps(True, False), steps(True, True)):
        display.show(progress)
    assert capsys.readouterr().err == "shop: ✓ Step 0 1.5 s\nshop: ✓ Step 1 1.5 s\n"


def test_on_a_terminal_the_block_is_drawn_over(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    display = Display(live=True)
    for progress in (steps(False, True), replace(steps(True, True), end=End.DONE)):
        display.show(progress)
    first, second = capsys.readouterr().err.split(f"\x1b[{3}F", 1)
    assert "… Step 0  2.0 s" in first
    assert "  It waits." in first
    assert "✓ Step 0  1.5 s" in second
    assert second.endswith("\x1b[0J"), "what was below is emptied"


def test_the_time_of_an_unforeseen_order_is_kept() -> None:
    at: datetime = START + timedelta(seconds=3)
    assert Wish.of(view(provisioning_since=at)).since == at
    assert Wish.of(view(provisioning_since=START, deletion_requested_at=at)).since == at


def test_new_credentials_are_a_step_of_the_intent_that_asked_for_them() -> None:
    ready = tuple(replace(each, observed_generation=2) for each in READY)
    going: dict[str, Any] = {**SERVING, "generation": 2, "provisioning_since": START + timedelta(seconds=100)}
    setting = condition("CredentialsRotated", Status.FALSE, after=101, generation=2, message="New passwords are being set.")
    progress = look(view(*ready, setting, **going, rotation=Rotation.SETTING))
    assert (progress.end, progress.why) == (End.WAITING, "New passwords are being set.")
    assert [(step.title, step.done) for step in progress.steps][-2:] == [("Credentials", False), ("Ready", True)]
    rotated = condition("CredentialsRotated", Status.TRUE, after=104, generation=2)
    done = look(view(*ready, rotated, **{**going, "observed_generation": 2}))
    assert done.end is End.DONE
    assert [(step.title, step.seconds) for step in done.steps][-2:] == [("Credentials", 4.0), ("Ready", None)]
    later = {**going, "generation": 3, "observed_generation": 3, "provisioning_since": START + timedelta(seconds=200)}
    assert "Credentials" not in [step.title for step in look(view(*ready, rotated, **later)).steps]
