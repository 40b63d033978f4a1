"""A store shall not be any more. Its slug is free at once; its quota when its namespace has been observed gone."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.stores import DesiredState
from app.services.context import Services
from app.services.intents import changed_intent, lock_store
from app.services.present import store_view
from app.services.views import StoreView


def delete_store(services: Services, actor: Actor, *, tenant_id: str, store_id: str, asked_of: int | None = None) -> StoreView:
    """Whatever the store is doing. Asked twice, the second time changes nothing. Raises NotFound and Outdated."""
    with services.sessions.tenant(tenant_id) as session:
        store = lock_store(session, store_id)
        if store.desired_state is not DesiredState.ABSENT:
            with changed_intent(session, services, actor, store, "store.delete", asked_of=asked_of):
                store.desired_state = DesiredState.ABSENT
                store.deletion_requested_at = services.clock.now()
        return store_view(services, store)
