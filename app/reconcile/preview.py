"""A dry run: what a pass would do, without doing it."""

from __future__ import annotations

from dataclasses import replace

from app.domain.conditions import READY, Status, Verdict
from app.domain.drift import Action, Change, ChangeSet
from app.domain.manifests import storable
from app.domain.stores import DesiredState, StoreSnapshot
from app.ports import Cluster
from app.reconcile.deletion import REASON_DELETED, deletion_outcome
from app.reconcile.diff import differences
from app.reconcile.engine import namespace_problem
from app.reconcile.namespace import NamespaceState, get_namespace, judge_namespace, namespace_key
from app.reconcile.observe import Observed, observe_store
from app.reconcile.outcome import PassContext, PassOutcome
from app.reconcile.plan import Work, plan_pass


def preview_pass(store: StoreSnapshot, context: PassContext) -> PassOutcome:
    """The plan of a pass; where an intent changes an object, with the fields that the API server says would change. Writes nothing."""
    key = namespace_key(store)
    live = get_namespace(store, context.cluster)
    state = judge_namespace(store, live)
    now = context.clock.now()
    if store.desired_state is DesiredState.ABSENT:
        doomed = live is not None and state is not NamespaceState.FOREIGN
        changes = ChangeSet((Change(key, Action.DELETED, REASON_DELETED),) if doomed else ())
        return deletion_outcome(store, Verdict(READY, Status.FALSE, "Deleting", "The store is being removed."), now, changes)
    if state not in (NamespaceState.OURS, NamespaceState.ABSENT):
        return namespace_problem(store, state, now)
    manifests = context.renderer.render(store)
    keys = [manifest.key for manifest in manifests]
    observed = Observed() if live is None else observe_store(store, context.cluster, keys, live)
    plan = plan_pass(store, manifests, observed, store.drift_mode)
    return PassOutcome(
        conditions=store.conditions,
        inventory=store.inventory,
        changes=ChangeSet(tuple(_foresee(work, context.cluster) for work in plan.works)),
        observed_generation=store.observed_generation,
        requeue_after=0.0,
        drift=plan.drift,
    )


def _foresee(work: Work, cluster: Cluster) -> Change:
    """The change with its fields from what is live to what they will be.

    A dry-run apply leaves out what somebody else added, which the real pass takes back: that is the drift, turned round.
    """
    change = work.change
    if change.action is not Action.CONFIGURED or work.manifest is None or work.live is None:
        return change
    answer = cluster.apply(work.manifest, dry_run=True)
    told = differences(change.key.kind, storable(work.live.body), storable(answer.body))
    drifted = {difference.path: difference for difference in change.differences}
    named = (replace(d, manager=drifted[d.path].manager if d.path in drifted else None) for d in told)
    paths = {difference.path for difference in told}
    undone = (replace(d, before=d.after, after=d.before) for path, d in drifted.items() if path not in paths)
    return replace(change, differences=(*named, *undone))
