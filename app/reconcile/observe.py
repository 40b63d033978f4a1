"""Reading a store's namespace: what is ours, what are children of ours, and what does not belong there.

Any read that fails aborts the pass: unreadable is never "missing".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.domain.errors import Transient
from app.domain.manifests import InventoryEntry, LiveObject, ObjectKey
from app.domain.stores import StoreSnapshot
from app.ports import Cluster

# Every kind that our templates use or that could undo the isolation of a namespace: with the namespace itself, 16 requests.
OBSERVED_KINDS = (
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "Secret",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Service",
    "StatefulSet",
    "Deployment",
    "DaemonSet",
    "Job",
    "CronJob",
    "Pod",
    "Ingress",
    "RoleBinding",
)

# Kinds of which every namespace holds some that nobody asked for (default account, tokens, issued certificates).
NEVER_FOREIGN = frozenset({"ServiceAccount", "Secret", "PersistentVolumeClaim"})


@dataclass(frozen=True, slots=True)
class Observed:
    """A namespace as read. `own` is by key, whether labelled or only in the inventory; `foreign` is neither ours nor anyone's child."""

    own: Mapping[ObjectKey, LiveObject] = field(default_factory=dict)
    pods: tuple[LiveObject, ...] = ()
    foreign: tuple[LiveObject, ...] = ()


def observe_store(store: StoreSnapshot, cluster: Cluster, desired: Iterable[ObjectKey], namespace: LiveObject) -> Observed:
    """The namespace and all objects of OBSERVED_KINDS in it, sorted into ours, pods and foreign ones."""
    known = {*desired, *store.inventory}
    own: dict[ObjectKey, LiveObject] = {namespace.key: namespace}
    pods: list[LiveObject] = []
    foreign: list[LiveObject] = []
    for kind in OBSERVED_KINDS:
        for live in _list_present(store, cluster, kind):
            if live.key in known:
                own[live.key] = live
            elif live.controller is not None:
                if kind == "Pod":
                    pods.append(live)
            elif kind not in NEVER_FOREIGN:
                foreign.append(live)
    foreign.extend(pod for pod in pods if not _is_descendant(pod, known) and not _ended(pod))
    return Observed(own, tuple(pods), tuple(foreign))


def _list_present(store: StoreSnapshot, cluster: Cluster, kind: str) -> Iterator[LiveObject]:
    """All objects of a kind. Transient where the list is older than what was recorded: it would show as missing what is there."""
    after = ""
    while True:
        page = cluster.list_page(kind, namespace=store.namespace, after=after)
        check_present(store, kind, page.resource_version)
        yield from page.items
        if not page.remaining:
            return
        after = page.remaining


def check_present(store: StoreSnapshot, kind: str, version: str) -> None:
    """Raise Transient where an answer about a kind is from before our last look at it: a store of etcd restored, or a stale cache.

    An API server's versions only grow, and are compared here within one kind, since kinds may be kept apart.
    """
    newest = max((_number(entry) for key, entry in store.inventory.items() if key.kind == kind), default=0)
    if version.isdigit() and int(version) < newest:
        raise Transient(
            f"The cluster's answer about {kind} is from the past (version {version}, but {newest} was seen before): "
            "it may have been restored from a backup. Nothing is changed on its word."
        )


def _number(entry: InventoryEntry) -> int:
    return int(entry.resource_version) if entry.resource_version.isdigit() else 0


def _ended(pod: LiveObject) -> bool:
    """Whether it runs nothing any more, or soon: what is left of a Job that was pruned stays until the cluster has collected it."""
    return pod.terminating or pod.status.get("phase") in ("Succeeded", "Failed")


def _is_descendant(pod: LiveObject, known: Collection[ObjectKey]) -> bool:
    """Whether the pod's controller bears the name of one of our workloads, or is a ReplicaSet named after one (those are not read).

    By name, not by uid: pods outlive a deleted workload for a while, and it is about to be made anew.
    """
    controller = pod.controller or {}
    kind, name = str(controller.get("kind", "")), str(controller.get("name", ""))
    if kind == "ReplicaSet":
        kind, name = "Deployment", name.rpartition("-")[0]
    return ObjectKey(kind, pod.key.namespace, name) in known
