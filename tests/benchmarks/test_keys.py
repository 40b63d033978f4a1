"""The benchmarks print the keys that are asked of them, on sizes that tell nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.medusa import find_bundle
from benchmarks.platform import Refused

ROOT = Path(__file__).resolve().parents[2]

APPLY = {"stores", "seconds", "stores_per_s", "objects_per_s", "raw_objects_per_s", "ratio", "worker_rss_mb"}
PASSES = {"passes_per_s", "requests_per_pass", "writes", "rss_start_mb", "rss_end_mb"}
READY = {"to_ready_s", "steps", "control_plane_s", "gone_s"}
QUEUE = {"jobs_per_s", "wake_p95_ms"}
REPAIR = {"p50_s", "p95_s", "max_s", "unrepaired", "watcher_rss_mb"}
WEB = {
    "list_p95_ms", "store_p95_ms", "console_p95_ms", "create_p95_ms", "queries_max", "sse_delivered", "sse_p99_ms", "web_rss_mb",
    "pages_meanwhile_p95_ms", "tenth",
}  # fmt: skip
STOREFRONT = {"catalogue_p95_ms", "catalogue_rps", "medusa_requests", "checkout_overhead_ms", "rss_mb"}


def bench(name: str, *options: str, kubeconfig: str | None = None, expect: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOREYARD_")}
    if kubeconfig is not None:
        environment["STOREYARD_BENCH_KUBECONFIG"] = kubeconfig
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == expect, done.stderr
    return done


def figures(name: str, *options: str, kubeconfig: str | None = None) -> dict[str, Any]:
    return json.loads(bench(name, *options, "--json", kubeconfig=kubeconfig).stdout)


@pytest.fixture
def kubeconfig() -> str:
    if "STOREYARD_TEST_KUBECONFIG" not in os.environ:
        pytest.skip("no STOREYARD_TEST_KUBECONFIG")
    return os.environ["STOREYARD_TEST_KUBECONFIG"]


def test_queue_tells_jobs_and_wakes() -> None:
    told = figures("queue", "--jobs", "4", "--wakes", "2")
    assert set(told) == QUEUE
    assert all(value > 0 for value in told.values())


def test_web_tells_pages_statements_and_streams() -> None:
    sizes = {"tenants": 3, "stores": 110, "events": 2010, "requests": 3, "creates": 2, "streams": 4}
    told = figures("web", *(word for name, size in sizes.items() for word in (f"--{name}", str(size))))
    assert set(told) == WEB
    assert 1 <= told["queries_max"] <= 12
    assert told["sse_delivered"] == 20


@pytest.mark.cluster
def test_apply_compares_with_bare_applies(kubeconfig: str) -> None:
    told = figures("apply", "--stores", "2", "--threads", "4", kubeconfig=kubeconfig)
    assert set(told) == APPLY
    assert told["stores"] == 2


@pytest.mark.cluster
def test_passes_over_unchanged_stores_write_nothing(kubeconfig: str) -> None:
    told = figures("passes", "--passes", "20", "--stores", "2", kubeconfig=kubeconfig)
    assert set(told) == PASSES
    assert told["writes"] == 0
    assert told["requests_per_pass"] <= 16


@pytest.mark.cluster
def test_repair_leaves_no_edit_unrepaired(kubeconfig: str) -> None:
    told = figures("repair", "--stores", "6", "--edits", "6", "--rate", "6", kubeconfig=kubeconfig)
    assert set(told) == REPAIR
    assert told["unrepaired"] == 0


@pytest.mark.node
def test_ready_tells_the_steps(kubeconfig: str) -> None:
    told = figures("ready", "--stores", "1", kubeconfig=kubeconfig)
    assert set(told) == READY
    assert {"DatabaseReady", "BackendReady"} <= set(told["steps"])


@pytest.mark.local
def test_storefront_sells_and_hardly_asks_medusa() -> None:
    try:
        find_bundle()
    except Refused as missing:
        pytest.skip(str(missing))
    told = figures("storefront", "--requests", "200", "--checkouts", "1")
    assert set(told) == STOREFRONT
    assert told["medusa_requests"] < 50


def test_without_medusa_the_storefront_is_not_measured() -> None:
    assert "Medusa is not built" in bench("storefront", "--bundle", "/nowhere", expect=2).stderr


def test_without_json_the_figures_are_lines_for_people() -> None:
    lines = bench("queue", "--jobs", "2", "--wakes", "1").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["jobs_per_s", "wake_p95_ms"]


@pytest.mark.parametrize("name", ["apply", "passes", "ready"])
def test_without_a_cluster_it_refuses_with_a_sentence(name: str) -> None:
    done = bench(name, expect=2)
    assert "Set STOREYARD_BENCH_KUBECONFIG to the kubeconfig" in done.stderr
    assert done.stdout == ""


def test_a_kubeconfig_that_is_not_there_is_named() -> None:
    assert "names /nowhere, which is not a file" in bench("passes", kubeconfig="/nowhere", expect=2).stderr
