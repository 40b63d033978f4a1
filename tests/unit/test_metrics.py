"""What Prometheus is told: series that are bounded whatever comes in, and the whole from the leader alone."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import structlog
from prometheus_client import CollectorRegistry

from app.adapters.prometheus import ANSWERS, DONE, OTHER, SKIPPED, STEPS, VERBS, PrometheusMetrics
from app.domain.errors import Conflict, Rejected, Transient
from app.domain.manifests import KINDS, ObjectKey
from app.ports import FleetFigures, Metrics, NullMetrics
from app.reconcile.circuit import THRESHOLD, CircuitCluster
from app.services.context import ContextExecutor
from app.services.measured_cluster import MeasuredCluster
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster

FIGURES = FleetFigures({"Ready": 3, "Failed": 1}, 2, 4.5, 1, 1, 1, 7, {"intent": 5}, {"intent": 12.5})


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry)


def labels(registry: CollectorRegistry) -> dict[str, set[str]]:
    """Every value there is, by the label's name."""
    found: dict[str, set[str]] = {}
    for family in registry.collect():
        for sample in family.samples:
            for name, value in sample.labels.items():
                found.setdefault(name, set()).add(value)
    return found


def tell_everything(metrics: Metrics, word: str) -> None:
    metrics.pass_done(word, 0.1, {word: 0.1})
    metrics.pass_skipped(word)
    metrics.cluster_called(word, word, word, 0.1)
    metrics.lease_lost("store")
    metrics.lease_lost("leader")
    metrics.wake_failed()
    metrics.swept(objects=3, differing=1, unreadable=1, seconds=0.2)
    metrics.due_taken(4, 0.01)
    metrics.circuit("00000000000000000000000001", is_open=True)


def test_no_value_from_outside_becomes_a_series(registry: CollectorRegistry, metrics: PrometheusMetrics) -> None:
    for number in range(200):
        tell_everything(metrics, f"01kjmma2g0by8hr9tbh77jbh{number}")
    metrics.fleet(FIGURES)
    found = labels(registry)
    found.pop("le")
    assert found.pop("cluster") == {"00000000000000000000000001"}
    assert found.pop("phase") == {"Ready", "Failed"}
    assert found.pop("queue") == {"intent"}
    assert found.pop("lease") == {"store", "leader"}
    assert found == {"outcome": {OTHER}, "step": {OTHER}, "verb": {OTHER}, "kind": {OTHER}}


def test_all_values_that_exist_are_known(registry: CollectorRegistry, metrics: PrometheusMetrics) -> None:
    for outcome in DONE:
        metrics.pass_done(outcome, 1, dict.fromkeys(STEPS, 1.0))
    for reason in SKIPPED:
        metrics.pass_skipped(reason)
    for verb in VERBS:
        for kind in (*KINDS, ""):
            for answer in ANSWERS:
                metrics.cluster_called(verb, kind, answer, 1)
    found = labels(registry)
    assert found["outcome"] == DONE | SKIPPED | ANSWERS
    assert found["step"] == STEPS
    assert found["verb"] == VERBS
    assert found["kind"] == {*KINDS, ""}


def test_a_process_that_does_not_lead_says_nothing_of_the_whole(registry: CollectorRegistry, metrics: PrometheusMetrics) -> None:
    assert registry.get_sample_value("storeyard_stores_due") is None
    metrics.fleet(FIGURES)
    assert registry.get_sample_value("storeyard_stores", {"phase": "Ready"}) == 3
    assert registry.get_sample_value("storeyard_queue_oldest_seconds", {"queue": "intent"}) == 12.5
    metrics.fleet(None)
    assert registry.get_sample_value("storeyard_stores_due") is None


def test_a_queue_out_of_reach_is_no_empty_queue(registry: CollectorRegistry, metrics: PrometheusMetrics) -> None:
    metrics.fleet(FleetFigures({}, 0, 0.0, 0, 0, 0, 0, None, None))
    assert registry.get_sample_value("storeyard_queue_up") == 0
    assert registry.get_sample_value("storeyard_queue_jobs", {"queue": "intent"}) is None


def test_the_null_metrics_take_whatever_the_port_takes() -> None:
    tell_everything(NullMetrics(), "anything")
    NullMetrics().fleet(FIGURES)


ANSWERED = (
    ("an answer", None, "ok"),
    ("the server is ill", Transient("no"), "transient"),
    ("somebody was faster", Conflict("no"), "conflict"),
    ("it is not allowed", Rejected("no"), "rejected"),
    ("a bug", ZeroDivisionError(), "error"),
)


@pytest.mark.parametrize(("reason", "error", "outcome"), ANSWERED, ids=[case[0] for case in ANSWERED])
def test_every_call_is_counted_by_what_was_answered(
    reason: str, error: Exception | None, outcome: str, registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    inner = FakeCluster()
    if error is not None:
        inner.fail_on(lambda *_: True, error)
    cluster = MeasuredCluster(inner, metrics)
    with nullcontext() if error is None else pytest.raises(type(error)):
        cluster.get(ObjectKey("Namespace", "", "default"))
    expected = {"verb": "get", "kind": "Namespace", "outcome": outcome}
    assert registry.get_sample_value("storeyard_cluster_call_seconds_count", expected) == 1, reason


def test_a_circuit_tells_when_it_opens_and_when_it_closes_and_what_it_holds_back_is_no_call(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    inner, clock = FakeCluster(), FakeClock()
    circuit = CircuitCluster(MeasuredCluster(inner, metrics), clock, told=lambda is_open: metrics.circuit("c", is_open=is_open))
    inner.fail_on(lambda *_: True, Transient("no"), times=THRESHOLD)
    for _ in range(THRESHOLD + 3):
        with pytest.raises(Transient):
            circuit.version()
    assert registry.get_sample_value("storeyard_cluster_circuit_open", {"cluster": "c"}) == 1
    failed = {"verb": "version", "kind": "", "outcome": "transient"}
    assert registry.get_sample_value("storeyard_cluster_call_seconds_count", failed) == THRESHOLD
    clock.advance(60)
    circuit.version()
    assert registry.get_sample_value("storeyard_cluster_circuit_open", {"cluster": "c"}) == 0


def test_what_is_bound_to_a_job_is_bound_in_the_threads_that_work_for_it() -> None:
    with ContextExecutor(2) as executor:
        with structlog.contextvars.bound_contextvars(run_id="first"):
            inside = executor.submit(structlog.contextvars.get_contextvars)
        outside = executor.submit(structlog.contextvars.get_contextvars)
        assert inside.result()["run_id"] == "first"
        assert "run_id" not in outside.result()
