"""The read side of what a store holds in the cluster, from the objects recorded at the last look at it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from app.domain.quotas import Amount
from app.domain.reserved import KINDS, reserved_by
from app.models import InventoryObject
from app.services.context import Services


def store_resources(services: Services, *, tenant_id: str, store_id: str) -> Mapping[str, Amount]:
    """By component; empty where nothing has been recorded yet, and for another tenant's store as for an unknown one."""
    statement = select(InventoryObject.live).where(InventoryObject.store_id == store_id, InventoryObject.kind.in_(KINDS))
    with services.sessions.tenant(tenant_id) as session:
        return reserved_by(session.scalars(statement.order_by(InventoryObject.kind, InventoryObject.name)))
