"""What a cluster can do, recorded on its row: its version, and whether its storage class lets a volume grow."""

from __future__ import annotations

from sqlalchemy import update

from app.models import ClusterRow
from app.ports import Cluster, list_all
from app.services.context import Services

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def observe_cluster(services: Services, cluster_id: str, cluster: Cluster) -> None:
    """Read and record. Raises what the cluster raises; the row then keeps what was known."""
    version = cluster.version()
    wanted = services.profile.storage_class
    classes = {item.key.name: item for item in list_all(cluster, "StorageClass")}
    chosen = wanted or next((name for name, item in classes.items() if item.annotations.get(_DEFAULT_CLASS) == "true"), None)
    found = classes.get(chosen or "")
    with services.sessions.platform("clusters belong to the platform") as session:
        session.execute(
            update(ClusterRow)
            .where(ClusterRow.id == cluster_id)
            .values(
                version=version,
                storage_class=chosen,
                expansion_allowed=bool(found is not None and found.body.get("allowVolumeExpansion")),
                observed_at=services.clock.now(),
            )
        )
