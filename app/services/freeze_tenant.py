"""Freeze a tenant: nothing new, no growth, nothing resumed. What runs goes on, is repaired, and may be suspended or deleted."""

from __future__ import annotations

from app.domain.actors import Actor
from app.services import audit
from app.services.context import Services
from app.services.intents import check_reason
from app.services.live import tell
from app.services.present import tenant_view
from app.services.quotas import lock_tenant
from app.services.views import TenantView


def freeze_tenant(services: Services, actor: Actor, *, tenant_id: str, reason: str) -> TenantView:
    """The reason is shown to the tenant. Raises Forbidden unless an operator asks, InvalidIntent, NotFound."""
    return _set(services, actor, tenant_id, check_reason(reason), "tenant.freeze")


def unfreeze_tenant(services: Services, actor: Actor, *, tenant_id: str) -> TenantView:
    """Raises Forbidden unless an operator asks, NotFound."""
    return _set(services, actor, tenant_id, None, "tenant.unfreeze")


def _set(services: Services, actor: Actor, tenant_id: str, reason: str | None, action: str) -> TenantView:
    audit.require_operator(actor, action)
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        if tenant.frozen_reason != reason:
            before = {"frozen": tenant.frozen, "reason": tenant.frozen_reason}
            tenant.frozen, tenant.frozen_reason = reason is not None, reason
            after = {"frozen": tenant.frozen, "reason": reason}
            now, target = services.clock.now(), ("tenant", tenant_id)
            audit.record(session, actor, action, now=now, target=target, tenant_id=tenant_id, before=before, after=after)
            tell(session, services, "tenant", tenant_id=tenant_id)
        return tenant_view(tenant)
