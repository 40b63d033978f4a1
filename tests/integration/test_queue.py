"""The queue on a real Valkey: what is coalesced, what never is, and that nothing but our own jobs is ever run (F6, F34)."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job

from app.adapters.rq import RECONCILE, RqWakeQueue, connect
from app.ports import QueueUnavailable
from jobs import ALLOWED
from jobs.worker import JOB_LEASE, WakeJob, run_worker
from tests.factories import make_id


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that reached the entry point."""
    seen: list[str] = []
    monkeypatch.setattr("jobs.reconcile.run", seen.append)
    return seen


def test_wakes_that_nobody_waits_for_are_coalesced_per_store(redis: Redis, passes: list[str]) -> None:
    queue, first, second = RqWakeQueue(redis), make_id(), make_id()
    for store_id in (first, first, second, first):
        queue.wake(store_id, urgent=False)
    run_worker(redis, burst=True)
    assert sorted(passes) == sorted([first, second])


def test_an_urgent_wake_is_never_swallowed_by_one_that_waits(redis: Redis, passes: list[str]) -> None:
    queue, store_id = RqWakeQueue(redis), make_id()
    queue.wake(store_id, urgent=False)
    queue.wake(store_id, urgent=True)
    assert queue.depths() == {"intent": 1, "repair": 1}
    run_worker(redis, burst=True)
    assert passes == [store_id, store_id]


def test_a_store_can_be_woken_again_once_its_wake_has_been_worked_off(redis: Redis, passes: list[str]) -> None:
    queue, store_id = RqWakeQueue(redis), make_id()
    for _ in range(3):
        queue.wake(store_id, urgent=False)
        run_worker(redis, burst=True)
    assert passes == [store_id] * 3


def test_a_wake_whose_pass_crashed_does_not_block_the_next(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def crash(store_id: str) -> None:
        calls.append(store_id)
        raise RuntimeError("a bug")

    monkeypatch.setattr("jobs.reconcile.run", crash)
    queue, store_id = RqWakeQueue(redis), make_id()
    for _ in range(2):
        queue.wake(store_id, urgent=False)
        run_worker(redis, burst=True)
    assert calls == [store_id] * 2


def test_a_message_is_a_path_and_an_id(redis: Redis) -> None:
    queue, store_id = RqWakeQueue(redis), make_id()
    queue.wake(store_id, urgent=True)
    queue.start("sweep")
    jobs = [Queue(name, connection=redis, serializer="json").jobs[0] for name in ("intent", "repair")]
    assert [(job.func_name, job.args, job.kwargs) for job in jobs] == [(RECONCILE, [store_id], {}), ("jobs.sweep.run", [], {})]


def test_every_allowed_path_leads_to_a_function() -> None:
    for path in ALLOWED:
        job = WakeJob.create(path, args=(), serializer="json", connection=Redis())
        assert callable(job.func)


FORGERIES: tuple[tuple[str, str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("another function of the standard library", "os.mkdir", ("{marker}",), {}),
    ("a function of ours that is no job", "app.services.retention.retention", (), {}),
    ("an argument that is no id", RECONCILE, ("{marker}",), {}),
    ("a keyword argument", RECONCILE, (), {"store_id": "{marker}"}),
    ("an object as argument", RECONCILE, ({"$ne": None},), {}),
)


@pytest.mark.parametrize(("reason", "path", "arguments", "keywords"), FORGERIES, ids=[case[0] for case in FORGERIES])
def test_f34_a_forged_job_is_not_run(
    reason: str, path: str, arguments: tuple[Any, ...], keywords: dict[str, Any], redis: Redis, passes: list[str], tmp_path: Path
) -> None:
    marker = tmp_path / "made-by-a-forged-job"
    arguments = tuple(str(marker) if argument == "{marker}" else argument for argument in arguments)
    forged = Queue("intent", connection=redis, serializer="json").enqueue_call(path, args=arguments, kwargs=keywords)
    run_worker(redis, burst=True)
    assert not marker.exists(), reason
    assert passes == []
    assert not Job.exists(forged.id, connection=redis)


class _Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


def test_f34_a_pickle_in_the_queue_is_not_loaded(redis: Redis, passes: list[str], tmp_path: Path) -> None:
    marker = tmp_path / "made-by-a-pickle"
    forged = Queue("intent", connection=redis, serializer="json").enqueue_call(RECONCILE, args=(make_id(),))
    redis.hset(forged.key, "data", pickle.dumps((RECONCILE, None, (_Bomb(marker),), {})))
    run_worker(redis, burst=True)
    assert not marker.exists()
    assert passes == []


def test_f34_a_callback_beside_an_allowed_job_is_ignored(redis: Redis, passes: list[str], tmp_path: Path) -> None:
    store_id = make_id()
    callback = Callback("tests.integration.test_queue.leave_a_mark")
    queue = Queue("intent", connection=redis, serializer="json")
    queue.enqueue_call(RECONCILE, args=(store_id,), on_success=callback, on_failure=callback, meta={"mark": str(tmp_path / "mark")})
    run_worker(redis, burst=True)
    assert passes == [store_id]
    assert not (tmp_path / "mark").exists()


def leave_a_mark(job: Job, *_: Any) -> None:
    """What a forged callback would do."""
    Path(job.meta["mark"]).touch()


def test_a_running_job_is_leased_for_seconds_so_that_a_dead_worker_is_noticed(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, store_id, leases = RqWakeQueue(redis), make_id(), []

    def look(_: str) -> None:
        registry = Queue("repair", connection=redis, serializer="json").started_job_registry
        leases.extend(redis.zrange(registry.key, 0, -1, withscores=True))

    monkeypatch.setattr("jobs.reconcile.run", look)
    queue.wake(store_id, urgent=False)
    run_worker(redis, burst=True)
    now = float(redis.time()[0])
    assert len(leases) == 1
    assert leases[0][1] <= now + JOB_LEASE + 1


def test_an_unreachable_queue_is_said_so() -> None:
    queue = RqWakeQueue(connect("unix:///nonexistent/socket"))
    for call in (lambda: queue.wake(make_id(), urgent=True), lambda: queue.start("sweep"), queue.tidy, queue.depths, queue.ping):
        with pytest.raises(QueueUnavailable):
            call()
