"""The sweep: the safety net that needs neither watch nor queue content.

One paginated list per kind over the whole cluster, by label, compared with the inventory by uid and resourceVersion; only stores that
differ are made due. Kind by kind, so that memory holds one kind at a time.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import structlog
from sqlalchemy import or_, select, update

from app.domain.errors import ClusterError
from app.domain.manifests import CLAIM, MANAGED_BY, PLATFORM, LiveObject, ObjectKey
from app.domain.stores import DesiredState, DriftMode
from app.models import ClusterRow, InventoryObject, Store
from app.ports import Cluster, list_all
from app.services.context import Services
from app.services.observe_cluster import observe_cluster

log = structlog.get_logger(__name__)

OURS = {MANAGED_BY: PLATFORM}

SWEPT_KINDS = (
    "Namespace",
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "Secret",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Service",
    "StatefulSet",
    "Deployment",
    "Ingress",
)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """`objects` compared, `differing` stores made due, `unreadable` kinds that could not be listed (and say nothing)."""

    objects: int
    differing: frozenset[str]
    unreadable: tuple[str, ...]


def sweep(services: Services) -> SweepReport:
    """Compare all clusters with their inventory and make the stores that differ due."""
    begun = time.perf_counter()
    with services.sessions.platform("the sweep serves all tenants") as session:
        cluster_ids = list(session.scalars(select(ClusterRow.id)))
    objects, differing, unreadable = 0, set[str](), list[str]()
    for cluster_id in cluster_ids:
        cluster = services.cluster(cluster_id)
        try:
            observe_cluster(services, cluster_id, cluster)
        except ClusterError as error:
            log.warning("cluster unreadable", cluster_id=cluster_id, error=error.message)
        for kind in SWEPT_KINDS:
            namespaces: list[LiveObject] = []
            live: dict[ObjectKey, tuple[str, str]] = {}
            try:
                for item in list_all(cluster, kind, labels=OURS):
                    live[item.key] = (item.uid, item.resource_version)
                    if kind == "Namespace" and not item.terminating:
                        namespaces.append(item)
            except ClusterError as error:
                unreadable.append(kind)
                log.warning("kind unreadable", cluster_id=cluster_id, kind=kind, error=error.message)
                continue
            objects += len(live)
            differing |= _differing(services, cluster_id, kind, live)
            _bury_returned(services, cluster, namespaces)
    make_due(services, differing)
    seconds = time.perf_counter() - begun
    services.metrics.swept(objects=objects, differing=len(differing), unreadable=len(unreadable), seconds=seconds)
    log.info("sweep done", objects=objects, differing=len(differing), unreadable=unreadable, duration_ms=round(seconds * 1000))
    return SweepReport(objects, frozenset(differing), tuple(unreadable))


def make_due(services: Services, store_ids: Collection[str]) -> None:
    """The due loop hands them out, in turns: what differs everywhere at once must not fill the queue. Rows in use are the next sweep's."""
    now = services.clock.now()
    later = or_(Store.next_reconcile_at.is_(None), Store.next_reconcile_at > now)
    with services.sessions.platform("the sweep serves all tenants") as session:
        free = select(Store.id).where(Store.id.in_(store_ids), later).with_for_update(skip_locked=True)
        session.execute(update(Store).where(Store.id.in_(free)).values(next_reconcile_at=now).execution_options(synchronize_session=False))


def _differing(services: Services, cluster_id: str, kind: str, live: dict[ObjectKey, tuple[str, str]]) -> set[str]:
    """Stores whose record of this kind is not what the cluster holds. Extra objects show in their store's own pass."""
    differing: set[str] = set()
    statement = (
        select(
            InventoryObject.store_id,
            InventoryObject.namespace,
            InventoryObject.name,
            InventoryObject.uid,
            InventoryObject.resource_version,
        )
        .join(Store, Store.id == InventoryObject.store_id)
        .where(
            InventoryObject.kind == kind,
            Store.cluster_id == cluster_id,
            Store.gone_at.is_(None),
            Store.quarantined_at.is_(None),
            Store.desired_state != DesiredState.ABSENT,
            Store.drift_mode != DriftMode.OFF,
        )
    )
    with services.sessions.platform("the sweep serves all tenants") as session:
        for store_id, namespace, name, uid, version in session.execute(statement.execution_options(yield_per=1000)):
            if live.get(ObjectKey(kind, namespace, name)) != (uid, version):
                differing.add(store_id)
    return differing


def _bury_returned(services: Services, cluster: Cluster, namespaces: list[LiveObject]) -> None:
    """Delete namespaces of stores that are gone, where they bear the store's own claim: a late write of a worker brought them back."""
    if not namespaces:
        return
    with services.sessions.platform("the sweep serves all tenants") as session:
        claims = {
            (name, claim)
            for name, claim in session.execute(
                select(Store.namespace, Store.claim).where(
                    Store.gone_at.is_not(None), Store.namespace.in_([item.key.name for item in namespaces])
                )
            )
        }
    for item in namespaces:
        if (item.key.name, item.annotations.get(CLAIM, "")) in claims:
            _bury(cluster, item)


def _bury(cluster: Cluster, namespace: LiveObject) -> None:
    log.warning("namespace of a deleted store removed", namespace=namespace.key.name)
    try:
        cluster.delete(namespace.key, uid=namespace.uid)
    except ClusterError as error:
        log.warning("namespace not removed", namespace=namespace.key.name, error=error.message)
