"""The namespace: made by POST with the store's claim, proven to be ours before anything else is touched, never refilled in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import Conflict
from app.domain.manifests import CLAIM, MANAGED_BY, PLATFORM, STORE_ID, LiveObject, Manifest, ObjectKey
from app.domain.stores import StoreSnapshot
from app.ports import Cluster
from app.reconcile.observe import check_present


class NamespaceState(StrEnum):
    """OURS can be worked in. FOREIGN is somebody else's, LOST was ours and its data is gone, TERMINATING is going, ABSENT is not there."""

    OURS = "ours"
    ABSENT = "absent"
    FOREIGN = "foreign"
    LOST = "lost"
    TERMINATING = "terminating"


@dataclass(frozen=True, slots=True)
class NamespaceVerdict:
    state: NamespaceState
    live: LiveObject | None = None
    fresh: bool = False
    """Made by this very pass: nothing can be in it yet."""


def namespace_key(store: StoreSnapshot) -> ObjectKey:
    return ObjectKey("Namespace", "", store.namespace)


def judge_namespace(store: StoreSnapshot, live: LiveObject | None) -> NamespaceState:
    """What a namespace of our name is to us. The recorded uid proves it ours; before there is one, claim and store id do."""
    if live is None:
        return NamespaceState.LOST if store.namespace_uid else NamespaceState.ABSENT
    if store.namespace_uid:
        if live.uid != store.namespace_uid:
            return NamespaceState.LOST if _bears_claim(store, live) else NamespaceState.FOREIGN
    elif not _bears_claim(store, live):
        return NamespaceState.FOREIGN
    return NamespaceState.TERMINATING if live.terminating else NamespaceState.OURS


def get_namespace(store: StoreSnapshot, cluster: Cluster) -> LiveObject | None:
    """The namespace as it is now. Absence of one that was there is proven by a list: a lone 404 has no version that would tell its age."""
    key = namespace_key(store)
    live = cluster.get(key)
    if live is not None:
        if live.uid == store.namespace_uid:
            check_present(store, key.kind, live.resource_version)
    elif store.namespace_uid:
        page = cluster.list_page(key.kind, fields={"metadata.name": key.name})
        check_present(store, key.kind, page.resource_version)
        return next((item for item in page.items if item.key == key), None)
    return live


def _bears_claim(store: StoreSnapshot, live: LiveObject) -> bool:
    return live.store_id == store.id and live.annotations.get(CLAIM) == store.claim


def ensure_namespace(store: StoreSnapshot, cluster: Cluster, record_uid: Callable[[str], None]) -> NamespaceVerdict:
    """The namespace, made if it never was. `record_uid` commits its uid before this returns, so that no later object precedes it."""
    live = get_namespace(store, cluster)
    state = judge_namespace(store, live)
    fresh = False
    if state is NamespaceState.ABSENT:
        try:
            live = cluster.create(_birth(store))
            fresh = True
        except Conflict:
            # Somebody was first: another worker whose answer was lost, or a stranger. Its claim tells.
            live = cluster.get(namespace_key(store))
        state = judge_namespace(store, live)
    if state is NamespaceState.OURS and live is not None and live.uid != store.namespace_uid:
        record_uid(live.uid)
    return NamespaceVerdict(state, live, fresh)


def _birth(store: StoreSnapshot) -> Manifest:
    """The least that proves a namespace ours: fields set by POST belong to no apply, so all others come with the first apply."""
    return Manifest.of(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": store.namespace,
                "labels": {MANAGED_BY: PLATFORM, STORE_ID: store.id},
                "annotations": {CLAIM: store.claim},
            },
        }
    )
