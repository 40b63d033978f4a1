"""How a shop looks: colour, tagline, logo and announcement. Only what shows them is replaced, one pod after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.actors import Actor
from app.domain.settings import check_settings, with_wishes
from app.services.context import Services
from app.services.intents import changed_intent, lock_wanted_store
from app.services.present import store_view
from app.services.views import StoreView


def change_settings(
    services: Services, actor: Actor, *, tenant_id: str, store_id: str, settings: Mapping[str, Any], asked_of: int | None = None
) -> StoreView:
    """Those named are changed, the others stay; an empty text takes a choice back. Raises NotFound, InvalidIntent and Outdated."""
    wishes = check_settings(settings)
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        wanted = with_wishes(store.settings, wishes)
        if wanted != store.settings:
            with changed_intent(session, services, actor, store, "store.settings", asked_of=asked_of):
                store.settings = wanted
        return store_view(services, store)
