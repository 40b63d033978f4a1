"""Who watches the platform: the read side on a real database, workers and ages on a real Valkey, and `storeyard top`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from rq import Queue

from app.adapters.rq import RqWakeQueue
from app.cli.invocation import Cli
from app.cli.top import _lines
from app.domain.errors import Rejected
from app.models.session import Sessions
from app.ports import QueueUnavailable, WorkerState
from app.services.context import Services
from app.services.fleet import SILENT, look
from app.services.fleet_queries import fleet_figures, watch
from app.services.leases import acquire, take_store_lease
from app.services.pause_reconciling import pause_platform
from app.services.reconcile_store import reconcile_store
from jobs.worker import WORKER_TTL, WakeJob, WarmWorker
from tests.factories import OPERATOR, make_id, make_store, make_tenant, set_row
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell

RECENT = timedelta(minutes=5)


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    return Shell.open(services, queue)


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        yield client


def test_the_figures_count_what_is_there(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    failing, crashing, quarantined, fresh = (make_store(services, tenant) for _ in range(4))
    for store in (failing, crashing, quarantined):
        set_row(services, store.id, next_reconcile_at=clock.now() + timedelta(hours=1), observed_generation=1)
    set_row(services, failing.id, failure_count=3)
    set_row(services, crashing.id, crash_count=1)
    set_row(services, quarantined.id, quarantined_at=clock.now(), crash_count=5)
    clock.advance(20)
    figures = fleet_figures(services)
    assert (figures.failing, figures.crashing, figures.quarantined) == (1, 2, 1)
    assert (figures.due, round(figures.due_age)) == (1, 20)
    assert figures.stores["Pending"] == 4
    assert figures.queue_depths is not None
    set_row(services, fresh.id, paused_until=clock.now() + timedelta(hours=1), paused_reason="later")
    assert fleet_figures(services).due == 0


def test_a_queue_that_is_down_leaves_the_rest_of_the_figures(services: Services, queue: FakeQueue) -> None:
    make_store(services)
    queue.down = True
    figures = fleet_figures(services)
    assert figures.queue_depths is None
    assert figures.stores["Pending"] == 1


def test_stores_in_trouble_say_why_and_the_worst_comes_first(shell: Shell) -> None:
    shell.worker = False
    tenant = make_tenant(shell.services)
    fine, refused, worse, crashing = (make_store(shell.services, tenant) for _ in range(4))
    reconcile_store(shell.services, fine.id)
    for store in (refused, worse, worse):
        shell.cluster.fail_on(lambda verb, key: verb == "create", Rejected("this name is not allowed"))
        reconcile_store(shell.services, store.id)
    for _ in range(shell.services.policy.max_failures):
        shell.cluster.fail_on(lambda *_: True, ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError):
            reconcile_store(shell.services, crashing.id)
    seen = watch(shell.services, recent=RECENT, most=10)
    assert [(trouble.store.id, trouble.failure_count) for trouble in seen.troubles] == [(worse.id, 2), (refused.id, 1)]
    assert "this name is not allowed" in seen.troubles[0].message
    assert (seen.failing, seen.figures.quarantined) == (2, 1)
    assert [(t.store.slug, t.reason, t.message) for t in seen.quarantined] == [(crashing.slug, "ZeroDivisionError", "a bug")]
    assert watch(shell.services, recent=RECENT, most=1).troubles == seen.troubles[:1]


def test_a_store_that_killed_its_workers_is_told_as_such(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    set_row(services, store.id, quarantined_at=clock.now())
    assert watch(services, recent=RECENT, most=5).quarantined[0].reason == "WorkerDied"


def test_slow_passes_are_the_slowest_of_the_last_minutes_with_their_slowest_step(shell: Shell) -> None:
    make_store(shell.services)
    seen = watch(shell.services, recent=RECENT, most=10).slow
    assert len(seen) >= 2
    assert [one.duration_ms for one in seen] == sorted((one.duration_ms for one in seen), reverse=True)
    assert all(one.step in ("render", "namespace", "observe", "plan", "apply", "judge") for one in seen)
    assert watch(shell.services, recent=timedelta(0), most=10).slow == ()


def test_what_is_under_way_is_told_with_who_does_it(services: Services) -> None:
    store = make_store(services)
    take_store_lease(services, store.id, ttl=15, holder="host-1")
    assert [(entry.store.slug, entry.holder) for entry in watch(services, recent=RECENT, most=5).under_way] == [(store.slug, "host-1")]


def attention(services: Services) -> str:
    return "\n".join(look(services).attention)


def test_all_is_well_only_where_somebody_leads_and_somebody_works(services: Services, queue: FakeQueue, clock: FakeClock) -> None:
    assert "No scheduler leads" in attention(services)
    assert "No worker is alive" in attention(services)
    assert "No watcher leads" in attention(services)
    acquire(services, "scheduler", "host-9", ttl=60)
    acquire(services, "watcher", "host-9", ttl=60)
    queue.crew = (WorkerState("host-1", "idle", clock.now()),)
    assert attention(services) == ""
    clock.advance(SILENT + 1)
    assert "Worker host-1 is silent" in attention(services)
    queue.crew, queue.oldest = (WorkerState("host-1", "idle", clock.now()),), {"intent": 45.0}
    pause_platform(services, OPERATOR, until=clock.now() + timedelta(hours=1), reason="node upgrade")
    assert "waited in intent for 45 s" in attention(services)
    assert "paused for all stores: node upgrade" in attention(services)


def test_a_frozen_queue_is_not_waited_for(services: Services, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(queue, "depths", lambda: release.wait(30))
    begun = time.monotonic()
    seen = look(services)
    release.set()
    assert time.monotonic() - begun < 5
    assert seen.queues is None
    assert "does not answer" in seen.attention[0]


def test_the_age_of_a_queue_is_that_of_its_oldest_job(redis: Redis) -> None:
    queue = RqWakeQueue(redis)
    assert queue.ages() == {"intent": 0.0, "repair": 0.0}
    for _ in range(2):
        queue.wake(make_id(), urgent=True)
    oldest = Queue("intent", connection=redis, serializer="json").jobs[0]
    redis.hset(oldest.key, "enqueued_at", (datetime.now(UTC) - timedelta(seconds=42)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    ages = queue.ages()
    assert 42 <= ages["intent"] < 47
    assert ages["repair"] == 0.0


def warm_worker(redis: Redis) -> WarmWorker:
    queues = [Queue(name, connection=redis, serializer="json", job_class=WakeJob) for name in ("intent", "repair")]
    return WarmWorker(queues, name=f"host-{make_id()}", connection=redis, serializer="json", job_class=WakeJob)


def test_workers_tell_what_they_do(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, store_id = RqWakeQueue(redis), make_id()
    seen: list[tuple[WorkerState, ...]] = []
    monkeypatch.setattr("jobs.reconcile.run", lambda _: seen.append(queue.workers()))
    monkeypatch.setattr("jobs.sweep.run", lambda: seen.append(queue.workers()))
    queue.wake(store_id, urgent=True)
    queue.start("sweep")
    worker = warm_worker(redis)
    worker.work(burst=True)
    worker.end()
    (one,), (two,) = seen
    assert (one.name, one.state, one.job, two.job) == (worker.name, "busy", store_id, "sweep")
    assert one.since is not None
    assert one.heard_at is not None
    assert abs((datetime.now(UTC) - one.heard_at).total_seconds()) < 30
    assert queue.workers() == (), "it signed off"


def test_an_idle_worker_says_that_it_lives_and_comes_back_after_the_queue_was_emptied(redis: Redis) -> None:
    queue, worker = RqWakeQueue(redis), warm_worker(redis)
    worker.register_birth()
    worker.set_state("idle")
    redis.flushall()
    assert queue.workers() == ()
    worker._say_alive()
    (state,) = queue.workers()
    assert (state.name, state.state, state.job) == (worker.name, "idle", None)
    assert 0 < int(redis.ttl(worker.key)) <= WORKER_TTL  # type: ignore[arg-type]
    worker.end()


def test_a_queue_out_of_reach_is_one_error(tmp_path: Path) -> None:
    with Redis(unix_socket_path=str(tmp_path / "nobody")) as nobody:
        queue = RqWakeQueue(nobody)
        for ask in (queue.ages, queue.workers, queue.depths):
            with pytest.raises(QueueUnavailable):
                ask()


def test_top_as_one_document(shell: Shell, queue: FakeQueue) -> None:
    store = make_store(shell.services)
    queue.crew = (WorkerState("host-1", "busy", datetime.now(UTC), store.id, datetime.now(UTC)),)
    acquire(shell.services, "scheduler", "host-9", ttl=60)
    acquire(shell.services, "watcher", "host-9", ttl=60)
    seen = shell.json("top", "--once")
    assert set(seen) == {
        "at", "attention", "queue_error", "queues", "workers", "leaders", "platform", "stores", "due", "under_way", "slow_passes",
        "failing", "quarantined", "open_drift",
    }  # fmt: skip
    assert [entry["name"] for entry in seen["queues"]] == ["intent", "repair"]
    assert seen["workers"][0]["store"] == {"id": store.id, "slug": store.slug, "tenant": seen["slow_passes"][0]["store"]["tenant"]}
    assert (seen["leaders"][0]["name"], seen["leaders"][0]["active"]) == ("scheduler", True)
    assert seen["stores"]["Ready"] == 1
    assert seen["failing"] == {"stores": 0, "first": []}
    assert seen["attention"] == []


def test_top_shows_the_rest_where_the_queue_is_down(shell: Shell, queue: FakeQueue) -> None:
    make_store(shell.services)
    queue.down = True
    shown = shell.ok("top", "--once")
    assert "!! the fake queue is down Work waits; none is lost." in shown
    assert "1 Ready" in shown
    assert "SLOWEST PASSES" in shown
    seen = shell.json("top", "--once")
    assert (seen["queues"], seen["workers"]) == (None, None)


def test_top_goes_on_without_the_database(services: Services, tmp_path: Path) -> None:
    """Who watches when it fails should still watch when it is back."""
    lost = replace(services, sessions=Sessions.from_url(f"postgresql://nobody@/nothing?host={tmp_path}"))
    lines = _lines(Cli(lost), RECENT)
    assert lines[0].startswith("storeyard")
    assert lines[2].startswith("!! ")
    assert lines[-1] == "Trying again."


def test_top_refreshes_in_place_and_gives_the_terminal_back(database: str, valkey_url: str) -> None:
    """On a real terminal, ended by `q`."""
    base = {"DATABASE_URL": database, "QUEUE_URL": valkey_url, "VAULT_KEYS": Fernet.generate_key().decode()}
    ours = {f"STOREYARD_{name}": value for name, value in base.items()}
    environment = {**os.environ, **ours, "TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    main, side = pty.openpty()
    command = [sys.executable, "-c", "from app.cli import main; main()", "top", "--interval", "0.3"]
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=environment, cwd=Path(__file__).parents[2])
    try:
        shown = read_until(main, b"UTC", times=3)
        assert b"No scheduler leads" in shown
        assert b"\x1b[H" in shown
        os.write(main, b"q")
        assert b"\x1b[?1049l" in read_until(main, b"\x1b[?1049l")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(side)


def read_until(terminal: int, wanted: bytes, *, times: int = 1, seconds: float = 30) -> bytes:
    read, deadline = b"", time.monotonic() + seconds
    while read.count(wanted) < times and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            read += os.read(terminal, 65536)
    return read
