"""The read side of what a tenant holds: its quota, and which store takes how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.domain.errors import NotFound
from app.domain.plans import plan_named
from app.domain.quotas import Amount, cost
from app.domain.stores import DesiredState
from app.models import Store, Tenant
from app.services.context import Services
from app.services.quota_queries import tenant_quota_of
from app.services.views import QuotaView

STORES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class StoreUse:
    """What one store counts for: the same whether it runs or is suspended, until it has been removed."""

    id: str
    name: str
    plan: str
    desired_state: DesiredState
    amount: Amount


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """`stores` are the newest; `more` counts those beyond."""

    quota: QuotaView
    stores: tuple[StoreUse, ...]
    more: int


def tenant_usage(services: Services, *, tenant_id: str) -> TenantUsage:
    """Raises NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
        quota = tenant_quota_of(session, services, tenant, now=services.clock.now())
        newest = select(Store.id, Store.name, Store.plan, Store.desired_state).where(Store.gone_at.is_(None))
        rows = session.execute(newest.order_by(Store.created_at.desc(), Store.id.desc()).limit(STORES_SHOWN)).tuples()
        stores = tuple(StoreUse(id_, name, plan, state, cost(plan_named(plan))) for id_, name, plan, state in rows)
        return TenantUsage(quota, stores, max(0, quota.used.stores - len(stores)))
