"""What passes, sweeps, the due loop and the scheduler count, on a real database; and how it is read."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from app.adapters.jinja import JinjaRenderer
from app.adapters.prometheus import PrometheusMetrics, serve
from app.domain.errors import Conflict, LeaseLost, Transient
from app.domain.manifests import ObjectKey
from app.services.context import Services
from app.services.leases import acquire
from app.services.measured_cluster import MeasuredCluster
from app.services.reconcile_store import reconcile_store
from app.services.schedule import LEADER, run_scheduler, wake_due
from app.services.sweep import sweep
from app.services.wakes import send_wake
from tests.factories import make_store, set_row
from tests.fakes.cluster import FakeCluster
from tests.fakes.queue import FakeQueue


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def platform(services: Services, cluster: FakeCluster, registry: CollectorRegistry) -> Services:
    metrics = PrometheusMetrics(registry)
    measured = MeasuredCluster(cluster, metrics)
    return replace(services, metrics=metrics, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: measured)


@pytest.fixture
def count(registry: CollectorRegistry) -> Iterator[object]:
    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(f"storeyard_{name}", labels) or 0.0

    return value  # type: ignore[return-value]


def test_a_pass_is_counted_with_its_steps_and_its_calls(platform: Services, cluster: FakeCluster, count) -> None:
    store = make_store(platform)
    reconcile_store(platform, store.id)
    assert count("passes_total", outcome="changed") == 1
    assert count("pass_seconds_count") == 1
    for step in ("render", "namespace", "observe", "plan", "apply", "judge", "record"):
        assert count("pass_step_seconds_count", step=step) == 1, step
    assert count("cluster_call_seconds_count", verb="create", kind="Namespace", outcome="ok") == 1
    assert count("cluster_call_seconds_count", verb="apply", kind="Deployment", outcome="ok") == 2
    assert count("cluster_call_seconds_count", verb="apply", kind="NetworkPolicy", outcome="ok") > 1
    cluster.settle()
    reconcile_store(platform, store.id)
    reconcile_store(platform, store.id)
    assert count("passes_total", outcome="observed") == 2


def test_no_label_names_a_store_or_a_tenant(platform: Services, cluster: FakeCluster, registry: CollectorRegistry) -> None:
    store = make_store(platform)
    reconcile_store(platform, store.id)
    cluster.settle()
    reconcile_store(platform, store.id)
    sweep(platform)
    samples = [sample for family in registry.collect() for sample in family.samples]
    assert {name for sample in samples for name in sample.labels} == {"outcome", "step", "verb", "kind", "le"}
    values = {value for sample in samples for value in sample.labels.values()}
    assert not [value for value in values if any(word in value for word in (store.id, store.tenant_id, store.slug, store.namespace))]


def test_failures_crashes_and_lost_leases_are_told_apart(platform: Services, cluster: FakeCluster, count) -> None:
    store = make_store(platform)
    cluster.fail_on(lambda *_: True, Transient("the server is ill"))
    reconcile_store(platform, store.id)
    assert count("passes_total", outcome="failed") == 1
    cluster.fail_on(lambda *_: True, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        reconcile_store(platform, store.id)
    assert count("passes_total", outcome="crashed") == 1
    cluster.fail_on(lambda *_: bool(set_row(platform, store.id, lease_token="another")), Conflict("never raised"), times=None)
    with pytest.raises(LeaseLost):
        reconcile_store(platform, store.id)
    assert count("passes_total", outcome="lost") == 1
    assert count("leases_lost_total", lease="store") == 1


def test_a_wake_that_found_nothing_to_do_is_counted(platform: Services, count) -> None:
    store = make_store(platform)
    set_row(platform, store.id, quarantined_at=platform.clock.now())
    reconcile_store(platform, store.id)
    assert count("passes_total", outcome="quarantined") == 1
    assert count("pass_seconds_count") == 0


def test_sweeps_and_the_due_loop_are_counted(platform: Services, cluster: FakeCluster, count) -> None:
    store = make_store(platform)
    set_row(platform, store.id, wake_after=None)
    assert wake_due(platform) == 1
    assert (count("due_stores_total"), count("due_turn_seconds_count")) == (1, 1)
    reconcile_store(platform, store.id)
    cluster.settle()
    reconcile_store(platform, store.id)
    cluster.remove(ObjectKey("Service", store.namespace, "backend"))
    cluster.fail_on(lambda verb, key: key.kind == "Ingress", Transient("no"))
    sweep(platform)
    assert count("sweep_seconds_count") == 1
    assert count("sweep_objects_total") > 10
    assert (count("sweep_differing_stores_total"), count("sweep_unreadable_kinds_total")) == (1, 1)


def test_wakes_that_the_queue_did_not_take_are_counted(platform: Services, queue: FakeQueue, count) -> None:
    store = make_store(platform)
    queue.down = True
    assert not send_wake(platform, store.id, urgent=True)
    assert count("wakes_failed_total") == 1


def test_the_leading_scheduler_tells_of_the_whole_and_stops_when_it_leads_no_more(
    platform: Services, queue: FakeQueue, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that lead would report every store twice."""
    store = make_store(platform)
    queue.oldest["intent"] = 7.5
    stop, told = threading.Event(), list[dict[str, float | None]]()
    tell = platform.metrics.fleet

    def telling(figures: object) -> None:
        tell(figures)  # type: ignore[arg-type]
        read = registry.get_sample_value
        told.append(
            {
                "stores": read("storeyard_stores", {"phase": "Pending"}),
                "oldest": read("storeyard_queue_oldest_seconds", {"queue": "intent"}),
            }
        )
        stop.set()

    monkeypatch.setattr(platform.metrics, "fleet", telling)
    run_scheduler(platform, stop)
    assert told == [{"stores": 1, "oldest": 7.5}, {"stores": None, "oldest": None}]
    assert acquire(platform, LEADER, "another", ttl=5) is not None
    assert store.id in queue.woken


def test_a_port_that_is_taken_is_passed_over() -> None:
    registry = CollectorRegistry()
    PrometheusMetrics(registry).wake_failed()
    first, end_first = serve("127.0.0.1", 29461, registry=registry)
    second, end_second = serve("127.0.0.1", first, registry=registry)
    try:
        assert second > first
        with urllib.request.urlopen(f"http://127.0.0.1:{second}/metrics", timeout=5) as answer:
            assert b"storeyard_wakes_failed_total 1.0" in answer.read()
    finally:
        end_first()
        end_second()
