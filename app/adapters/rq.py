"""The `WakeQueue` port on RQ. A message is a dotted path from `TASKS` and a store's id, in JSON; nothing else is ever enqueued.

`intent` is for what people wait for, `repair` for what the platform noticed itself. Wakes of the second kind carry the store in the job's
id and are unique: RQ refuses the second while the first waits or runs. Their keys vanish with the job, or the id would stay refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.registry import StartedJobRegistry

from app.ports import QUEUES, QueueUnavailable

RECONCILE = "jobs.reconcile.run"
TASKS: Mapping[str, str] = {"sweep": "jobs.sweep.run", "retention": "jobs.retention.run"}

# A pass takes seconds; a sweep is time-boxed well below.
JOB_TIMEOUT = 120
FAILURE_TTL = 3600

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
        try:
            self._reach(
                lambda: queue.enqueue_call(
                    path, args=arguments, timeout=JOB_TIMEOUT, result_ttl=0, failure_ttl=0, job_id=job_id, unique=True
                )
            )
        except DuplicateJobError:
            return

    def tidy(self) -> None:
        for queue in self._queues.values():
            registry = StartedJobRegistry(queue=queue)
            self._reach(registry.cleanup)

    def depths(self) -> Mapping[str, int]:
        return {name: self._reach(lambda queue=queue: queue.count) for name, queue in self._queues.items()}

    def ping(self) -> str:
        information = self._reach(lambda: self._redis.info("server"))
        return str(information.get("valkey_version") or information.get("redis_version"))

    def _reach(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except RedisError as error:
            raise QueueUnavailable(f"The queue cannot be reached: {error}") from error
