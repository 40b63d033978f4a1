"""Leave a tenant. Its last owner stays: see change_role."""

from __future__ import annotations

from app.domain.people import Visitor
from app.services.account_views import CurrentSession
from app.services.change_role import change_role
from app.services.context import Services


def leave_tenant(services: Services, visitor: Visitor, current: CurrentSession, *, tenant_id: str) -> None:
    """Raises InvalidIntent (rule last_owner), NotFound (no such tenant, or not in it)."""
    change_role(services, current.person(visitor), tenant_id=tenant_id, user_id=current.user.id, role=None)
