"""What is done about drift, for one store or for all. Of the two modes the stricter holds (off, observe, repair)."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.stores import DriftMode
from app.services import audit
from app.services.context import Services
from app.services.intents import audit_store, intent_of, lock_wanted_store
from app.services.live import tell
from app.services.present import platform_view, store_view
from app.services.quotas import lock_platform
from app.services.views import PlatformView, StoreView
from app.services.wakes import wake_after_commit


def set_drift_mode(services: Services, actor: Actor, *, tenant_id: str, store_id: str, mode: DriftMode) -> StoreView:
    """Raises NotFound and InvalidIntent. No change of intent: what is wanted of the store is the same."""
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        if store.drift_mode is not mode:
            before = intent_of(store)
            store.drift_mode = mode
            audit_store(session, services, actor, store, "store.drift_mode", before)
            wake_after_commit(session, services, store, now=services.clock.now())
        return store_view(services, store)


def set_platform_drift_mode(services: Services, actor: Actor, *, mode: DriftMode) -> PlatformView:
    """Raises Forbidden unless an operator asks. Stores follow with their next pass or sweep."""
    audit.require_operator(actor, "platform.drift_mode")
    with services.sessions.platform("the platform's own switch") as session:
        row = lock_platform(session)
        if row.drift_mode is not mode:
            sides = ({"drift_mode": row.drift_mode.value}, {"drift_mode": mode.value})
            row.drift_mode = mode
            now, target = services.clock.now(), ("platform", "1")
            audit.record(session, actor, "platform.drift_mode", now=now, target=target, tenant_id=None, before=sides[0], after=sides[1])
            tell(session, services, "platform")
        return platform_view(row)
