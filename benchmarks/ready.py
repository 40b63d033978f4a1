"""One store on a real node: from the commit to Ready step by step, how much of it is the platform's own, and from delete to gone.

python -m benchmarks.ready --json
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.domain.conditions import STEPS
from app.domain.errors import ClusterError
from app.domain.manifests import STORE_ID
from app.models import ReconcileRun, Store
from app.reconcile.health import check_health
from app.services.delete_store import delete_store
from app.services.views import StoreView
from benchmarks.platform import ACTOR, Platform, Refused, StampingQueue, platform, wait_until
from benchmarks.report import note, run, whole_number

WITHIN = 300.0
LOOK = 0.01
WORKLOADS = ("StatefulSet", "Deployment")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Several stores one after the other, after one that warms up; all figures are those of the one in the middle by `to_ready_s`."""
    with platform() as running:
        running.start("worker", "worker", "scheduler")
        _one(running)  # templates compiled, statements prepared, connections open: as in any platform that is not minutes old
        runs = [_one(running) for _ in range(options.stores)]
    return sorted(runs, key=lambda figures: figures["to_ready_s"])[(len(runs) - 1) // 2]


def _one(running: Platform) -> dict[str, Any]:
    queue = StampingQueue(running.services.queue)
    services = replace(running.services, queue=queue)
    (store,) = running.make_stores(1, services=services)
    committed = queue.committed[store.id]
    health = _watch_health(running, store)
    recorded = _until(running, store, lambda row: row.first_ready_at is not None, "Ready")
    row, runs = _row(running, store), _runs(running, store)
    steps = {f"{kind} healthy in the cluster": health[kind] - committed for kind in WORKLOADS if kind in health}
    steps |= {
        condition.type: condition.last_transition_at.timestamp() - committed for condition in row.conditions if condition.type in STEPS
    }
    applied = _finished(runs[0]) - committed
    noticed = recorded - runs[-1].started_at.timestamp()
    delete_store(services, ACTOR, tenant_id=store.tenant_id, store_id=store.id)
    asked = queue.committed[store.id]
    gone = _until(running, store, lambda row: row.gone_at is not None, "gone")
    figures = {
        "to_ready_s": round(recorded - committed, 2),
        "steps": {name: round(seconds, 2) for name, seconds in sorted(steps.items(), key=lambda step: step[1])},
        "control_plane_s": round(applied + noticed, 3),
        "gone_s": round(gone - asked, 2),
    }
    note(f"commit to all applied {applied:.3f} s, observed to recorded {noticed:.3f} s; first pass: {runs[0].steps}; {figures}")
    return figures


def _until(running: Platform, store: StoreView, met: Callable[[Store], bool], what: str) -> float:
    """The moment, in seconds since 1970, at which it can be read in the database."""
    wait_until(lambda: met(_row(running, store)), WITHIN, f"the store {what}", every=LOOK)
    return time.time()


def _row(running: Platform, store: StoreView) -> Store:
    with running.services.sessions.platform("a benchmark looks") as session:
        return session.scalars(select(Store).where(Store.id == store.id).options(selectinload(Store.conditions))).one()


def _runs(running: Platform, store: StoreView) -> list[ReconcileRun]:
    """Passes that did or learned something, the first and the last being those that applied all and that found the store Ready."""
    with running.services.sessions.platform("a benchmark looks") as session:
        found = session.scalars(select(ReconcileRun).where(ReconcileRun.store_id == store.id).order_by(ReconcileRun.id)).all()
    if not found or found[0].outcome != "changed":
        raise Refused("The store's first pass did not apply everything; look at the cluster.")
    return list(found)


def _finished(run: ReconcileRun) -> float:
    if run.finished_at is None:
        raise Refused("The store's first pass has no end.")
    return run.finished_at.timestamp()


def _watch_health(running: Platform, store: StoreView) -> dict[str, float]:
    """By kind, when the cluster itself first called the store's workload healthy; filled while the caller waits."""
    first: dict[str, float] = {}

    def watch(kind: str, version: str) -> None:
        try:
            for event in running.cluster.watch(kind, labels={STORE_ID: store.id}, resource_version=version, timeout=WITHIN):
                if check_health(event.object).healthy:
                    first[kind] = time.time()
                    return
        except ClusterError as error:
            note(f"the watch of {kind} ended: {error}")

    for kind in WORKLOADS:
        version = running.cluster.list_page(kind, labels={STORE_ID: store.id}).resource_version
        threading.Thread(target=watch, args=(kind, version), daemon=True).start()
    return first


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ready", description="One store on a real node, step by step.")
    parser.add_argument("--stores", type=whole_number(1), default=3, help="how many, one after the other; the middle one is told (3)")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
