"""Stop a store's workloads and keep its data. It still counts towards the quota: its room is kept for it."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.stores import DesiredState
from app.services.context import Services
from app.services.intents import changed_intent, lock_wanted_store
from app.services.present import store_view
from app.services.views import StoreView


def suspend_store(services: Services, actor: Actor, *, tenant_id: str, store_id: str, asked_of: int | None = None) -> StoreView:
    """Raises NotFound, Outdated, and InvalidIntent where the store is to be deleted."""
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        if store.desired_state is not DesiredState.SUSPENDED:
            with changed_intent(session, services, actor, store, "store.suspend", asked_of=asked_of):
                store.desired_state = DesiredState.SUSPENDED
        return store_view(services, store)
