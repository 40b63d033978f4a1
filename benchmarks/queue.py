"""What the platform itself costs: store jobs per second on a stubbed cluster, and how soon a pass begins after the commit that asks for it.

python -m benchmarks.queue --json
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.models import ReconcileRun, Store
from app.services.views import StoreView
from benchmarks.cpu import CpuClock
from benchmarks.platform import NoQueue, Platform, StampingQueue, platform, wait_until
from benchmarks.report import note, percentile, run, whole_number

STUB_WORKER = "benchmarks.stub"
WITHIN = 300.0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One worker. A store has two jobs: one that applies and records everything, and one that finds nothing to do."""
    with platform(clustered=False) as running:
        (worker,) = running.start(STUB_WORKER)
        running.make_stores(2, services=running.services)
        wait_until(lambda: running.ready(running.stores) == 2, WITHIN, "the first stores")  # the worker has seen everything once
        stores = running.make_stores(options.jobs // 2, services=replace(running.services, queue=NoQueue()))
        cpu = CpuClock()
        first, second = _jobs(running, worker, stores), _jobs(running, worker, stores)
        note(f"{len(stores)} first passes in {first:.2f} s, {len(stores)} unchanged ones in {second:.2f} s")
        note(f"CPU seconds of the machine: {cpu}")
        delays = _delays(running, options.wakes)
        note(f"commit to pass, {len(delays)} times: median {statistics.median(delays):.1f} ms, longest {max(delays):.1f} ms")
    return {"jobs_per_s": round(2 * len(stores) / (first + second), 1), "wake_p95_ms": round(percentile(delays, 0.95), 1)}


def _jobs(running: Platform, worker: subprocess.Popen[bytes], stores: Sequence[StoreView]) -> float:
    """Seconds from a full queue to the last record. The worker is stopped while the queue is filled, which keeps the machine free."""
    worker.send_signal(signal.SIGSTOP)
    try:
        since = running.services.clock.now()
        for store in stores:
            running.services.queue.wake(store.id, urgent=True)
        begun = time.monotonic()
    finally:
        worker.send_signal(signal.SIGCONT)
    return wait_until(lambda: _observed(running, since) == len(stores), WITHIN, "all jobs done", every=0.1) - begun


def _observed(running: Platform, since: datetime) -> int:
    with running.services.sessions.platform("a benchmark looks") as session:
        return session.scalar(select(func.count()).select_from(Store).where(Store.observed_at > since)) or 0


def _delays(running: Platform, count: int) -> list[float]:
    """Milliseconds from an intent's commit to the beginning of its pass, the worker being idle each time."""
    queue = StampingQueue(running.services.queue)
    services = replace(running.services, queue=queue)
    for _ in range(count):
        (store,) = running.make_stores(1, services=services)
        wait_until(lambda store=store: running.ready([store]) == 1, WITHIN, f"{store.slug} ready", every=0.005)
        time.sleep(0.02)
    begun = _beginnings(running, list(queue.committed))
    return [(begun[store_id] - committed) * 1000 for store_id, committed in queue.committed.items()]


def _beginnings(running: Platform, ids: Sequence[str]) -> Mapping[str, float]:
    with running.services.sessions.platform("a benchmark looks") as session:
        first = select(ReconcileRun.store_id, func.min(ReconcileRun.started_at)).where(ReconcileRun.store_id.in_(ids))
        return {store_id: begun.timestamp() for store_id, begun in session.execute(first.group_by(ReconcileRun.store_id))}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description="What the platform itself costs.")
    parser.add_argument("--jobs", type=whole_number(2), default=1000, help="store jobs (1000)")
    parser.add_argument("--wakes", type=whole_number(1), default=200, help="wakes of an idle worker (200)")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
