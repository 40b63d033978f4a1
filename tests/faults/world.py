"""A store's end state as one value that can be compared with another store's: its objects in the cluster and what the database says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.domain.manifests import TENANT_ID, LiveObject, ObjectKey, storable
from app.models import Store
from app.ports import list_all
from app.reconcile.observe import OBSERVED_KINDS
from app.services.views import StoreView
from tests.faults.platform import Platform

# Given by the cluster to each object anew.
_ASSIGNED = frozenset({"clusterIP", "clusterIPs", "volumeName", "uid", "nodePort"})
_ASSIGNED_ANNOTATIONS = (
    "storeyard.dev/claim",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "pv.kubernetes.io/",
    "deployment.kubernetes.io/",
)
_KINDS = tuple(kind for kind in OBSERVED_KINDS if kind != "Pod")


def end_states(platform: Platform, stores: Sequence[StoreView]) -> list[dict[str, Any]]:
    """Of each store everything that must be equal for two stores with one history, less names and values that are each one's own.

    Their tenants are to have no other stores.
    """
    rows = _rows(platform, stores)
    objects: dict[str, list[LiveObject]] = {store.namespace: [] for store in stores}
    for tenant in {store.tenant_id for store in stores}:
        for kind in ("Namespace", *_KINDS):
            for live in list_all(platform.cluster, kind, labels={TENANT_ID: tenant}):
                objects.get(live.key.namespace or live.key.name, []).append(live)
    return [_end_state(store, rows[store.id], objects[store.namespace]) for store in stores]


def _rows(platform: Platform, stores: Sequence[StoreView]) -> dict[str, Store]:
    wanted = select(Store).where(Store.id.in_([store.id for store in stores]))
    with platform.services.sessions.platform("a test looks") as session:
        found = session.scalars(wanted.options(selectinload(Store.conditions), selectinload(Store.inventory))).all()
    return {row.id: row for row in found}


def _end_state(store: StoreView, row: Store, objects: Sequence[LiveObject]) -> dict[str, Any]:
    uids = {ObjectKey(entry.kind, entry.namespace, entry.name): entry.uid for entry in row.inventory}
    return {
        "row": {name: str(getattr(row, name)) for name in _COLUMNS},
        "gone": row.gone_at is not None,
        "conditions": {c.type: f"{c.status} {c.reason}" for c in row.conditions},
        "inventory": {_own(str(entry), store): True for entry in uids},
        "objects": {_own(str(live.key), store): _plain(live, store) for live in objects if not live.terminating},
        "recorded with another uid": [str(live.key) for live in objects if uids.get(live.key, live.uid) != live.uid],
        "namespace": [row.namespace_uid == live.uid for live in objects if live.key.kind == "Namespace"],
    }


_COLUMNS = (
    "desired_state", "phase", "plan", "credentials_version", "ever_ready", "lease_token", "lease_until",
    "quarantined_at", "failure_count", "crash_count",
)  # fmt: skip


def _plain(live: LiveObject, store: StoreView) -> Any:
    body = storable(live.body)
    if live.key.kind == "Secret":
        body["data"] = sorted(body.get("data") or ())
    body["managers"] = sorted({entry.get("manager", "") for entry in live.metadata.get("managedFields") or ()} - _CONTROLLERS)
    return _without_assigned(json.loads(_own(json.dumps(body, default=str), store)))


_CONTROLLERS = frozenset({"kube-apiserver", "kube-controller-manager", "kubelet", "kube-scheduler", "fake-node"})


def _own(text: str, store: StoreView) -> str:
    """The text with this store's own names replaced."""
    for word, name in (
        (store.namespace, "NAMESPACE"),
        (store.id, "ID"),
        (store.host, "HOST"),
        (store.slug, "SLUG"),
        (store.tenant_id, "TENANT"),
        # Given to each store by itself, so that two shops of a tenant differ.
        (str(store.settings["accent"]), "ACCENT"),
    ):
        text = text.replace(word, name)
    return text


def _without_assigned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_assigned(inner)
            for name, inner in value.items()
            if name not in _ASSIGNED and not name.startswith(_ASSIGNED_ANNOTATIONS)
        }
    if isinstance(value, list):
        return [_without_assigned(inner) for inner in value]
    return value


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two end states differ, for a failing test's message."""
    if isinstance(left, dict) and isinstance(right, dict):
        return [
            found
            for name in sorted({*left, *right})
            for found in differences(left.get(name, "(absent)"), right.get(name, "(absent)"), f"{path}.{name}")
        ]
    return [] if left == right else [f"{path}: {left!r} != {right!r}"]
