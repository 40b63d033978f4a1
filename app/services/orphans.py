"""Orphans: namespaces labelled ours without a row, and rows whose namespace is not there. Reported, never deleted by this report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from app.domain.manifests import MANAGED_BY, PLATFORM, STORE_ID
from app.models import ClusterRow
from app.ports import list_all
from app.services.context import Services
from app.services.queries import known_namespaces


@dataclass(frozen=True, slots=True)
class Orphan:
    """`kind` says which side is missing. `since` is the namespace's or the row's time of creation (ISO 8601)."""

    kind: Literal["namespace_without_row", "row_without_namespace"]
    cluster_id: str
    namespace: str
    store_id: str
    since: str


def find_orphans(services: Services) -> list[Orphan]:
    """Compare the namespaces of every cluster with the rows. Raises what an unreadable cluster raises: no report is better than half."""
    found: list[Orphan] = []
    with services.sessions.platform("orphans belong to no tenant") as session:
        cluster_ids = list(session.scalars(select(ClusterRow.id)))
    for cluster_id in cluster_ids:
        live = {item.key.name: item for item in list_all(services.cluster(cluster_id), "Namespace", labels={MANAGED_BY: PLATFORM})}
        rows = known_namespaces(services, cluster_id=cluster_id)
        known = {row.namespace for row in rows if row.gone_at is None}
        found.extend(
            Orphan(
                "namespace_without_row", cluster_id, name, item.labels.get(STORE_ID, ""), str(item.metadata.get("creationTimestamp", ""))
            )
            for name, item in sorted(live.items())
            if name not in known and not item.terminating
        )
        found.extend(
            Orphan("row_without_namespace", cluster_id, row.namespace, row.store_id, row.created_at.isoformat())
            for row in rows
            if row.gone_at is None and row.uid and row.wanted and row.namespace not in live
        )
    return found
