"""Reading a store's namespace: what is ours, what are children of ours, and what does not belong there.

Any read that fails aborts the pass: unreadable is never "missing".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from app.domain.manifests import LiveObject, ObjectKey
from app.domain.stores import StoreSnapshot
from app.ports import Cluster, list_all

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
_NEVER_FOREIGN = frozenset({"ServiceAccount", "Secret", "PersistentVolumeClaim"})


@dataclass(frozen=True, slots=True)
class Observed:
    """A namespace as read. `own` is by key, whether labelled or only in the inventory; `foreign` is neither ours nor anyone's child."""

    own: Mapping[ObjectKey, LiveObject] = field(default_factory=dict)
    pods: tuple[LiveObject, ...] = ()
    foreign: tuple[LiveObject, ...] = ()


def observe_store(store: StoreSnapshot, cluster: Cluster, desired: Iterable[ObjectKey]) -> Observed:
    """All objects of OBSERVED_KINDS in the store's namespace, sorted into ours, pods and foreign ones."""
    known = {*desired, *store.inventory}
    own: dict[ObjectKey, LiveObject] = {}
    pods: list[LiveObject] = []
    foreign: list[LiveObject] = []
    for kind in OBSERVED_KINDS:
        for live in list_all(cluster, kind, namespace=store.namespace):
            if live.key in known:
                own[live.key] = live
            elif live.controller is not None:
                if kind == "Pod":
                    pods.append(live)
            elif kind not in _NEVER_FOREIGN:
                foreign.append(live)
    foreign.extend(pod for pod in pods if not _is_descendant(pod, known))
    return Observed(own, tuple(pods), tuple(foreign))


def _is_descendant(pod: LiveObject, known: Collection[ObjectKey]) -> bool:
    """Whether the pod's controller bears the name of one of our workloads, or is a ReplicaSet named after one (those are not read).

    By name, not by uid: pods outlive a deleted workload for a while, and it is about to be made anew.
    """
    controller = pod.controller or {}
    kind, name = str(controller.get("kind", "")), str(controller.get("name", ""))
    if kind == "ReplicaSet":
        kind, name = "Deployment", name.rpartition("-")[0]
    return ObjectKey(kind, pod.key.namespace, name) in known
