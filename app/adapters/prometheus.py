"""The `Metrics` port on Prometheus, and the ways to read it.

Labels come from closed sets; a value outside of them counts as `other`, so that nothing from outside can add series. What one process has
done is counted in that process. Where several serve one address (the web's), prometheus_client adds them up by files in the folder named
by PROMETHEUS_MULTIPROC_DIR, which must be set before this module is imported, empty, and no other program's.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.domain.manifests import KINDS
from app.ports import FleetFigures

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
DONE = frozenset({"changed", "observed", "deleted", "conflict", "failed", "refused", "crashed", "lost"})
SKIPPED = frozenset({"busy", "paused", "quarantined", "gone"})
STEPS = frozenset({"render", "namespace", "observe", "plan", "apply", "judge", "delete", "record"})
VERBS = frozenset({"version", "get", "create", "apply", "patch", "delete", "list", "watch", "log", "may"})
ANSWERS = frozenset({"ok", "transient", "conflict", "rejected", "gone", "not_found", "error"})

_CALLS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_QUICK = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# Ports tried after the one that was asked for: workers of one host may share their settings.
PORTS = 20

M = TypeVar("M", Counter, Histogram)


class PrometheusMetrics:
    """One per process and registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self._passes = Counter("storeyard_passes", "Passes over a store, by what came of them.", ["outcome"], registry=registry)
        self._pass = Histogram("storeyard_pass_seconds", "A pass with its recording.", buckets=_SLOW, registry=registry)
        self._steps = Histogram("storeyard_pass_step_seconds", "Steps of a pass.", ["step"], buckets=_QUICK, registry=registry)
        self._calls = Histogram(
            "storeyard_cluster_call_seconds", "Calls to a cluster.", ["verb", "kind", "outcome"], buckets=_CALLS, registry=registry
        )
        self._circuit = Gauge(
            "storeyard_cluster_circuit_open", "1 while this process does not ask the cluster because it does not answer.", ["cluster"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._lost = Counter("storeyard_leases_lost", "Leases another took over.", ["lease"], registry=registry)
        self._wakes_failed = Counter("storeyard_wakes_failed", "Wakes that the queue did not take.", registry=registry)
        self._news_failed = Counter("storeyard_live_failed", "News for open pages that could not be told.", registry=registry)
        self._sweep = Histogram("storeyard_sweep_seconds", "Sweeps over all stores.", buckets=_SLOW, registry=registry)
        self._swept = Counter("storeyard_sweep_objects", "Objects that sweeps compared.", registry=registry)
        self._differing = Counter("storeyard_sweep_differing_stores", "Stores that sweeps found to differ.", registry=registry)
        self._unreadable = Counter("storeyard_sweep_unreadable_kinds", "Lists that sweeps could not read.", registry=registry)
        self._due = Counter("storeyard_due_stores", "Stores that the due loop woke.", registry=registry)
        self._due_turn = Histogram("storeyard_due_turn_seconds", "Turns of the due loop.", buckets=_QUICK, registry=registry)
        self._fleet = _Fleet()
        registry.register(self._fleet)
        self._children: dict[tuple[str, ...], Any] = {}

    def pass_done(self, outcome: str, seconds: float, steps: Mapping[str, float]) -> None:
        self._child(self._passes, "pass", _known(outcome, DONE)).inc()
        self._pass.observe(seconds)
        for step, taken in steps.items():
            self._child(self._steps, "step", _known(step, STEPS)).observe(taken)

    def pass_skipped(self, reason: str) -> None:
        self._child(self._passes, "pass", _known(reason, SKIPPED)).inc()

    def cluster_called(self, verb: str, kind: str, outcome: str, seconds: float) -> None:
        verb, kind = _known(verb, VERBS), _known(kind, KINDS) if kind else ""
        self._child(self._calls, "calls", verb, kind, _known(outcome, ANSWERS)).observe(seconds)

    def circuit(self, cluster_id: str, *, is_open: bool) -> None:
        self._circuit.labels(cluster_id).set(is_open)

    def lease_lost(self, lease: Literal["store", "leader"]) -> None:
        self._lost.labels(lease).inc()

    def wake_failed(self) -> None:
        self._wakes_failed.inc()

    def news_failed(self) -> None:
        self._news_failed.inc()

    def swept(self, *, objects: int, differing: int, unreadable: int, seconds: float) -> None:
        self._sweep.observe(seconds)
        self._swept.inc(objects)
        self._differing.inc(differing)
        self._unreadable.inc(unreadable)

    def due_taken(self, stores: int, seconds: float) -> None:
        self._due.inc(stores)
        self._due_turn.observe(seconds)

    def fleet(self, figures: FleetFigures | None) -> None:
        self._fleet.figures = figures

    def _child(self, metric: M, *names: str) -> M:
        """As `metric.labels`, which takes a lock and builds strings each time. `names` begin with a name for the metric itself."""
        child: M | None = self._children.get(names)
        if child is None:
            child = self._children[names] = metric.labels(*names[1:])
        return child


class _Fleet(Collector):
    """The platform as a whole, as last told. Nothing while this process does not lead: two must not report the same stores."""

    figures: FleetFigures | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        figures = self.figures
        if figures is None:
            return
        yield _gauge("storeyard_stores", "Stores by phase.", figures.stores, "phase")
        yield _gauge("storeyard_stores_due", "Stores that should be looked at now.", figures.due)
        yield _gauge("storeyard_stores_due_seconds", "How long the first of them has been due.", figures.due_age)
        yield _gauge("storeyard_stores_failing", "Stores whose last pass failed.", figures.failing)
        yield _gauge("storeyard_stores_crashing", "Stores whose last pass crashed, or killed its worker.", figures.crashing)
        yield _gauge("storeyard_stores_quarantined", "Stores that are left alone until an operator looks.", figures.quarantined)
        yield _gauge("storeyard_drift_open", "Differences found and not put right.", figures.open_drift)
        yield _gauge("storeyard_queue_up", "1 where the queue can be reached.", figures.queue_depths is not None)
        if figures.queue_depths is not None and figures.queue_ages is not None:
            yield _gauge("storeyard_queue_jobs", "Jobs that wait.", figures.queue_depths, "queue")
            yield _gauge("storeyard_queue_oldest_seconds", "How long the oldest job has waited.", figures.queue_ages, "queue")


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> GaugeMetricFamily:
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(name, text, value=float(value))
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, number in value.items():
        family.add_metric([key], number)
    return family


def _known(value: str, values: Collection[str]) -> str:
    return value if value in values else OTHER


def exposition() -> tuple[bytes, str]:
    """What this process counted (or all that share its folder), in Prometheus' text form, and the form's content type."""
    registry = REGISTRY
    if FOLDER_VARIABLE in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def forget_process(pid: int) -> None:
    """Drop the gauges of a process that ended; what it counted stays counted."""
    mark_process_dead(pid)


def serve(host: str, port: int, *, registry: CollectorRegistry = REGISTRY) -> tuple[int, Callable[[], None]]:
    """Serve /metrics in a thread, on the first port from `port` on that is free: the port taken, and how to end. Raises OSError."""
    for candidate in range(port, min(port + PORTS, 65536)):
        try:
            server, thread = start_http_server(candidate, host, registry)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return candidate, partial(_end, server, thread)
    raise OSError(errno.EADDRINUSE, f"no port is free from {port} on")


def _end(server: Any, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
