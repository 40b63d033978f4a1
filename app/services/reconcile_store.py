"""One pass over one store: lease, snapshot, the pass itself with no transaction open, recording.

Whoever finds the lease taken leaves: the holder reads `generation` again before it lets go, so a newer intent is never dropped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import structlog
from structlog.contextvars import bound_contextvars

from app.domain.errors import LeaseLost, NotFound
from app.domain.stores import StoreSnapshot
from app.ports import Cluster
from app.reconcile.engine import run_pass
from app.reconcile.fence import LEASE_SECONDS, FencedCluster, Lease
from app.reconcile.outcome import PassContext, PassOutcome
from app.reconcile.preview import preview_pass
from app.services.context import Services
from app.services.ids import new_id
from app.services.leases import release_store_lease, renew_store_lease, take_store_lease
from app.services.masking import hide
from app.services.record_pass import PassRecord, record_crash, record_namespace, record_pass
from app.services.snapshots import LoadedStore, load_store
from app.services.store_drift import store_contests

log = structlog.get_logger(__name__)

# Intents that may arrive one after another during a pass before the store is put back into the queue.
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """What set the pass off, for its run record and log lines."""

    job_id: str | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class PassReport:
    """`skipped` says why nothing was done: busy (another worker has it, or its tenant enough of them), paused, quarantined, gone."""

    store_id: str
    skipped: Literal["busy", "paused", "quarantined", "gone"] | None = None
    outcome: PassOutcome | None = None


def reconcile_store(services: Services, store_id: str, origin: Origin | None = None) -> PassReport:
    """Bring one store closer to its intent. Raises LeaseLost where another took over meanwhile (everything learned is void)."""
    origin = origin or Origin()
    known = {"store_id": store_id, "job_id": origin.job_id, "worker": origin.worker}
    with bound_contextvars(**{name: value for name, value in known.items() if value is not None}):
        report = _reconcile(services, store_id, origin)
        if report.skipped is not None:
            services.metrics.pass_skipped(report.skipped)
            log.debug("pass skipped", reason=report.skipped)
        return report


def _reconcile(services: Services, store_id: str, origin: Origin) -> PassReport:
    asked_at = services.clock.monotonic()
    token = take_store_lease(services, store_id, ttl=LEASE_SECONDS, holder=origin.worker or "")
    if token is None:
        return PassReport(store_id, "busy")
    lease = Lease(
        store_id,
        token,
        asked_at=asked_at,
        clock=services.clock,
        renew=lambda: renew_store_lease(services, store_id, token, ttl=LEASE_SECONDS),
    )
    outcome: PassOutcome | None = None
    for _ in range(ROUNDS):
        loaded = _load(services, store_id)
        if (reason := _idle_reason(loaded)) is not None:
            release_store_lease(services, store_id, token)
            return PassReport(store_id, reason, outcome)
        outcome, again = _one_round(services, loaded.snapshot, lease, origin)
        if not again:
            break
    else:
        release_store_lease(services, store_id, token)
    return PassReport(store_id, None, outcome)


def preview_store(services: Services, store_id: str) -> PassOutcome:
    """The dry run of a pass: needs no lease, writes nothing."""
    snapshot = _load(services, store_id).snapshot
    return preview_pass(snapshot, _context(services, snapshot, services.cluster(snapshot.cluster_id)))


def _load(services: Services, store_id: str) -> LoadedStore:
    with services.sessions.platform("workers serve all tenants") as session:
        loaded = load_store(session, store_id, vault=services.vault, now=services.clock.now())
    if loaded is None:
        raise NotFound(f"There is no store {store_id}.", what="store", id=store_id)
    return loaded


def _idle_reason(loaded: LoadedStore) -> Literal["paused", "quarantined", "gone"] | None:
    if loaded.gone_at is not None:
        return "gone"
    if loaded.quarantined_at is not None:
        return "quarantined"
    return "paused" if loaded.pause is not None else None


def _one_round(services: Services, store: StoreSnapshot, lease: Lease, origin: Origin) -> tuple[PassOutcome, bool]:
    """One pass and its recording. True: the intent changed meanwhile and the lease was kept for another round."""
    run_id = new_id(services.clock.now())
    hide(store.secrets.values())
    begun = time.perf_counter()
    with bound_contextvars(tenant_id=store.tenant_id, generation=store.generation, run_id=run_id):
        try:
            return _pass(services, store, lease, origin, run_id)
        except LeaseLost:
            services.metrics.lease_lost("store")
            services.metrics.pass_done("lost", time.perf_counter() - begun, {})
            log.warning("lease lost, pass discarded")
            raise


def _pass(services: Services, store: StoreSnapshot, lease: Lease, origin: Origin, run_id: str) -> tuple[PassOutcome, bool]:
    cluster = FencedCluster(services.cluster(store.cluster_id), lease)
    started_at, begun = services.clock.now(), time.perf_counter()
    try:
        outcome = run_pass(store, _context(services, store, cluster))
    except LeaseLost:
        raise
    except Exception as error:
        services.metrics.pass_done("crashed", time.perf_counter() - begun, {})
        log.exception("pass crashed")
        record_crash(services, store, lease.token, run_id=run_id, started_at=started_at, error=error, origin_job=origin.job_id)
        raise
    record = PassRecord(
        run_id=run_id,
        started_at=started_at,
        duration_ms=round((time.perf_counter() - begun) * 1000),
        requests=cluster.reads + cluster.writes,
        writes=cluster.writes,
        job_id=origin.job_id,
        worker=origin.worker,
    )
    observed = time.perf_counter()
    again = record_pass(services, store, lease.token, outcome, record)
    now = time.perf_counter()
    services.metrics.pass_done(record.outcome_of(outcome), now - begun, {**outcome.steps, "record": now - observed})
    log.info(
        "pass recorded",
        outcome=record.outcome_of(outcome),
        duration_ms=record.duration_ms,
        requests=record.requests,
        writes=record.writes,
        changes=dict(outcome.changes.counts()),
        requeue_after=round(outcome.requeue_after, 1),
        error=outcome.error.message if outcome.error else None,
    )
    return outcome, again


def _context(services: Services, store: StoreSnapshot, cluster: Cluster) -> PassContext:
    return PassContext(
        cluster=cluster,
        renderer=services.renderer,
        clock=services.clock,
        executor=services.executor,
        record_namespace=lambda uid: record_namespace(services, store, uid),
        contests=lambda: store_contests(services, store.id),
    )
