"""Quotas against the database: locks in a fixed order (tenant, platform), then counts, then the decision.

The counts are statements of their own after the locks: under READ COMMITTED they see what the former holders of the locks committed.
Everything counts that has not been observed gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain.errors import Forbidden, NotFound
from app.domain.plans import plan_named
from app.domain.quotas import Amount, Override, check_quota, cost, effective_limit, total
from app.models import Platform, QuotaOverride, Store, Tenant
from app.models.session import across_tenants
from app.services.context import Services


def lock_tenant(session: Session, tenant_id: str) -> Tenant:
    """The first lock. It does not stand in the way of rows that only refer to the tenant."""
    tenant = session.scalar(select(Tenant).where(Tenant.id == tenant_id).with_for_update(key_share=True))
    if tenant is None:
        raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
    return tenant


def lock_platform(session: Session) -> Platform:
    """The second lock, never taken before the first."""
    return session.scalars(select(Platform).where(Platform.id == 1).with_for_update(key_share=True)).one()


def refuse_frozen(tenant: Tenant, action: str) -> None:
    if tenant.frozen:
        raise Forbidden(f"This account is frozen ({tenant.frozen_reason}). Ask the operator.", action=action, reason=tenant.frozen_reason)


def check_room(session: Session, services: Services, tenant: Tenant, requested: Amount, *, now: datetime) -> None:
    """Raise QuotaExceeded where a limit would be passed. The caller holds the tenant's lock; this takes the platform's."""
    platform = lock_platform(session)
    check_quota(tenant_limit(session, services, tenant.id, now=now), used_by(session, tenant.id), requested, scope="tenant")
    with across_tenants(session, "the platform's limit counts every tenant's stores"):
        used = used_by_all(session)
    check_quota(platform_limit(services, platform, now=now), used, requested, scope="platform")


def used_by(session: Session, tenant_id: str) -> Amount:
    """What one tenant holds."""
    return _sum(session.execute(_per_plan().where(Store.tenant_id == tenant_id)).tuples())


def used_by_all(session: Session) -> Amount:
    """What all tenants hold; the session must be the platform's."""
    return _sum(session.execute(_per_plan()).tuples())


def tenant_limit(session: Session, services: Services, tenant_id: str, *, now: datetime) -> Amount:
    row = current_override(session, tenant_id)
    return effective_limit(services.policy.tenant_quota, None if row is None else override_of(row), now=now)


def platform_limit(services: Services, row: Platform, *, now: datetime) -> Amount:
    override = Override(row.stores, row.cpu, row.memory, row.disk, row.limits_expire_at)
    return effective_limit(services.policy.platform_quota, override, now=now)


def current_override(session: Session, tenant_id: str) -> QuotaOverride | None:
    return session.scalar(select(QuotaOverride).where(QuotaOverride.tenant_id == tenant_id, QuotaOverride.superseded_at.is_(None)))


def override_of(row: QuotaOverride) -> Override:
    return Override(row.stores, row.cpu, row.memory, row.disk, row.expires_at)


def amount_of(plan: str, stores: int) -> Amount:
    """What so many stores of a plan count for."""
    one = cost(plan_named(plan))
    return Amount(one.stores * stores, one.cpu * stores, one.memory * stores, one.disk * stores)


def _per_plan() -> Select[tuple[str, int]]:
    return select(Store.plan, func.count()).where(Store.gone_at.is_(None)).group_by(Store.plan)


def _sum(rows: Iterable[tuple[str, int]]) -> Amount:
    return total(amount_of(plan, stores) for plan, stores in rows)
