"""Another display name. Slug, address and everything in the cluster stay."""

from __future__ import annotations

from app.domain.actors import Actor
from app.services.context import Services
from app.services.intents import changed_intent, check_name, lock_wanted_store
from app.services.present import store_view
from app.services.views import StoreView


def rename_store(services: Services, actor: Actor, *, tenant_id: str, store_id: str, name: str, asked_of: int | None = None) -> StoreView:
    """Raises NotFound, InvalidIntent and Outdated. A change of intent, since an engine may show the name in its shop."""
    name = check_name(name)
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        if store.name != name:
            with changed_intent(session, services, actor, store, "store.rename", asked_of=asked_of):
                store.name = name
        return store_view(services, store)
