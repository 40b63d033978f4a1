"""The `WakeQueue` port on RQ. A message is a dotted path from `TASKS` and a store's id, in JSON; nothing else is ever enqueued.

`intent` is for what people wait for, `repair` for what the platform noticed itself. Wakes of the second kind carry the store in the job's
id and are unique: RQ refuses the second while the first waits or runs. Their keys vanish with the job, or the id would stay refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, TypeVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DeserializationError, DuplicateJobError, NoSuchJobError
from rq.executions import ExecutionRegistry
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.utils import utcparse
from rq.worker import BaseWorker

from app.ports import QUEUES, QueueUnavailable, WorkerState

RECONCILE = "jobs.reconcile.run"
TASKS: Mapping[str, str] = {"sweep": "jobs.sweep.run", "retention": "jobs.retention.run"}

# A pass takes seconds; a sweep is time-boxed well below.
JOB_TIMEOUT = 120
FAILURE_TTL = 3600
# Taking a job from the queue and saying so are two steps; within so many seconds the second has followed, or the worker is dead.
TAKING = 10.0

T = TypeVar("T")


def connect(url: str, *, timeout: float = 3.0) -> Redis:
    """A client that gives up after `timeout` seconds. Nothing connects before the first command.

    One retry, at once, for a connection that the server closed while idle. The library's own default waits for seconds between retries,
    and a person would wait with it.
    """
    return Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout, retry=Retry(NoBackoff(), 1))


class RqWakeQueue:
    """Every failure to reach the server is QueueUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queues = {name: Queue(name, connection=redis, serializer="json") for name in QUEUES}

    def wake(self, store_id: str, *, urgent: bool) -> None:
        if urgent:
            self._reach(
                lambda: self._queues["intent"].enqueue_call(
                    RECONCILE, args=(store_id,), timeout=JOB_TIMEOUT, result_ttl=0, failure_ttl=FAILURE_TTL
                )
            )
        else:
            self._once(RECONCILE, f"reconcile-{store_id}", (store_id,))

    def start(self, task: Literal["sweep", "retention"]) -> None:
        self._once(TASKS[task], task, ())

    def _once(self, path: str, job_id: str, arguments: tuple[str, ...]) -> None:
        queue = self._queues["repair"]

        def enqueue() -> None:
            queue.enqueue_call(path, args=arguments, timeout=JOB_TIMEOUT, result_ttl=0, failure_ttl=0, job_id=job_id, unique=True)

        try:
            self._reach(enqueue)
        except DuplicateJobError:
            if self._reach(lambda: self._lost(queue, job_id)):
                self._reach(lambda: self._forget(job_id))
                with suppress(DuplicateJobError):
                    self._reach(enqueue)

    def _lost(self, queue: Queue, job_id: str) -> bool:
        """Whether the job neither waits nor runs: its worker died between taking it and saying so, and its id would stay refused."""
        since = self._redis.hget(Job.key_for(job_id), "enqueued_at")
        if isinstance(since, bytes) and (datetime.now(UTC) - utcparse(since.decode())).total_seconds() < TAKING:
            return False
        running = self._redis.zrange(StartedJobRegistry(queue=queue).key, 0, -1)
        if any(bytes(entry).startswith(f"{job_id}:".encode()) for entry in running):  # type: ignore[union-attr]
            return False
        return self._redis.lpos(queue.key, job_id) is None  # type: ignore[arg-type]

    def _forget(self, job_id: str) -> None:
        self._redis.delete(Job.key_for(job_id), ExecutionRegistry(job_id, self._redis).key)

    def tidy(self) -> None:
        """RQ's own clean-up fails where the record of an execution has expired with its job's lease, for a minute and for all jobs."""
        for queue in self._queues.values():
            self._reach(lambda queue=queue: self._tidy(StartedJobRegistry(queue=queue).key))
            self._reach(FailedJobRegistry(queue=queue).cleanup)

    def _tidy(self, started: str) -> None:
        ended = self._redis.zrangebyscore(started, 0, time.time())
        for entry in cast("list[bytes]", ended):
            self._forget(entry.decode().rpartition(":")[0])
            self._redis.zrem(started, entry)

    def depths(self) -> Mapping[str, int]:
        return {name: self._reach(lambda queue=queue: queue.count) for name, queue in self._queues.items()}

    def ages(self) -> Mapping[str, float]:
        return {name: self._reach(lambda queue=queue: self._age(queue)) for name, queue in self._queues.items()}

    def _age(self, queue: Queue) -> float:
        oldest = queue.get_job_ids(0, 1)
        if not oldest:
            return 0.0
        since = self._redis.hget(Job.key_for(oldest[0]), "enqueued_at")
        if not isinstance(since, bytes):
            return 0.0  # a worker took it this moment
        return max(0.0, (datetime.now(UTC) - utcparse(since.decode())).total_seconds())

    def workers(self) -> tuple[WorkerState, ...]:
        return self._reach(lambda: tuple(sorted(map(self._worker, Worker.all(connection=self._redis)), key=lambda worker: worker.name)))

    def _worker(self, worker: BaseWorker) -> WorkerState:
        job_id = worker.get_current_job_id()
        job, since = (None, None) if job_id is None else self._job(job_id)
        return WorkerState(worker.name, str(worker.get_state()), worker.last_heartbeat, job, since)

    def _job(self, job_id: str) -> tuple[str | None, datetime | None]:
        try:
            job = Job.fetch(job_id, connection=self._redis, serializer="json")
            task = str((job.args or [job.func_name])[0])
        except NoSuchJobError:
            return None, None
        except DeserializationError:
            return "unreadable", None
        return next((name for name, path in TASKS.items() if path == task), task), job.started_at

    def ping(self) -> str:
        information = self._reach(lambda: self._redis.info("server"))
        return str(information.get("valkey_version") or information.get("redis_version"))

    def _reach(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except RedisError as error:
            raise QueueUnavailable(f"The queue cannot be reached: {error}") from error
