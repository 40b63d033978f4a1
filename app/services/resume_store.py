"""Start a suspended store again, with the data it had."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.stores import DesiredState
from app.services.context import Services
from app.services.intents import changed_intent, lock_wanted_store
from app.services.present import store_view
from app.services.quotas import lock_tenant, refuse_frozen
from app.services.views import StoreView


def resume_store(services: Services, actor: Actor, *, tenant_id: str, store_id: str, asked_of: int | None = None) -> StoreView:
    """Raises NotFound, Outdated, InvalidIntent where the store is to be deleted, and Forbidden where the tenant is frozen."""
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        store = lock_wanted_store(session, store_id)
        if store.desired_state is not DesiredState.PRESENT:
            refuse_frozen(tenant, "store.resume")
            with changed_intent(session, services, actor, store, "store.resume", asked_of=asked_of):
                store.desired_state = DesiredState.PRESENT
        return store_view(services, store)
