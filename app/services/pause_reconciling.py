"""Hold the reconciler off a store, or off all, for a stated reason and time. Intents are taken meanwhile and acted on afterwards."""

from __future__ import annotations

from datetime import datetime

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent
from app.models import Platform
from app.services import audit
from app.services.context import Services
from app.services.intents import audit_store, check_reason, intent_of, lock_wanted_store
from app.services.live import tell
from app.services.present import platform_view, store_view
from app.services.quotas import lock_platform
from app.services.views import PlatformView, StoreView
from app.services.wakes import wake_after_commit


def pause_reconciling(services: Services, actor: Actor, *, tenant_id: str, store_id: str, until: datetime, reason: str) -> StoreView:
    """A pause always ends by itself. Raises NotFound and InvalidIntent."""
    reason = _check(services, until, reason)
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        before = intent_of(store)
        store.paused_until, store.paused_reason = until, reason
        audit_store(session, services, actor, store, "store.pause", before)
        return store_view(services, store)


def unpause_reconciling(services: Services, actor: Actor, *, tenant_id: str, store_id: str) -> StoreView:
    """And look at the store at once. Raises NotFound and InvalidIntent."""
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        if store.paused_until is not None:
            before = intent_of(store)
            store.paused_until = store.paused_reason = None
            audit_store(session, services, actor, store, "store.unpause", before)
            wake_after_commit(session, services, store, now=services.clock.now())
        return store_view(services, store)


def pause_platform(services: Services, actor: Actor, *, until: datetime, reason: str) -> PlatformView:
    """All stores of all tenants. Raises Forbidden unless an operator asks, InvalidIntent."""
    audit.require_operator(actor, "platform.pause")
    return _set_platform(services, actor, until, _check(services, until, reason), "platform.pause")


def unpause_platform(services: Services, actor: Actor) -> PlatformView:
    """The due loop then finds what has become due meanwhile. Raises Forbidden unless an operator asks."""
    audit.require_operator(actor, "platform.unpause")
    return _set_platform(services, actor, None, None, "platform.unpause")


def _set_platform(services: Services, actor: Actor, until: datetime | None, reason: str | None, action: str) -> PlatformView:
    with services.sessions.platform("the platform's own switch") as session:
        row = lock_platform(session)
        if (row.paused_until, row.paused_reason) != (until, reason):
            before = _pause(row)
            row.paused_until, row.paused_reason = until, reason
            now, target = services.clock.now(), ("platform", "1")
            audit.record(session, actor, action, now=now, target=target, tenant_id=None, before=before, after=_pause(row))
            tell(session, services, "platform")
        return platform_view(row)


def _pause(row: Platform) -> dict[str, object]:
    return {"paused_until": row.paused_until and row.paused_until.isoformat(), "paused_reason": row.paused_reason}


def _check(services: Services, until: datetime, reason: str) -> str:
    if until <= services.clock.now():
        raise InvalidIntent("The end of a pause must lie in the future.", field="until", rule="future")
    return check_reason(reason)
