"""The platform at one moment, for whoever watches it: what the database knows, what the queue says, and what needs a look first.

The queue is asked beside the database and not waited for longer than `REACH`: a frozen queue must not blind the watcher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.naming import is_id
from app.ports import QUEUES, QueueUnavailable, WorkerState
from app.services.context import Services
from app.services.doctor.checks import REACH, Late, start
from app.services.fleet_queries import StoreName, Watched, names_of, watch
from app.services.leading import WATCHER
from app.services.queries import LeaderView, leaders, platform_state
from app.services.schedule import LEADER
from app.services.views import PlatformView

# A worker says every 5 s that it lives; silent for so long it hangs, or was killed.
SILENT = 15.0
# Seconds that a person's wish, or a due store, may wait before somebody should wonder.
LONG_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Worker:
    """`silent`: not heard of for longer than a living worker ever is. `store` where it works on one."""

    name: str
    state: str
    heard_at: datetime | None
    silent: bool
    task: str | None
    store: StoreName | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """`queues` (name, jobs, seconds of the oldest) and `workers` are None where the queue cannot be reached; `queue_error` says why.

    `attention` are sentences, the gravest first; empty where all is well.
    """

    watched: Watched
    platform: PlatformView
    leaders: tuple[LeaderView, ...]
    queues: tuple[tuple[str, int, float], ...] | None
    workers: tuple[Worker, ...] | None
    queue_error: str | None
    attention: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Queue:
    depths: Mapping[str, int]
    ages: Mapping[str, float]
    workers: tuple[WorkerState, ...]


def look(services: Services, *, recent: timedelta = timedelta(minutes=5), most: int = 10) -> Fleet:
    """One look. Raises what a database that does not answer raises."""
    asked = start(lambda: _Queue(services.queue.depths(), services.queue.ages(), services.queue.workers()))
    watched, state, offices = watch(services, recent=recent, most=most), platform_state(services), leaders(services)
    queue, error = None, None
    try:
        queue = asked(REACH)
    except QueueUnavailable as failure:
        error = str(failure)
    except Late:
        error = f"The queue does not answer within {REACH:.0f} s."
    queues = None if queue is None else tuple((name, queue.depths.get(name, 0), queue.ages.get(name, 0.0)) for name in QUEUES)
    workers = None if queue is None else _workers(services, queue.workers, watched.at)
    return Fleet(watched, state, offices, queues, workers, error, _attention(watched, state, offices, queues, workers, error))


def _workers(services: Services, states: tuple[WorkerState, ...], now: datetime) -> tuple[Worker, ...]:
    names = names_of(services, [state.job for state in states if state.job is not None and is_id(state.job)])
    return tuple(
        Worker(
            state.name,
            state.state,
            state.heard_at,
            state.heard_at is None or (now - state.heard_at).total_seconds() > SILENT,
            state.job,
            None if state.job is None else names.get(state.job),
            state.since,
        )
        for state in states
    )


def _attention(
    watched: Watched,
    state: PlatformView,
    offices: tuple[LeaderView, ...],
    queues: tuple[tuple[str, int, float], ...] | None,
    workers: tuple[Worker, ...] | None,
    queue_error: str | None,
) -> tuple[str, ...]:
    figures, said = watched.figures, list[str]()
    if queue_error is not None:
        said.append(f"{queue_error} Work waits; none is lost.")
    if not any(office.name == LEADER and office.active for office in offices):
        said.append("No scheduler leads: start `storeyard scheduler`. Stores are not looked after.")
    if not any(office.name == WATCHER and office.active for office in offices):
        said.append("No watcher leads: start `storeyard watcher`. What a hand changes is found half a minute later, by the sweep.")
    if workers is not None:
        if not any(not worker.silent for worker in workers):
            said.append("No worker is alive: start `storeyard worker`.")
        said.extend(f"Worker {worker.name} is silent: killed, or frozen." for worker in workers if worker.silent)
    if state.paused_until is not None and state.paused_until > watched.at:
        said.append(f"Reconciling is paused for all stores: {state.paused_reason}")
    if figures.quarantined:
        said.append(f"{_stores(figures.quarantined)} in quarantine; `storeyard reconcile STORE` tries again.")
    if watched.failing:
        said.append(f"{_stores(watched.failing)} failing: `storeyard store show STORE` says why.")
    said.extend(f"Jobs have waited in {name} for {age:.0f} s: too few workers?" for name, _, age in queues or () if age > LONG_WAIT)
    if figures.due_age > LONG_WAIT:
        said.append(f"{_stores(figures.due)} due, the first for {figures.due_age:.0f} s.")
    return tuple(said)


def _stores(count: int) -> str:
    return "1 store is" if count == 1 else f"{count} stores are"


def as_dict(fleet: Fleet) -> dict[str, Any]:
    """As JSON data, times still datetimes."""
    figures, watched = fleet.watched.figures, fleet.watched
    return {
        "at": watched.at,
        "attention": list(fleet.attention),
        "queue_error": fleet.queue_error,
        "queues": None
        if fleet.queues is None
        else [{"name": name, "jobs": jobs, "oldest_seconds": round(age, 1)} for name, jobs, age in fleet.queues],
        "workers": fleet.workers,
        "leaders": fleet.leaders,
        "platform": fleet.platform,
        "stores": figures.stores,
        "due": {"stores": figures.due, "oldest_seconds": round(figures.due_age, 1)},
        "under_way": watched.under_way,
        "slow_passes": watched.slow,
        "failing": {"stores": watched.failing, "first": watched.troubles},
        "quarantined": {"stores": figures.quarantined, "first": watched.quarantined},
        "open_drift": figures.open_drift,
    }
