"""Passes over unchanged stores by one real worker: how fast, how many requests each, and whether its memory stays.

python -m benchmarks.passes --passes 10000 --json
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Any

from sqlalchemy import func, select

from app.domain.manifests import ObjectKey
from app.models import Event, InventoryObject, ReconcileRun
from app.ports import list_all
from app.reconcile.observe import OBSERVED_KINDS
from benchmarks.passlog import PassLog
from benchmarks.platform import Platform, Refused, platform, resident_mb, wait_until
from benchmarks.report import note, run, whole_number

STORES = 10
WARM_UP = 200
AHEAD = 50
# Controllers write to an object for a while after it was made; a version that moved is brought up to date by a pass, once.
SETTLED_FOR = 3.0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Stores are made Ready, then woken in turn: the worker always finds some fifty jobs waiting, never more."""
    with platform() as running:
        (worker,) = running.start("worker")
        stores = running.make_stores(options.stores)
        _settle(running, worker)
        log = PassLog(running.log("worker-0"))
        log.read()
        _drive(running, log, WARM_UP)
        before, rss_start = _traces(running), resident_mb(worker)
        note(f"{len(stores)} stores Ready and passed {WARM_UP} times; worker at {rss_start} MB")
        log.clear()
        begun = time.monotonic()
        _drive(running, log, options.passes)
        seconds = time.monotonic() - begun
        rss_end, after = resident_mb(worker), _traces(running)
    return {
        "passes_per_s": round(log.passes / seconds, 1),
        "requests_per_pass": round(log.requests / log.passes, 2),
        "writes": log.writes + sum(after[name] != value for name, value in before.items()),
        "rss_start_mb": rss_start,
        "rss_end_mb": rss_end,
    }


def _drive(running: Platform, log: PassLog, passes: int) -> None:
    """Wake stores in turn until so many passes more are in the log."""
    target = log.passes + passes
    sent = 0
    stalled = time.monotonic()
    while log.passes < target:
        seen = log.passes
        while sent < passes and sent - (log.passes - target + passes) < AHEAD:
            running.services.queue.wake(running.stores[sent % len(running.stores)].id, urgent=True)
            sent += 1
        time.sleep(0.02)
        log.read()
        if log.failed:
            raise Refused(f"A pass over an unchanged store failed: {log.failed}")
        if log.passes != seen:
            stalled = time.monotonic()
        elif time.monotonic() - stalled > 60:
            raise Refused("The worker has recorded no pass for a minute.")


def _settle(running: Platform, worker: subprocess.Popen[bytes]) -> None:
    """Ready, and no object has moved for a while. The scheduler does not run here: the benchmark wakes."""
    count = len(running.stores)

    def woken() -> bool:
        if worker.poll() is not None:
            raise Refused("The worker ended.")
        for store in running.stores:
            running.services.queue.wake(store.id, urgent=False)
        return running.ready(running.stores) == count

    wait_until(woken, 300, f"{count} stores Ready", every=0.5)
    last, since = _versions(running), time.monotonic()
    while time.monotonic() - since < SETTLED_FOR:
        time.sleep(0.5)
        for store in running.stores:
            running.services.queue.wake(store.id, urgent=False)
        if (now := _versions(running)) != last:
            last, since = now, time.monotonic()


def _versions(running: Platform) -> dict[ObjectKey, str]:
    """Every observed object with its resourceVersion."""
    return {
        item.key: item.resource_version
        for store in running.stores
        for kind in OBSERVED_KINDS
        for item in list_all(running.cluster, kind, namespace=store.namespace)
    }


def _traces(running: Platform) -> dict[str, object]:
    """Whatever a write would change: the objects' versions, and the rows of history."""
    with running.services.sessions.platform("a benchmark looks") as session:
        return {
            "objects": _versions(running),
            "runs": session.scalar(select(func.count()).select_from(ReconcileRun)),
            "events": session.scalar(select(func.count()).select_from(Event)),
            "inventory": session.scalar(select(func.sum(func.hashtext(InventoryObject.resource_version)))),
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.passes", description="Passes over unchanged stores by one worker.")
    parser.add_argument("--passes", type=whole_number(1), default=10_000, help="how many (10000)")
    parser.add_argument("--stores", type=whole_number(1), default=STORES, help=f"over how many stores ({STORES})")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
