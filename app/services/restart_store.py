"""New pods for a store's shop server and storefront, with everything else as it is. The database goes on."""

from __future__ import annotations

from app.domain.actors import Actor
from app.services.context import Services
from app.services.intents import changed_intent, lock_wanted_store, refuse_suspended
from app.services.present import store_view
from app.services.views import StoreView


def restart_store(services: Services, actor: Actor, *, tenant_id: str, store_id: str, asked_of: int | None = None) -> StoreView:
    """Desired state as all else: the pods bear the generation that asked for them. Asked for again before a pass has carried it out, it is
    the same restart. Raises NotFound, Outdated, and InvalidIntent where the store is suspended or to be deleted.
    """
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        refuse_suspended(store, "restart it")
        if (store.restarted_generation or 0) <= store.observed_generation:
            with changed_intent(session, services, actor, store, "store.restart", asked_of=asked_of):
                store.restarted_generation = store.generation + 1
        return store_view(services, store)
