"""A warm worker: jobs run in the worker's own process, so that imports, TLS connections and database pools stay.

Without a fork there is no parent to watch the job, so a thread keeps its heartbeat; a worker that dies is noticed after `JOB_LEASE`.
The queue is not trusted: a job runs only if its path is in `jobs.ALLOWED` and its arguments are ids, and brings along no callback,
webhook or code of its own.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, worker_registration
from rq.executions import Execution
from rq.job import Job
from rq.worker import SimpleWorker
from structlog.contextvars import bound_contextvars, clear_contextvars

from app.bootstrap import configure_logging, queue_connection
from app.domain.errors import Rejected
from app.domain.naming import is_id
from app.ports import QUEUES
from app.services.masking import hide, masked
from jobs import ALLOWED
from jobs.runtime import announce_metrics, exit_with, services, settings_or_exit

HEARTBEAT = 5.0
# A worker that is not heard of for so long is struck off the queue's list.
WORKER_TTL = 60
JOB_LEASE = 20
RECONNECT = 1.0

log = structlog.get_logger(__name__)


class NotAllowed(Exception):
    """A job that this platform never enqueues."""


class WakeJob(Job):
    """A job as the platform means it: a path of `ALLOWED`, ids as arguments, nothing that runs beside it."""

    def check(self) -> None:
        """Raise NotAllowed unless the job is one of ours. Imports nothing, runs nothing."""
        try:
            path, instance, args, kwargs = self.func_name, self.instance, self.args, self.kwargs
        except Exception as error:
            raise NotAllowed(f"its message cannot be read: {type(error).__name__}") from error
        if path not in ALLOWED or instance is not None:
            raise NotAllowed(f"{path!r} is not among the jobs that may run")
        if kwargs or not all(is_id(argument) for argument in args):
            raise NotAllowed("its arguments are not ids")

    @property
    def func(self) -> Callable[..., Any]:
        self.check()
        module, _, name = str(self.func_name).rpartition(".")
        return getattr(import_module(module), name)

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """The platform's jobs have none; a forged one must not make the worker call anybody."""


class WarmWorker(SimpleWorker):
    """One job at a time, in this process, with a heartbeat beside it."""

    job_class = WakeJob
    # RQ would wait up to a minute, and be deaf so long after the queue has come back.
    max_connection_wait_time = RECONNECT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopping = False
        self._running: tuple[Job, Execution] | None = None
        self._beating = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def execute_job(self, job: Job, queue: Queue) -> None:
        try:
            with bound_contextvars(job_id=job.id, worker=self.name):
                self._execute(job, queue)
        finally:
            # The next job begins with nothing of this one's, not even what its code forgot to unbind.
            clear_contextvars()
            hide(())

    def _execute(self, job: Job, queue: Queue) -> None:
        try:
            cast("WakeJob", job).check()
        except NotAllowed as refusal:
            log.warning("job refused", queue=queue.name, reason=str(refusal))
            self.connection.delete(job.key)
            return
        execution = self.prepare_execution(job)
        with self._beating:
            self._running = (job, execution)
        try:
            self.perform_job(job, queue, execution)
        finally:
            with self._beating:
                self._running = None
        self.set_state("idle")

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = "", execution: Execution | None = None
    ) -> None:
        """The queue server keeps the text for a while."""
        super().handle_job_failure(job, queue, started_job_registry, masked(exc_string), execution)

    def request_stop(self, signum: int, frame: Any) -> None:
        """SIGTERM: finish the job at hand, then leave. RQ itself forgets that it was asked while it was idle."""
        self.stopping = True
        super().request_stop(signum, frame)

    def subscribe(self) -> None:
        """RQ would take commands from the queue server here (stop a job, shut down). Signals are our way to do that."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def clean_registries(self) -> None:
        """Only dead workers' names: their jobs are freed by the scheduler (`RqWakeQueue.tidy`).

        RQ's own way fails, and ends the worker, where the record of an execution has expired together with its job's lease.
        """
        for queue in self.queues:
            worker_registration.clean_worker_registry(queue)
        self.last_cleaned_at = datetime.now(UTC)

    def get_heartbeat_ttl(self, job: Job, *_: Any, **__: Any) -> int:  # noqa: ARG002
        return JOB_LEASE

    def end(self) -> None:
        """No more heartbeats: another takes this one's place, or the process ends."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with self._beating:
                try:
                    self._say_alive()
                except RedisError as error:
                    log.warning("heartbeat failed", error=str(error))

    def _say_alive(self) -> None:
        """While idle too, or nobody could tell a worker that waits from one that was killed."""
        if self.birth_date is None or self.last_heartbeat is None:
            return  # not at work yet
        if not self.connection.exists(self.key):
            # The queue server was emptied, and has forgotten who works for it.
            self.connection.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
            worker_registration.register(self)
        if self._running is not None:
            self.maintain_heartbeats(*self._running)
        else:
            self.heartbeat(WORKER_TTL)


def run_worker(redis: Redis, *, burst: bool = False) -> None:
    """Work until SIGTERM. While the queue cannot be reached, try again every second: the database keeps what there is to do."""
    while True:
        name = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        worker: WarmWorker | None = None
        try:
            worker = WarmWorker(
                [Queue(name, connection=redis, serializer="json", job_class=WakeJob) for name in QUEUES],
                name=name,
                connection=redis,
                serializer="json",
                job_class=WakeJob,
            )
            worker.work(burst=burst, logging_level="WARNING")
        except RedisError as error:
            log.warning("queue unreachable", error=str(error))
        finally:
            if worker is not None:
                worker.end()
        if burst or (worker is not None and worker.stopping):
            return
        time.sleep(RECONNECT)


def main() -> None:
    settings = settings_or_exit()
    configure_logging(settings)
    # Everything that can be wrong with the cluster's configuration shows now, not with the first job.
    try:
        services().cluster("")
    except Rejected as error:
        sys.exit(exit_with(error.message))
    announce_metrics(settings)
    log.info("worker started", queues=QUEUES)
    run_worker(queue_connection(settings))


if __name__ == "__main__":
    main()
