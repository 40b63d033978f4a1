"""What the benchmarks reckon with: percentiles, a worker's log, and a stub that a pass can't tell from a cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.jinja import JinjaRenderer
from app.domain.stores import Phase
from app.services.context import Services
from app.services.reconcile_store import reconcile_store
from benchmarks.passlog import PassLog
from benchmarks.report import percentile
from benchmarks.stub import StubCluster
from tests.factories import make_store, row_of


@pytest.mark.parametrize(
    ("share", "expected", "reason"),
    [(0.5, 5, "half of ten values do not exceed the fifth"), (0.95, 10, "19 of 20 needs all ten"), (1.0, 10, "all")],
)
def test_percentile_is_the_nearest_rank(share: float, expected: float, reason: str) -> None:
    assert percentile([float(value) for value in range(10, 0, -1)], share) == expected, reason


def test_a_log_is_summed_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    line = json.dumps({"event": "pass recorded", "requests": 16, "writes": 1, "duration_ms": 250, "error": None})
    path.write_text(f'{{"event": "worker started"}}\n{line}\n{line[:20]}')
    log = PassLog(path)
    log.read()
    assert (log.passes, log.requests, log.writes, log.busy_s) == (1, 16, 1, 0.25)
    with path.open("a") as file:
        file.write(f"{line[20:]}\n")
    log.read()
    assert (log.passes, log.requests) == (2, 32)
    assert log.failed is None


def test_on_the_stub_a_store_is_ready_after_one_pass_and_unchanged_after_two(services: Services) -> None:
    cluster = StubCluster()
    platform = replace(services, renderer=JinjaRenderer(None, services.profile), cluster=lambda _: cluster)
    store = make_store(platform)
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).phase is Phase.READY
    report = reconcile_store(platform, store.id)
    assert report.outcome is not None
    assert not report.outcome.changes.effective
    assert not report.outcome.drift
