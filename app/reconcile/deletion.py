"""Deletion: workloads and volumes first, then the namespace; the store is gone only when its namespace was observed absent.

A namespace deleted with its pods still running takes its controller several rounds of growing waits (22 s against 6 s, measured on
Kubernetes 1.34), so the pods are asked to go first, for at most `PATIENCE` seconds.
"""

from __future__ import annotations

from datetime import datetime

from app.domain.conditions import READY, SYNCED, Status, Verdict, merge
from app.domain.drift import Action, Change, ChangeSet
from app.domain.manifests import LiveObject
from app.domain.stores import StoreSnapshot
from app.ports import Cluster, list_all
from app.reconcile.namespace import NamespaceState, judge_namespace, namespace_key
from app.reconcile.outcome import CLOSELY, LOOK_SLOWLY, LOOK_SOON, PassContext, PassOutcome, spread

REASON_DELETED = "StoreDeleted"
PATIENCE = 15.0

# What keeps pods and volumes: once these are gone, the namespace goes in one round.
_FIRST = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "PersistentVolumeClaim")


def delete_store(store: StoreSnapshot, context: PassContext) -> PassOutcome:
    """Take the next step of a deletion, or learn how far it is. A stranger's namespace is left alone: nothing of ours is in it."""
    key, now = namespace_key(store), context.clock.now()
    live = context.cluster.get(key)
    if live is None or judge_namespace(store, live) is NamespaceState.FOREIGN:
        return deletion_outcome(store, Verdict(READY, Status.FALSE, "Deleted", "The store is gone."), now, ChangeSet(), gone=True)
    waited = (now - store.provisioning_since).total_seconds()
    changes: list[Change] = []
    if not live.terminating:
        emptied = _empty(store, context.cluster, changes)
        if emptied or waited > PATIENCE:
            context.cluster.delete(key, uid=live.uid)
            changes.append(Change(key, Action.DELETED, REASON_DELETED))
    blockers = _blockers(live) if waited > CLOSELY else ""
    if blockers:
        verdict = Verdict(READY, Status.FALSE, "DeletionBlocked", f"The cluster cannot finish removing the store: {blockers}")
    else:
        verdict = Verdict(READY, Status.FALSE, "Deleting", "The store is being removed.")
    return deletion_outcome(store, verdict, now, ChangeSet(tuple(changes)))


def _empty(store: StoreSnapshot, cluster: Cluster, changes: list[Change]) -> bool:
    """Ask workloads and volumes to go. True once neither they nor any pod is left."""
    left = 0
    for kind in _FIRST:
        for live in list_all(cluster, kind, namespace=store.namespace):
            left += 1
            if not live.terminating:
                cluster.delete(live.key, uid=live.uid)
                changes.append(Change(live.key, Action.DELETED, REASON_DELETED))
    return left == 0 and not cluster.list_page("Pod", namespace=store.namespace, limit=1).items


def deletion_outcome(store: StoreSnapshot, verdict: Verdict, now: datetime, changes: ChangeSet, *, gone: bool = False) -> PassOutcome:
    """The outcome of any step of a deletion."""
    waited = (now - store.provisioning_since).total_seconds()
    synced = Verdict(SYNCED, Status.TRUE if gone else Status.FALSE, verdict.reason, verdict.message)
    return PassOutcome(
        conditions=merge(store.conditions, [verdict, synced], now=now, generation=store.generation),
        inventory={} if gone else store.inventory,
        changes=changes,
        observed_generation=store.generation,
        requeue_after=LOOK_SOON if waited < CLOSELY else spread(LOOK_SLOWLY),
        gone=gone,
    )


def _blockers(namespace: LiveObject) -> str:
    """What still keeps a terminating namespace, in the namespace controller's words."""
    wanted = ("NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionContentFailure")
    told = [
        str(condition.get("message", ""))
        for condition in namespace.status.get("conditions") or ()
        if condition.get("type") in wanted and condition.get("status") == "True"
    ]
    finalizers: list[str] = namespace.metadata.get("finalizers") or []
    if finalizers:
        told.append(f"finalizers on the namespace: {', '.join(finalizers)}")
    return " ".join(told)
