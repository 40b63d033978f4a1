"""F2 and F6: jobs that get lost on their way, and jobs that come twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rq import Queue

from app.adapters.rq import TAKING
from app.domain.stores import Phase
from app.services.rename_store import rename_store
from app.services.sweep import sweep
from tests.factories import MERCHANT, set_row
from tests.faults.daemons import Valkey
from tests.faults.platform import Platform

pytestmark = pytest.mark.cluster
WORKERS = 1


@contextmanager
def _taken_by_a_dying_worker(platform: Platform, valkey: Valkey) -> Iterator[None]:
    """The only worker is frozen while it waits at the queues: what is put there is handed to it and to nobody else. Then it is killed."""
    [worker] = platform.workers
    with valkey.client() as client:

        def stopped_at_the_queues() -> bool:
            worker.send(signal.SIGSTOP)
            time.sleep(0.1)
            # A sweep may have come for it in between.
            if client.info("clients")["blocked_clients"]:
                return True
            worker.send(signal.SIGCONT)
            return False

        platform.until(stopped_at_the_queues, "a worker that waits at the queues")
    yield
    time.sleep(0.5)
    worker.send(signal.SIGKILL)


def test_f2_an_intents_job_lost_between_queue_and_registry_is_made_up_for(platform: Platform, valkey: Valkey) -> None:
    with _taken_by_a_dying_worker(platform, valkey):
        store = platform.create()
        with valkey.client() as client:
            assert Queue("intent", connection=client, serializer="json").job_ids == [], "nothing in Valkey tells that it was ever there"
    platform.until_settled(store, seconds=60)


def test_f2_a_repairs_job_lost_between_queue_and_registry_does_not_block_the_store(platform: Platform, valkey: Valkey) -> None:
    """Its id is unique: as long as it is remembered, no other wake of this store would be let into the queue."""
    [store] = platform.until_settled(platform.create())
    with _taken_by_a_dying_worker(platform, valkey):
        platform.services.queue.wake(store.id, urgent=False)
    seen = platform.see(store).observed_at
    set_row(platform.services, store.id, next_reconcile_at=platform.services.clock.now())
    platform.until(lambda: platform.see(store).observed_at != seen, "the next pass", seconds=60)


def test_f2_a_lost_sweep_does_not_end_all_sweeps(platform: Platform, valkey: Valkey) -> None:
    with valkey.client() as client:
        platform.until(lambda: not client.exists("rq:job:sweep"), "no sweep under way")
        with _taken_by_a_dying_worker(platform, valkey):
            platform.services.queue.start("sweep")
            assert client.exists("rq:job:sweep")
        time.sleep(TAKING)
        platform.services.queue.start("sweep")
        platform.until(lambda: not client.exists("rq:job:sweep"), "the next sweep", seconds=60)


def test_f6_wakes_of_one_store_are_coalesced_and_a_newer_intent_is_not_dropped(platform: Platform, valkey: Valkey) -> None:
    """The intent changes while a pass is held up in its middle, and every wake for it is a duplicate of the job that runs."""
    store = platform.create(harm={"do": "stop", "label": "after apply Deployment/backend: answered"})
    [held] = platform.until(platform.stopped_workers, "a worker that stops in mid-pass")
    for _ in range(50):
        platform.services.queue.wake(store.id, urgent=False)
    with valkey.client() as client:
        waiting = Queue("repair", connection=client, serializer="json").job_ids
    assert waiting.count(f"reconcile-{store.id}") <= 1
    rename_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, name="Another name")
    held.send(signal.SIGCONT)
    [seen] = platform.until_settled(store)
    assert (seen.phase, seen.observed_generation) == (Phase.READY, 2)
    assert sweep(platform.services).unreadable == ()
