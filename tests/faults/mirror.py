"""A cluster in which everything is as recorded: every object of the inventory is there, as it was last seen, and healthy.

For tests of a thousand passes that are about queues and fairness, not about Kubernetes. It takes no write.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.domain.manifests import KINDS, LiveObject, ObjectKey
from app.models import InventoryObject
from app.models.session import Sessions
from app.ports import Page

_HEALTHY: dict[str, dict[str, Any]] = {
    "Deployment": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1},
    "StatefulSet": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
    "PersistentVolumeClaim": {"phase": "Bound"},
    "Namespace": {"phase": "Active"},
}


class MirrorCluster:
    """The reading half of the port `Cluster`; anything else fails the pass, loudly."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def version(self) -> str:
        return "v1.34.0-mirror"

    def get(self, key: ObjectKey) -> LiveObject | None:
        found = [live for live in self._read(key.kind, key.namespace, key.name) if live.key == key]
        return found[0] if found else None

    def list_page(self, kind: str, *, namespace: str | None = None, after: str = "", **_: Any) -> Page:
        return Page(tuple(self._read(kind, namespace or "", "")), "999999999", "")

    def _read(self, kind: str, namespace: str, name: str) -> list[LiveObject]:
        statement = select(InventoryObject).where(InventoryObject.kind == kind)
        if namespace or name:
            statement = statement.where(InventoryObject.namespace == namespace)
        if name:
            statement = statement.where(InventoryObject.name == name)
        with self._sessions.platform("the mirror shows what is recorded") as session:
            return [_live(row) for row in session.scalars(statement)]


def _live(row: InventoryObject) -> LiveObject:
    metadata = {**row.live.get("metadata", {}), "uid": row.uid, "resourceVersion": row.resource_version, "generation": 1}
    body = {**row.live, "kind": row.kind, "apiVersion": KINDS[row.kind].api_version, "metadata": metadata}
    return LiveObject.of({**body, "status": _HEALTHY.get(row.kind, {})})
