"""Which of their tenants a person looks at: a matter of the session, so that two browsers may show two."""

from __future__ import annotations

from sqlalchemy import func, select, update

from app.domain.errors import NotFound
from app.models import AuthSession, Membership, Tenant
from app.services.account_views import CurrentSession, MyTenant
from app.services.auth_sessions import load_session
from app.services.context import Services
from app.services.present import tenant_view


def my_tenants(services: Services, current: CurrentSession) -> tuple[MyTenant, ...]:
    """Those the person has a role in, by name."""
    mine = select(Tenant, Membership.role).join(Membership, Membership.tenant_id == Tenant.id)
    with services.sessions.platform("a person's own tenants, for them") as session:
        rows = (
            session.execute(mine.where(Membership.user_id == current.user.id).order_by(func.lower(Tenant.name), Tenant.slug)).tuples().all()
        )
    shown = None if current.tenant is None else current.tenant.id
    return tuple(MyTenant(tenant_view(tenant), role, tenant.id == shown) for tenant, role in rows)


def switch_tenant(services: Services, current: CurrentSession, *, tenant_id: str) -> CurrentSession:
    """From now on this session shows the tenant. NotFound for all that the person has no role in. Acting for another goes on."""
    with services.sessions.platform("a person's own tenants, for them") as session:
        if session.get(Membership, (tenant_id, current.user.id)) is None:
            raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
        session.execute(update(AuthSession).where(AuthSession.id == current.id).values(current_tenant_id=tenant_id))
        return load_session(session, current.id, current.csrf, now=services.clock.now())
