"""Another display name for a tenant. Its slug, and so every address of its stores, stays."""

from __future__ import annotations

from app.domain.actors import Actor
from app.services import audit
from app.services.change_role import is_owner
from app.services.context import Services
from app.services.intents import check_name
from app.services.present import tenant_view
from app.services.quotas import lock_tenant
from app.services.views import TenantView


def rename_tenant(services: Services, actor: Actor, *, tenant_id: str, name: str) -> TenantView:
    """Raises Forbidden unless an owner or an operator asks, InvalidIntent (name), NotFound. The same name again is no change."""
    name = check_name(name)
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        if not is_owner(session, actor):
            audit.require_operator(actor, "tenant.rename")
        if tenant.name != name:
            before, tenant.name = {"name": tenant.name}, name
            now, target, after = services.clock.now(), ("tenant", tenant_id), {"name": name}
            audit.record(session, actor, "tenant.rename", now=now, target=target, tenant_id=tenant_id, before=before, after=after)
        return tenant_view(tenant)
