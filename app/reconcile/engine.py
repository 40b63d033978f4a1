"""One pass over one store: render, observe, plan, apply, judge. It never waits; it says when to look again.

Given a frozen snapshot it returns a frozen outcome and leaves the recording to its caller. Create, change, delete and repair are this
one path.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from app.domain.conditions import READY, STALLED, SYNCED, Condition, Status, Verdict, amend, by_type, merge
from app.domain.drift import Action, ChangeSet
from app.domain.engines import Engine
from app.domain.errors import Conflict, LeaseLost, StoreyardError, Transient
from app.domain.manifests import InventoryEntry, LiveObject, ObjectKey
from app.domain.plans import plan_named
from app.domain.stores import REASON_SUSPENDED, DesiredState, Rotation, StoreSnapshot
from app.ports import Cluster
from app.reconcile.apply import Applied, apply_plan, refreshed
from app.reconcile.circuit import backoff
from app.reconcile.contested import hold_back
from app.reconcile.deletion import delete_store
from app.reconcile.health import Health, explain_refusal
from app.reconcile.namespace import NamespaceState, ensure_namespace
from app.reconcile.observe import Observed, observe_store
from app.reconcile.outcome import CLOSELY, LOOK_LATER, LOOK_SLOWLY, LOOK_SOON, RESYNC, PassContext, PassOutcome, spread
from app.reconcile.plan import REASON_DATA_LOST, REASON_TERMINATING, Plan, plan_pass
from app.reconcile.rotation import Reached, judge_rotation
from app.reconcile.verdicts import Sight, is_ready, judge, stalled_by, synced_after


class _Steps:
    """Durations of a pass's steps, for its run record."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.taken[name] = round(self.taken.get(name, 0.0) + time.perf_counter() - begun, 4)


def run_pass(store: StoreSnapshot, context: PassContext) -> PassOutcome:
    """Close as much of the gap as can be closed now. LeaseLost passes through; every other known error becomes part of the outcome."""
    steps = _Steps()
    try:
        if store.desired_state is DesiredState.ABSENT:
            with steps.step("delete"):
                outcome = delete_store(store, context)
        else:
            outcome = _converge(store, context, steps)
    except LeaseLost:
        raise
    except StoreyardError as error:
        outcome = _unseen(store, error, context.clock.now())
    return replace(outcome, steps=steps.taken)


def _converge(store: StoreSnapshot, context: PassContext, steps: _Steps) -> PassOutcome:
    with steps.step("render"):
        engine = context.renderer.engine(store.engine, store.release)
        manifests = context.renderer.render(store)
    with steps.step("namespace"):
        verdict = ensure_namespace(store, context.cluster, context.record_namespace)
    if verdict.state is not NamespaceState.OURS or verdict.live is None:
        return namespace_problem(store, verdict.state, context.clock.now())
    with steps.step("observe"):
        if verdict.fresh:
            observed = Observed({verdict.live.key: verdict.live})
        else:
            observed = observe_store(store, context.cluster, [manifest.key for manifest in manifests], verdict.live)
    with steps.step("plan"):
        plan, again_at = plan_pass(store, manifests, observed, store.drift_mode), None
        if plan.drift:
            plan, again_at = hold_back(plan, context.contests(), context.clock.now())
    with steps.step("apply"):
        applied = apply_plan(plan, context.cluster, context.executor)
    with steps.step("judge"):
        outcome = _outcome(store, engine, plan, observed, applied, context)
    if again_at is None:
        return outcome
    wait = max(LOOK_SOON, (again_at - context.clock.now()).total_seconds())
    return replace(outcome, requeue_after=min(outcome.requeue_after, wait))


def _outcome(store: StoreSnapshot, engine: Engine, plan: Plan, observed: Observed, applied: Applied, context: PassContext) -> PassOutcome:
    now = context.clock.now()
    sight = Sight({**observed.own, **applied.live}, observed.pods)

    def last_line(pod: LiveObject, container: str, previous: bool) -> str | None:
        return context.cluster.last_log_line(pod.key.namespace, pod.key.name, container, previous=previous)

    verdicts = judge(
        store,
        engine,
        plan,
        sight,
        applied.error,
        now=now,
        last_line=last_line,
        # What this very pass applied has had no time to be refused; the next pass asks.
        refusals=lambda key: None if key in applied.entries else _refusals(context.cluster, key),
    )
    complete = applied.error is None and plan.stalled is None and not _waits(plan)
    rotation = judge_rotation(store, plan, sight.pods_of, last_line, complete=complete)
    if rotation.verdict is not None:
        verdicts = (*verdicts, rotation.verdict)
    conditions = merge(store.conditions, verdicts, now=now, generation=store.generation)
    return PassOutcome(
        conditions=conditions,
        inventory=_inventory(store, plan, observed, applied),
        changes=plan.change_set,
        observed_generation=store.generation if complete and not _rotates(store, rotation.reached) else store.observed_generation,
        requeue_after=0.0 if rotation.reached is Reached.SET else _next_look(store, conditions, plan, applied.error, now=now),
        drift=plan.drift,
        repaired=frozenset({*applied.entries, *applied.removed}),
        error=applied.error,
        rotation=rotation.reached,
    )


def _rotates(store: StoreSnapshot, reached: Reached | None = None) -> bool:
    """Whether more is to be done for new credentials at present: while the store is suspended there is nothing to set."""
    if store.rotation is None or reached is Reached.TAKEN_UP:
        return False
    return store.rotation is Rotation.SWITCHING or store.desired_state is not DesiredState.SUSPENDED


def _waits(plan: Plan) -> bool:
    return any(work.change.reason == REASON_TERMINATING for work in plan.works)


def _inventory(store: StoreSnapshot, plan: Plan, observed: Observed, applied: Applied) -> dict[ObjectKey, InventoryEntry]:
    """The new record. What is neither wanted nor there is forgotten: a killed pass may have pruned it."""
    unchanged = ((w.entry, w.live) for w in plan.works if w.change.action is Action.UNCHANGED and w.entry and w.live)
    known = plan.desired | observed.own.keys()
    kept = {key: entry for key, entry in store.inventory.items() if key in known and key not in applied.removed}
    return {**kept, **refreshed(unchanged), **applied.entries}


def _next_look(
    store: StoreSnapshot, conditions: tuple[Condition, ...], plan: Plan, error: StoreyardError | None, *, now: datetime
) -> float:
    if error is not None:
        return _after_error(store, error)
    known = by_type(conditions)
    if (stalled := known.get(STALLED)) is not None and stalled.status is Status.TRUE:
        return spread(LOOK_SLOWLY * 2)
    ready = known[READY]
    if not _waits(plan) and not _rotates(store) and (is_ready(conditions) or ready.reason == REASON_SUSPENDED):
        return spread(RESYNC)
    # While credentials are replaced the store may be ready all along.
    since = store.provisioning_since if _rotates(store) else max(store.provisioning_since, ready.last_transition_at)
    waited = (now - since).total_seconds()
    if waited < CLOSELY:
        return LOOK_SOON
    return LOOK_LATER if waited < plan_named(store.plan).deadline else spread(LOOK_SLOWLY)


def _after_error(store: StoreSnapshot, error: StoreyardError) -> float:
    if isinstance(error, Conflict):
        return 0.0
    if isinstance(error, Transient):
        return max(backoff(store.failure_count + 1), error.retry_after or 0.0)
    return spread(LOOK_SLOWLY * 2)


def _unseen(store: StoreSnapshot, error: StoreyardError, now: datetime) -> PassOutcome:
    """Outcome of a pass that ended before it could see: what was known is kept, only Synced is stated anew."""
    verdicts = [synced_after(error)]
    if not isinstance(error, Transient | Conflict):
        verdicts.append(stalled_by(error))
    return PassOutcome(
        conditions=amend(store.conditions, *verdicts, now=now, generation=store.generation),
        inventory=store.inventory,
        changes=ChangeSet(),
        observed_generation=store.observed_generation,
        requeue_after=_after_error(store, error),
        error=error,
    )


_NAMESPACE_PROBLEMS: Mapping[NamespaceState, tuple[str, str]] = {
    NamespaceState.FOREIGN: (
        "ForeignNamespace",
        "A namespace of this store's name exists and is not Storeyard's. Nothing in it is touched. Remove it, or delete this store.",
    ),
    NamespaceState.LOST: (
        REASON_DATA_LOST,
        "The store's namespace was deleted in the cluster: the data in it is lost. Nothing is put in its place until an operator says so.",
    ),
    NamespaceState.TERMINATING: (
        REASON_DATA_LOST,
        "The store's namespace is being deleted in the cluster by somebody else. Nothing is put in its place until an operator says so.",
    ),
    NamespaceState.ABSENT: ("NamespaceVanished", "The store's namespace disappeared while it was being made; it is looked at again."),
}


def namespace_problem(store: StoreSnapshot, state: NamespaceState, now: datetime) -> PassOutcome:
    """Outcome where there is no namespace to work in: a human's matter, and nothing is written."""
    reason, message = _NAMESPACE_PROBLEMS[state]
    verdicts = [
        Verdict(SYNCED, Status.FALSE, reason, message),
        Verdict(READY, Status.FALSE, reason, message),
    ]
    if state is not NamespaceState.ABSENT:
        verdicts.append(Verdict(STALLED, Status.TRUE, reason, message))
    return PassOutcome(
        conditions=merge(store.conditions, verdicts, now=now, generation=store.generation),
        inventory=store.inventory,
        changes=ChangeSet(),
        observed_generation=store.observed_generation,
        requeue_after=LOOK_SOON if state is NamespaceState.ABSENT else spread(LOOK_SLOWLY),
    )


def _refusals(cluster: Cluster, key: ObjectKey) -> Health | None:
    """The newest refusal among the events of a workload that has no pod."""
    page = cluster.list_page(
        "Event", namespace=key.namespace, fields={"involvedObject.kind": key.kind, "involvedObject.name": key.name}, limit=50
    )
    failures = [event for event in page.items if event.body.get("reason") == "FailedCreate"]
    if not failures:
        return None
    newest = max(failures, key=lambda event: str(event.body.get("lastTimestamp") or event.metadata.get("creationTimestamp") or ""))
    return explain_refusal(str(newest.body.get("message", "")))
