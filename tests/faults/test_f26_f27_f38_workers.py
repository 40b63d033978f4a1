"""F26, F27, F38: a worker that wakes up too late, intents and passes that write one row at once, and a deploy in mid-pass."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from app.domain.stores import Phase
from app.models import ReconcileRun
from app.reconcile.fence import LEASE_SECONDS
from app.services.rename_store import rename_store
from app.services.resume_store import resume_store
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests.factories import MERCHANT
from tests.faults.platform import Platform
from tests.faults.stops import steps_of

pytestmark = pytest.mark.cluster


def _everything(platform: Platform, store: StoreView) -> dict[str, str]:
    """Every object's uid and the version of what we ask for."""
    kinds = ("Secret", "Service", "Ingress", "NetworkPolicy", "ServiceAccount", "Deployment", "StatefulSet", "LimitRange", "ResourceQuota")
    return {
        str(live.key): f"{live.uid} {live.labels} {live.body.get('spec')} {live.body.get('data')}"
        for live in platform.objects(store, *kinds)
    }


def _runs(platform: Platform, store: StoreView) -> list[tuple[int, str]]:
    with platform.services.sessions.platform("a test looks") as session:
        return [
            (run.generation, run.outcome)
            for run in session.scalars(select(ReconcileRun).where(ReconcileRun.store_id == store.id).order_by(ReconcileRun.finished_at))
        ]


# Where the fence has let a call through, and the process stops before it leaves: only the preconditions are left to refuse it.
LATE = ("before create Namespace", "before apply Service/backend", "before apply Deployment/backend", "before apply Ingress/store")


def test_f26_workers_that_outlive_their_leases_change_nothing_any_more(platform: Platform) -> None:
    """Each stops in the middle of making a store; another makes it, and makes it otherwise; then the first goes on."""
    for _ in LATE:
        platform.add_worker()
    stores = {label: platform.create(harm={"do": "stop", "label": label}) for label in LATE}
    platform.until(lambda: len(platform.stopped_workers()) == len(LATE), "all four stopped")
    late = platform.stopped_workers()
    stopped = time.monotonic()
    for store in stores.values():
        rename_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, name="The newer name")
        suspend_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    platform.until_settled(*stores.values())
    assert time.monotonic() - stopped > LEASE_SECONDS * 0.8, "the leases had to run out first"
    before = {label: _all_there_is(platform, store) for label, store in stores.items()}
    for worker in late:
        worker.send(signal.SIGCONT)
    platform.until(lambda: all(_is_over(platform, store) for store in stores.values()), "the late passes' ends")
    time.sleep(1)
    for label, store in stores.items():
        assert _all_there_is(platform, store) == before[label], f"stopped {label}"
    assert [worker.codes for worker in late] == [[]] * len(late), "they go on working"


def _is_over(platform: Platform, store: StoreView) -> bool:
    """Whether the pass that stopped has said its last word: that it was too late."""
    logs = "\n".join(path.read_text() for path in platform.folder.glob("worker-*.log"))
    return any(store.id in line and "lease lost" in line for line in logs.splitlines())


def _all_there_is(platform: Platform, store: StoreView) -> list[object]:
    """Of the cluster and the database; a frozen worker's heartbeat is none of it."""
    row = platform.row(store)
    known = [
        getattr(row, name) for name in ("observed_generation", "phase", "namespace_uid", "crash_count", "quarantined_at", "lease_token")
    ]
    return [_everything(platform, store), _runs(platform, store), known]


def test_f26_a_worker_frozen_inside_a_transaction_holds_the_store_up_for_seconds_only(platform: Platform) -> None:
    """The database ends the transaction; the merchant's next intent, which waits for the row, is taken."""
    store = platform.create(harm={"do": "stop", "label": "before a commit"})
    late = platform.until(platform.stopped_workers, "a worker stopped")[0]
    rename_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, name="The newer name")
    platform.until_settled(store)
    late.send(signal.SIGCONT)
    platform.until_settled(platform.create(store.tenant_id))
    assert late.codes == [], "it goes on working"


def test_f27_intents_and_passes_that_write_one_row_at_once_lose_nothing(platform: Platform) -> None:
    """Forty changes from eight sides while passes record what they see."""
    [store] = platform.until_settled(platform.create())
    of = {"tenant_id": store.tenant_id, "store_id": store.id}

    def change(number: int) -> None:
        if number % 4 == 0:
            suspend_store(platform.services, MERCHANT, **of)
        elif number % 4 == 2:
            resume_store(platform.services, MERCHANT, **of)
        else:
            rename_store(platform.services, MERCHANT, **of, name=f"Name {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(40)))
    resume_store(platform.services, MERCHANT, **of)
    [seen] = platform.until_settled(store)
    row = platform.row(store)
    assert seen.phase is Phase.READY
    assert row.generation >= 21, "every change of name counts"
    assert row.generation == row.observed_generation
    assert (row.crash_count, row.quarantined_at) == (0, None)
    backend = platform.look(store, "Deployment", "backend")
    assert backend is not None
    assert backend.body["spec"]["replicas"] == 1


def test_f38_a_worker_that_is_told_to_leave_finishes_its_pass_first(platform: Platform) -> None:
    store = platform.create(harm={"delay": 0.1})
    leaving = platform.until(
        lambda: next((w for w in platform.workers if (pid := w.pid) and f"-{pid}-" in (platform.row(store).lease_holder or "")), None),
        "the worker that has the store",
    )
    platform.until(lambda: len(steps_of(platform.folder, store.id)) > 15, "the middle of its pass")
    asked = len(_runs(platform, store))
    leaving.send(signal.SIGTERM)
    assert leaving.wait(40) == 0
    platform.workers.remove(leaving)
    platform.add_worker()
    runs = _runs(platform, store)
    assert len(runs) > asked, "its pass was finished and recorded"
    assert runs[-1][1] == "changed"
    steps = [step for step in steps_of(platform.folder, store.id) if step.pass_number == 1]
    assert steps[-1].label == "after a commit"
    assert platform.row(store).crash_count == 0, "its lease was given back, not left to run out"
    platform.until_settled(store)


def test_f38_an_idle_worker_leaves_at_once(platform: Platform) -> None:
    idle = platform.add_worker()
    time.sleep(1)
    begun = time.monotonic()
    idle.send(signal.SIGTERM)
    assert idle.wait(30) == 0
    platform.workers.remove(idle)
    assert time.monotonic() - begun < 25


def test_f38_a_scheduler_that_leaves_is_followed_at_once(platform: Platform) -> None:
    """Its office is given back; a successor need not wait for it to run out."""
    successor = platform.add_scheduler()
    first = platform.schedulers[0]
    first.send(signal.SIGTERM)
    assert first.wait(20) == 0
    platform.schedulers.remove(first)
    store = platform.create()
    platform.until_settled(store, seconds=30)
    with platform.services.sessions.platform("a test looks") as session:
        holder = session.scalar(text("SELECT holder FROM leases WHERE name = 'scheduler'"))
    assert str(successor.pid) in str(holder)


def test_a_scheduler_that_is_killed_is_followed_within_its_leases_time(platform: Platform) -> None:
    platform.add_scheduler()
    for scheduler in platform.schedulers[:1]:
        scheduler.send(signal.SIGKILL, last=True)
        scheduler.wait()
    platform.schedulers.pop(0)
    platform.until_settled(platform.create(), seconds=60)
