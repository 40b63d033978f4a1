"""The operators' read side of one tenant: its use and limits, stores, people and history, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from app.domain.errors import NotFound
from app.domain.people import Role
from app.domain.plans import PLANS
from app.domain.stores import Phase
from app.models import AuditEntry, Membership, Store, Tenant, User
from app.services.context import Services
from app.services.present import audit_view
from app.services.quota_queries import tenant_quota_of
from app.services.views import AuditView, QuotaView

STORES, HISTORY = 10, 30


@dataclass(frozen=True, slots=True)
class TenantStore:
    """A store as a line of its tenant's use."""

    id: str
    name: str
    host: str
    plan: str
    phase: Phase
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    email: str
    role: Role
    since: datetime


@dataclass(frozen=True, slots=True)
class TenantPage:
    """`stores` are the largest; all count in `quota`. `history`: what operators and owners did to the tenant itself, the newest first."""

    quota: QuotaView
    stores: tuple[TenantStore, ...]
    members: tuple[Member, ...]
    history: tuple[AuditView, ...]


def tenant_page(services: Services, *, tenant_id: str) -> TenantPage:
    """Raises NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
        columns = (Store.id, Store.name, Store.host, Store.plan, Store.phase, Store.created_at)
        size = case({name: plan.memory for name, plan in PLANS.items()}, value=Store.plan)
        stores = select(*columns).where(Store.gone_at.is_(None)).order_by(size.desc(), Store.id.desc()).limit(STORES)
        people = (
            select(User.name, User.email, Membership.role, Membership.created_at)
            .join(Membership, Membership.user_id == User.id)
            .order_by(func.lower(User.name), User.id)
        )
        history = (
            select(AuditEntry)
            .where(AuditEntry.target_type == "tenant", AuditEntry.target_id == tenant_id)
            .order_by(AuditEntry.id.desc())
            .limit(HISTORY)
        )
        return TenantPage(
            tenant_quota_of(session, services, tenant, now=services.clock.now()),
            tuple(TenantStore(*row) for row in session.execute(stores).tuples()),
            tuple(Member(*row) for row in session.execute(people).tuples()),
            tuple(map(audit_view, session.scalars(history))),
        )
