"""Deletion: the namespace is asked to go, its workloads and volumes with it; the store is gone only when the namespace was observed absent.

The namespace controller alone takes several rounds of growing waits, because pods and claims outlive its first one; where workloads and
claims are deleted beside it, one more is enough (`gone_s` of `python -m benchmarks.ready`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.domain.conditions import READY, SYNCED, Status, Verdict, merge
from app.domain.drift import Action, Change, ChangeSet
from app.domain.manifests import LiveObject
from app.domain.stores import StoreSnapshot
from app.ports import Cluster, list_all
from app.reconcile.namespace import NamespaceState, get_namespace, judge_namespace, namespace_key
from app.reconcile.outcome import CLOSELY, LOOK_SLOWLY, LOOK_SOON, PassContext, PassOutcome, spread

REASON_DELETED = "StoreDeleted"

# What makes pods, and what outlives them.
_BESIDE = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "PersistentVolumeClaim")


def delete_store(store: StoreSnapshot, context: PassContext) -> PassOutcome:
    """Take the next step of a deletion, or learn how far it is. A stranger's namespace is left alone: nothing of ours is in it."""
    key, now = namespace_key(store), context.clock.now()
    live = get_namespace(store, context.cluster)
    if live is None or judge_namespace(store, live) is NamespaceState.FOREIGN:
        return deletion_outcome(store, Verdict(READY, Status.FALSE, "Deleted", "The store is gone."), now, ChangeSet(), gone=True)
    waited = (now - store.provisioning_since).total_seconds()
    changes: list[Change] = []
    if not live.terminating:
        context.cluster.delete(key, uid=live.uid)
        changes.append(Change(key, Action.DELETED, REASON_DELETED))
    if waited < CLOSELY:
        changes.extend(_delete_beside(store, context.cluster))
    blockers = _blockers(live) if waited > CLOSELY else ""
    if blockers:
        verdict = Verdict(READY, Status.FALSE, "DeletionBlocked", f"The cluster cannot finish removing the store: {blockers}")
    else:
        verdict = Verdict(READY, Status.FALSE, "Deleting", "The store is being removed.")
    return deletion_outcome(store, verdict, now, ChangeSet(tuple(changes)))


def _delete_beside(store: StoreSnapshot, cluster: Cluster) -> Iterator[Change]:
    """Ask workloads and claims to go that have not been asked yet."""
    for kind in _BESIDE:
        for live in list_all(cluster, kind, namespace=store.namespace):
            if not live.terminating:
                cluster.delete(live.key, uid=live.uid)
                yield Change(live.key, Action.DELETED, REASON_DELETED)


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
