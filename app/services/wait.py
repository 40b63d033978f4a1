"""Following a store until it is as asked for, by polling its row. No connection is held between two looks.

What is reached, and when, is read from the conditions that the reconciler records: seconds count from the intent, on the worker's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.conditions import ADDRESS_READY, CREDENTIALS_ROTATED, NAMESPACE_READY, READY, STALLED, Condition, Status, by_type
from app.domain.engines import Component, Engine
from app.domain.errors import StoreyardError
from app.domain.stores import REASON_SUSPENDED, DesiredState
from app.services.context import Services
from app.services.queries import get_store, platform_state, store_runs
from app.services.views import StoreView

POLL_SECONDS = 0.2

# Steps that are no condition: the end of a deletion.
REMOVED = "Removed"


class NotReadyInTime(StoreyardError):
    """A store was waited for in vain. It goes on: the intent stands. data: store, timeline."""

    code = "not_ready"


class End(StrEnum):
    """How the waiting stands. BLOCKED: nothing will happen until somebody does something. LATE: the time is up."""

    WAITING = "waiting"
    DONE = "done"
    BLOCKED = "blocked"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is waited for: that this generation, asked for at `since`, is met.

    `seen` is the time of the last look where no generation tells old from new (a look was asked for, not a change); None: any look will do.
    """

    tenant_id: str
    store_id: str
    generation: int
    since: datetime
    seen: datetime | None = None

    @classmethod
    def of(cls, store: StoreView) -> Wish:
        """The present intent of a store."""
        since = store.deletion_requested_at or store.provisioning_since
        return cls(store.tenant_id, store.id, store.generation, since)

    @classmethod
    def look(cls, store: StoreView, *, now: datetime) -> Wish:
        """Another look at a store, after `store` was read."""
        return replace(cls.of(store), since=now, seen=store.observed_at)


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way. `seconds` since the intent; None where it has not been reached, or was so before."""

    type: str
    title: str
    done: bool
    seconds: float | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        return {"type": self.type, "title": self.title, "done": self.done, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Progress:
    """A store on its way, at one look. `why` says what is waited for, or what stands in the way."""

    store: StoreView
    elapsed: float
    steps: tuple[Step, ...]
    end: End
    why: str
    passes: int = 0

    @property
    def seconds(self) -> float | None:
        """From the intent to its fulfilment; None where it was not met."""
        if self.end is not End.DONE:
            return None
        last = self.steps[-1].seconds
        return round(self.elapsed, 1) if last is None else last

    def as_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.end.value,
            "seconds": self.seconds,
            "passes": self.passes,
            "steps": [step.as_dict() for step in self.steps],
        }


def follow(
    services: Services, wish: Wish, *, timeout: float, poll: float = POLL_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Progress]:
    """A look every `poll` seconds; the last one is done, blocked or late. Raises NotFound, also where the store's row has been trimmed."""
    clock = services.clock
    begun = clock.monotonic()
    before: tuple[Step, ...] = ()
    while True:
        store = get_store(services, tenant_id=wish.tenant_id, store_id=wish.store_id)
        engine = services.renderer.engine(store.engine, store.release)
        elapsed = max(0.0, (clock.now() - wish.since).total_seconds())
        progress = _noted(progress_of(store, engine, wish, elapsed=elapsed), before)
        if progress.end is End.WAITING and (pause := _pause(services, store)) is not None:
            progress = replace(progress, end=End.BLOCKED, why=pause)
        if progress.end is End.WAITING and clock.monotonic() - begun >= timeout:
            progress = replace(progress, end=End.LATE)
        if progress.end is not End.WAITING:
            yield replace(progress, passes=_passes(services, wish))
            return
        yield progress
        before = progress.steps
        sleep(poll)


def progress_of(store: StoreView, engine: Engine, wish: Wish, *, elapsed: float) -> Progress:
    """What a look at the row tells. Pure."""
    looked = store.observed_generation >= wish.generation and store.observed_at is not None and store.observed_at != wish.seen
    steps = _steps(store, engine, wish)
    if store.gone_at is not None or (looked and store.settled):
        return Progress(store, elapsed, steps, End.DONE, "")
    if store.quarantined_at is not None:
        why = (
            "It is quarantined: passes over it crashed again and again. `storeyard store runs` shows the errors, "
            "`storeyard reconcile` tries again."
        )
        return Progress(store, elapsed, steps, End.BLOCKED, why)
    known = by_type(store.conditions)
    stalled = known.get(STALLED)
    if stalled is not None and stalled.status is Status.TRUE and stalled.observed_generation == store.generation and _fresh(store, wish):
        return Progress(store, elapsed, steps, End.BLOCKED, stalled.message)
    ready = known.get(READY)
    if store.rotation is not None and ready is not None and ready.status is Status.TRUE:
        # The shop is open all the while: what is waited for is something else.
        ready = known.get(CREDENTIALS_ROTATED)
    current = ready is not None and ready.observed_generation >= wish.generation and _fresh(store, wish)
    return Progress(store, elapsed, steps, End.WAITING, ready.message if ready is not None and current else "It waits for a worker.")


def _fresh(store: StoreView, wish: Wish) -> bool:
    return wish.seen is None or store.observed_at != wish.seen


def _steps(store: StoreView, engine: Engine, wish: Wish) -> tuple[Step, ...]:
    if store.desired_state is DesiredState.ABSENT:
        seconds = None if store.gone_at is None else _since(wish, store.gone_at)
        return (Step(REMOVED, REMOVED, store.gone_at is not None, seconds, _message(store, READY)),)
    if store.desired_state is DesiredState.SUSPENDED:
        stops = [_stop(store, component, wish) for component in engine.components]
        ready = by_type(store.conditions).get(READY)
        done = ready is not None and ready.reason == REASON_SUSPENDED and ready.observed_generation >= wish.generation
        return (*stops, Step(READY, "Suspended", done, None, _message(store, READY)))
    titles = {NAMESPACE_READY: "Namespace"}
    titles |= {component.condition: component.title for component in engine.components}
    titles |= {ADDRESS_READY: "Address"}
    if store.rotation is not None or _rotated_since(store, wish):
        titles |= {CREDENTIALS_ROTATED: "Credentials"}
    titles |= {READY: "Ready"}
    return tuple(_step(store, type_, title, wish) for type_, title in titles.items())


def _rotated_since(store: StoreView, wish: Wish) -> bool:
    """A rotation that has ended is a step of the intent that asked for it, and of no other."""
    rotated = by_type(store.conditions).get(CREDENTIALS_ROTATED)
    return rotated is not None and rotated.last_transition_at >= wish.since


def _step(store: StoreView, type_: str, title: str, wish: Wish) -> Step:
    """A condition that is to become true."""
    condition = by_type(store.conditions).get(type_)
    if condition is None:
        return Step(type_, title, False, None, "")
    done = condition.status is Status.TRUE and _speaks_of(condition, wish) and _fresh(store, wish)
    seconds = _since(wish, condition.last_transition_at) if done and condition.last_transition_at >= wish.since else None
    return Step(type_, title, done, seconds, condition.message)


def _stop(store: StoreView, component: Component, wish: Wish) -> Step:
    """A component that is to stop. Its condition turns false when it begins to, so the time is that of the look which found it stopped."""
    condition = by_type(store.conditions).get(component.condition)
    done = condition is not None and condition.reason in ("Stopped", "Missing") and _speaks_of(condition, wish)
    return Step(component.condition, f"{component.title} stopped", done, None, "" if condition is None else condition.message)


def _noted(progress: Progress, before: tuple[Step, ...]) -> Progress:
    """With the time of the first look that found a step of a suspension done: such steps bear no time of their own."""
    if progress.store.desired_state is not DesiredState.SUSPENDED:
        return progress
    earlier = {step.type: step for step in before}
    steps: list[Step] = []
    for step in progress.steps:
        former = earlier.get(step.type)
        if step.done and step.seconds is None and former is not None:
            seconds = round(progress.elapsed, 1) if not former.done else former.seconds
            steps.append(replace(step, seconds=seconds))
        else:
            steps.append(step)
    return replace(progress, steps=tuple(steps))


def _speaks_of(condition: Condition, wish: Wish) -> bool:
    return condition.observed_generation >= wish.generation


def _since(wish: Wish, moment: datetime) -> float:
    """Clocks of two machines may differ by a little; nothing was reached before it was asked for."""
    return round(max(0.0, (moment - wish.since).total_seconds()), 1)


def _message(store: StoreView, type_: str) -> str:
    condition = by_type(store.conditions).get(type_)
    return "" if condition is None else condition.message


def _pause(services: Services, store: StoreView) -> str | None:
    """Why nobody will look at the store at this moment."""
    platform = platform_state(services)
    now = services.clock.now()
    for whose, row, undo in (("this store", store, "store unpause"), ("all stores", platform, "platform unpause")):
        if row.paused_until is not None and row.paused_until > now:
            until = row.paused_until.strftime("%Y-%m-%d %H:%M UTC")
            return f"Reconciling of {whose} is paused until {until} ({row.paused_reason}). `storeyard {undo}` ends the pause."
    return None


def _passes(services: Services, wish: Wish) -> int:
    """Passes that were recorded on the way: those that wrote, learned something, or failed."""
    runs = store_runs(services, tenant_id=wish.tenant_id, store_id=wish.store_id, limit=500)
    return sum(run.generation >= wish.generation and (wish.seen is None or run.started_at >= wish.since) for run in runs)
