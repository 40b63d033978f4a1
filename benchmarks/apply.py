"""From N committed rows to all Ready, against the same manifests by bare server-side applies in the same run.

python -m benchmarks.apply --stores 200 --json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.domain.manifests import MANAGED_BY, PLATFORM, Manifest
from app.domain.naming import namespace_for
from app.domain.stores import StoreSnapshot
from app.services.ids import new_id
from app.services.snapshots import load_store
from benchmarks.cpu import CpuClock
from benchmarks.passlog import PassLog
from benchmarks.platform import NoQueue, Platform, Refused, platform, resident_mb, wait_until
from benchmarks.raw import RawCluster
from benchmarks.report import note, run, whole_number

WORKERS = 2
TRIED_THREADS = (4, 8, 16, 32)
SAMPLE = 12
WITHIN = 900.0
LABELS = f"{MANAGED_BY}={PLATFORM}"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Raw first: what it leaves behind slows the platform's own run, if anything."""
    with platform() as running:
        stores = running.make_stores(options.stores, services=replace(running.services, queue=NoQueue()))
        running.hold(stores)
        model = _snapshot(running, stores[0].id)
        objects = len(running.services.renderer.render(model))
        raw_seconds, namespaces = _raw(running, model, options)
        try:
            seconds, rss = _ours(running, options.stores)
        finally:
            note("cleaning up")
            running.remove(namespaces)
    ours, raw = options.stores * objects / seconds, options.stores * objects / raw_seconds
    return {
        "stores": options.stores,
        "seconds": round(seconds, 1),
        "stores_per_s": round(options.stores / seconds, 2),
        "objects_per_s": round(ours, 1),
        "raw_objects_per_s": round(raw, 1),
        "ratio": round(ours / raw, 3),
        "worker_rss_mb": rss,
    }


def _ours(running: Platform, count: int) -> tuple[float, float]:
    """Seconds from the commit that makes all rows due to all Ready, and the largest worker's memory."""
    *workers, _ = running.start(*["worker"] * WORKERS, "scheduler")
    time.sleep(2)  # the scheduler's first sweep
    cpu = CpuClock()
    begun = running.release(running.stores)
    note(f"{count} stores released to {WORKERS} workers")
    ended = wait_until(lambda: running.ready(running.stores) == count, WITHIN, "all stores Ready", every=0.1)
    note(f"all Ready after {ended - begun:.1f} s; CPU seconds of the machine: {cpu}")
    rss = max(resident_mb(worker) for worker in workers)
    running.stop()
    _tell(running, ended - begun)
    return ended - begun, rss


def _tell(running: Platform, seconds: float) -> None:
    """How the workers spent the time: passes that had to look again cost requests without an apply."""
    logs = [PassLog(running.log(f"worker-{number}")) for number in range(WORKERS)]
    for log in logs:
        log.read()
    passes, requests, writes = (sum(getattr(log, name) for log in logs) for name in ("passes", "requests", "writes"))
    busy = sum(log.busy_s for log in logs) / WORKERS / seconds
    note(f"{passes} passes, {requests} requests, {writes} of them writes; workers in passes {busy:.0%} of the time, less recording")


def _raw(running: Platform, model: StoreSnapshot, options: argparse.Namespace) -> tuple[float, list[str]]:
    """Seconds of the same by bare applies, with the number of threads that did best on a sample; the namespaces made."""
    kubeconfig = running.environment["STOREYARD_KUBECONFIG"]
    made: list[str] = []
    try:
        threads = options.threads or _best_threads(running, model, kubeconfig, made)
        cluster = RawCluster(kubeconfig, threads)
        manifests = _render(running, model, options.stores, made)
        cpu, begun = CpuClock(), time.monotonic()
        written = cluster.apply(manifests)
        cluster.await_ready(made[-options.stores :], LABELS, within=WITHIN)
        seconds = time.monotonic() - begun
    except BaseException:
        running.remove(made)
        raise
    note(f"bare applies with {threads} threads: written in {written:.1f} s, all ready after {seconds:.1f} s")
    note(f"CPU seconds of the machine meanwhile: {cpu}")
    return seconds, made


def _best_threads(running: Platform, model: StoreSnapshot, kubeconfig: str, made: list[str]) -> int:
    rates: dict[int, float] = {}
    for threads in TRIED_THREADS:
        manifests = _render(running, model, SAMPLE, made)
        cluster = RawCluster(kubeconfig, threads)
        rates[threads] = sum(map(len, manifests)) / cluster.apply(manifests)
        cluster.await_ready(made[-SAMPLE:], LABELS, within=WITHIN)
    note("bare applies tried: " + ", ".join(f"{threads} threads {rate:.0f} objects/s" for threads, rate in rates.items()))
    return max(rates, key=rates.__getitem__)


def _render(running: Platform, model: StoreSnapshot, count: int, made: list[str]) -> Sequence[Sequence[Manifest]]:
    """Manifests of so many stores that no row knows, in namespaces of their own."""
    now = running.services.clock.now()
    rendered: list[Sequence[Manifest]] = []
    for _ in range(count):
        store_id = new_id(now)
        twin = replace(model, id=store_id, namespace=namespace_for(store_id), host=f"{store_id}.localhost")
        made.append(twin.namespace)
        rendered.append(running.services.renderer.render(twin))
    return rendered


def _snapshot(running: Platform, store_id: str) -> StoreSnapshot:
    services = running.services
    with services.sessions.platform("a benchmark renders") as session:
        loaded = load_store(session, store_id, vault=services.vault, now=services.clock.now())
    if loaded is None:
        raise Refused("The store that was just made is not there.")
    return loaded.snapshot


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.apply", description="From committed rows to all Ready.")
    parser.add_argument("--stores", type=whole_number(1), default=200, help="how many (200)")
    parser.add_argument("--threads", type=whole_number(1), help="threads of the bare applies; by default the best of four numbers")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
