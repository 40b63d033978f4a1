"""The read side of quotas: use against limits, for one tenant, for all, for the platform; and the history of overrides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.errors import NotFound
from app.domain.quotas import Amount, effective_limit, exceeded
from app.models import Platform, QuotaOverride, Store, Tenant
from app.models.session import across_tenants
from app.services.context import Services
from app.services.present import override_view, tenant_view
from app.services.quotas import amount_of, current_override, override_of, platform_limit, used_by, used_by_all
from app.services.views import OverrideView, QuotaView


def tenant_quota(services: Services, *, tenant_id: str) -> QuotaView:
    """Raises NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
        return tenant_quota_of(session, services, tenant, now=services.clock.now())


def platform_quota(services: Services) -> QuotaView:
    with services.sessions.platform("the platform's own limits") as session:
        return platform_quota_of(session, services, session.get_one(Platform, 1), now=services.clock.now())


def all_quotas(services: Services) -> tuple[QuotaView, ...]:
    """Every tenant's use and limit, by slug; three statements however many there are."""
    return _quotas(services, None)


def quotas_of(services: Services, *, tenant_ids: Collection[str]) -> tuple[QuotaView, ...]:
    """Of those that exist, by slug."""
    return _quotas(services, tenant_ids)


def _quotas(services: Services, tenant_ids: Collection[str] | None) -> tuple[QuotaView, ...]:
    now = services.clock.now()
    with services.sessions.platform("the operator's view of all quotas") as session:
        tenants = session.scalars(select(Tenant).where(_among(Tenant.id, tenant_ids)).order_by(Tenant.slug)).all()
        current = select(QuotaOverride).where(QuotaOverride.superseded_at.is_(None), _among(QuotaOverride.tenant_id, tenant_ids))
        overrides = {row.tenant_id: row for row in session.scalars(current)}
        used: defaultdict[str, Amount] = defaultdict(Amount)
        counts = (
            select(Store.tenant_id, Store.plan, func.count())
            .where(Store.gone_at.is_(None), _among(Store.tenant_id, tenant_ids))
            .group_by(Store.tenant_id, Store.plan)
        )
        for tenant_id, plan, stores in session.execute(counts).tuples():
            used[tenant_id] += amount_of(plan, stores)
        return tuple(_view(services, tenant, overrides.get(tenant.id), used[tenant.id], now=now) for tenant in tenants)


def _among(column: InstrumentedAttribute[str], tenant_ids: Collection[str] | None) -> ColumnElement[bool]:
    return true() if tenant_ids is None else column.in_(tenant_ids)


def override_history(services: Services, *, tenant_id: str, limit: int = 100) -> tuple[OverrideView, ...]:
    """The newest first."""
    with services.sessions.tenant(tenant_id) as session:
        return tuple(
            map(
                override_view,
                session.scalars(select(QuotaOverride).order_by(QuotaOverride.superseded_at.desc().nulls_first()).limit(limit)),
            )
        )


def tenant_quota_of(session: Session, services: Services, tenant: Tenant, *, now: datetime) -> QuotaView:
    return _view(services, tenant, current_override(session, tenant.id), used_by(session, tenant.id), now=now)


def platform_quota_of(session: Session, services: Services, row: Platform, *, now: datetime) -> QuotaView:
    limit = platform_limit(services, row, now=now)
    with across_tenants(session, "the platform's limit counts every tenant's stores"):
        used = used_by_all(session)
    return QuotaView(None, limit, used, exceeded(limit, used), None)


def _view(services: Services, tenant: Tenant, override: QuotaOverride | None, used: Amount, *, now: datetime) -> QuotaView:
    limit = effective_limit(services.policy.tenant_quota, None if override is None else override_of(override), now=now)
    return QuotaView(tenant_view(tenant), limit, used, exceeded(limit, used), None if override is None else override_view(override))
