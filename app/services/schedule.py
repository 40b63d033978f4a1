"""The scheduler: one leader that wakes what is due, starts sweeps and retention, and frees the jobs of dead workers.

Its office is a lease in the database. It holds no state: a successor goes on from the rows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app.ports import NullMetrics, QueueUnavailable
from app.services.context import Services
from app.services.due import take_due
from app.services.fleet_queries import fleet_figures
from app.services.leading import Term, lead

log = structlog.get_logger(__name__)

LEADER = "scheduler"
DUE_EVERY = 0.5
TIDY_EVERY = 5.0
SWEEP_EVERY = 30.0
RETENTION_EVERY = 86_400.0
FIGURES_EVERY = 10.0
# Wakes per turn of the due loop: a restart with thousands of due stores fills the queue in steps.
DUE_AT_ONCE = 200


@dataclass(slots=True)
class _Duty:
    """Something to do every so often, in seconds on the monotonic clock."""

    every: float
    act: Callable[[], object]
    next_at: float


def run_scheduler(services: Services, stop: threading.Event) -> None:
    """Lead when nobody else does, until asked to stop. Neither a dead database nor a dead queue ends it."""
    lead(services, LEADER, stop, lambda term: _serve(services, term, stop))


def _serve(services: Services, term: Term, stop: threading.Event) -> None:
    try:
        _do_duties(services, term, stop)
    finally:
        services.metrics.fleet(None)


def _do_duties(services: Services, term: Term, stop: threading.Event) -> None:
    clock = services.clock
    begun = clock.monotonic()
    duties = [
        _Duty(DUE_EVERY, lambda: wake_due(services), begun),
        _Duty(TIDY_EVERY, services.queue.tidy, begun),
        _Duty(SWEEP_EVERY, lambda: services.queue.start("sweep"), begun),
        _Duty(RETENTION_EVERY, lambda: services.queue.start("retention"), begun + 60),
    ]
    if not isinstance(services.metrics, NullMetrics):
        duties.append(_Duty(FIGURES_EVERY, lambda: services.metrics.fleet(fleet_figures(services)), begun))
    while not stop.is_set():
        if not term.goes_on():
            return
        now = clock.monotonic()
        for duty in duties:
            if duty.next_at <= now:
                duty.next_at = now + duty.every
                _perform(duty)
        stop.wait(max(0.01, min(duty.next_at for duty in duties) - clock.monotonic()))
    term.resign()


def _perform(duty: _Duty) -> None:
    try:
        duty.act()
    except QueueUnavailable as error:
        log.warning("queue unreachable", error=str(error))


def wake_due(services: Services) -> int:
    """One turn of the due loop: how many stores were woken."""
    begun = time.perf_counter()
    ids = take_due(services, DUE_AT_ONCE)
    for store_id in ids:
        try:
            services.queue.wake(store_id, urgent=False)
        except QueueUnavailable:
            services.metrics.wake_failed()
            raise
    services.metrics.due_taken(len(ids), time.perf_counter() - begun)
    return len(ids)
