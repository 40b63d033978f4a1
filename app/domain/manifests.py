"""Kubernetes objects as values: keys, kinds, manifests, live objects, and the forms of them that are stored.

A manifest is what we ask for; a live object is what the API server answered. Both hold plain JSON data that nobody changes in place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MANAGED_BY = "app.kubernetes.io/managed-by"
PART_OF = "app.kubernetes.io/part-of"
INSTANCE = "app.kubernetes.io/instance"
STORE_ID = "storeyard.dev/store-id"
TENANT_ID = "storeyard.dev/tenant-id"
CLAIM = "storeyard.dev/claim"
PLATFORM = "storeyard"
FIELD_MANAGER = "storeyard"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is addressed and treated. `wave` orders applies (all of a wave before the next)."""

    api_version: str
    kind: str
    plural: str
    wave: int
    namespaced: bool = True
    holds_data: bool = False


KINDS: Mapping[str, Kind] = {
    kind.kind: kind
    for kind in (
        Kind("v1", "Namespace", "namespaces", 0, namespaced=False, holds_data=True),
        Kind("v1", "ResourceQuota", "resourcequotas", 1),
        Kind("v1", "LimitRange", "limitranges", 1),
        Kind("v1", "ServiceAccount", "serviceaccounts", 1),
        Kind("v1", "Secret", "secrets", 1),
        Kind("v1", "ConfigMap", "configmaps", 1),
        Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", 1, holds_data=True),
        Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", 1),
        Kind("v1", "Service", "services", 2),
        Kind("apps/v1", "StatefulSet", "statefulsets", 2, holds_data=True),
        Kind("apps/v1", "Deployment", "deployments", 2),
        Kind("apps/v1", "DaemonSet", "daemonsets", 2),
        Kind("batch/v1", "Job", "jobs", 2),
        Kind("batch/v1", "CronJob", "cronjobs", 2),
        Kind("v1", "Pod", "pods", 2),
        Kind("networking.k8s.io/v1", "Ingress", "ingresses", 3),
        Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", 3),
        Kind("v1", "Event", "events", 9),
        Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", 9, namespaced=False),
    )
}


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Which object: kind, namespace ('' for cluster-scoped kinds), name. The kind fixes the API version (`KINDS`)."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def info(self) -> Kind:
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What we ask for. `hash` covers the whole body, so that any change of intent is seen without reading the cluster."""

    key: ObjectKey
    body: Mapping[str, Any]
    hash: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Manifest:
        """From a parsed document. Raises ValueError where kind, apiVersion, or name are not ones we know how to address."""
        kind = KINDS.get(body.get("kind", ""))
        if kind is None:
            raise ValueError(f"kind {body.get('kind')!r} is not one that Storeyard applies")
        if body.get("apiVersion") != kind.api_version:
            raise ValueError(f"{kind.kind} has apiVersion {body.get('apiVersion')!r}, expected {kind.api_version!r}")
        metadata = body.get("metadata") or {}
        name, namespace = metadata.get("name"), metadata.get("namespace", "")
        if not isinstance(name, str) or not name:
            raise ValueError(f"{kind.kind} has no metadata.name")
        if kind.namespaced != bool(namespace):
            raise ValueError(f"{kind.kind} {name!r} {'needs a' if kind.namespaced else 'must have no'} metadata.namespace")
        return cls(ObjectKey(kind.kind, namespace, name), body, digest(body))


@dataclass(frozen=True, slots=True)
class LiveObject:
    """What the API server answered, whole."""

    key: ObjectKey
    body: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.body.get("metadata") or {}

    @property
    def uid(self) -> str:
        return self.metadata.get("uid", "")

    @property
    def resource_version(self) -> str:
        return self.metadata.get("resourceVersion", "")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def store_id(self) -> str | None:
        """Whose it says it is. A label is a claim, not a proof."""
        return self.labels.get(STORE_ID)

    @property
    def terminating(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def controller(self) -> Mapping[str, Any] | None:
        """The ownerReference of its controller: with one, the object is somebody's child, never an extra."""
        for reference in self.metadata.get("ownerReferences") or ():
            if reference.get("controller"):
                return reference
        return None

    @property
    def status(self) -> Mapping[str, Any]:
        return self.body.get("status") or {}

    @classmethod
    def of(cls, body: Mapping[str, Any], *, kind: str | None = None) -> LiveObject:
        """From the server's JSON; items of a list carry no kind of their own, so the caller names it."""
        metadata = body.get("metadata") or {}
        key = ObjectKey(kind or body["kind"], metadata.get("namespace", ""), metadata.get("name", ""))
        return cls(key, body)


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """What we applied and what the server made of it.

    `resource_version` is the last one *seen*; `live` the whole object as answered to our last apply, less what `storable` removes.
    """

    key: ObjectKey
    uid: str
    resource_version: str
    manifest_hash: str
    live: Mapping[str, Any]
    live_hash: str

    @classmethod
    def record(cls, manifest_hash: str, live: LiveObject) -> InventoryEntry:
        stored = storable(live.body)
        return cls(live.key, live.uid, live.resource_version, manifest_hash, stored, digest(stored))


# Bookkeeping that changes with every write, or is compared by other means.
_UNSTORED_METADATA = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"})


def storable(body: Mapping[str, Any]) -> dict[str, Any]:
    """The object without status and bookkeeping, its secret values replaced by digests: what the inventory keeps and diffs compare."""
    kept = {name: value for name, value in body.items() if name != "status"}
    kept["metadata"] = {name: value for name, value in (body.get("metadata") or {}).items() if name not in _UNSTORED_METADATA}
    return mask_secret(kept, body.get("kind"))


def mask_secret(body: Mapping[str, Any], kind: str | None) -> dict[str, Any]:
    """Replace each value of a Secret by a salted digest: equal values stay equal, none can be read.

    The salt is the object's own namespace and name, so that the same password in two stores does not look alike.
    """
    masked = dict(body)
    if kind != "Secret":
        return masked
    metadata = body.get("metadata") or {}
    salt = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}/"
    for field in ("data", "stringData"):
        if isinstance(body.get(field), Mapping):
            masked[field] = {
                name: "sha256:" + hashlib.sha256(f"{salt}{name}={value}".encode()).hexdigest()[:16] for name, value in body[field].items()
            }
    return masked


def canonical_json(value: Any) -> str:
    """One text for equal data: keys sorted, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
