"""A new tenant: an owner of stores, with the platform's default quota."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from app.domain.actors import Actor
from app.domain.errors import NameTaken
from app.domain.naming import check_slug
from app.models import Tenant
from app.services import audit
from app.services.context import Services
from app.services.ids import new_id
from app.services.intents import check_name
from app.services.present import tenant_view
from app.services.views import TenantView
from app.services.violations import violated


def create_tenant(services: Services, actor: Actor, *, slug: str, name: str | None = None) -> TenantView:
    """Raises InvalidIntent (slug, name) and NameTaken."""
    now = services.clock.now()
    tenant = Tenant(id=new_id(now), slug=check_slug(slug), name=check_name(name or slug), frozen=False, created_at=now)
    with services.sessions.tenant(tenant.id) as session:
        session.add(tenant)
        try:
            session.flush()
        except IntegrityError as error:
            if violated(error) == "uq_tenants_slug":
                raise NameTaken(f"There is already a tenant {slug!r}. Choose another name.", slug=slug) from None
            raise
        after = {"slug": tenant.slug, "name": tenant.name}
        audit.record(session, actor, "tenant.create", now=now, target=("tenant", tenant.id), tenant_id=tenant.id, after=after)
        return tenant_view(tenant)
