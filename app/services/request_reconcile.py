"""Look at a store now. Also the way out of a quarantine, once its cause is thought to be gone."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.errors import NotFound
from app.services import audit
from app.services.context import Services
from app.services.intents import lock_store
from app.services.live import tell
from app.services.present import store_view
from app.services.views import StoreView
from app.services.wakes import wake_after_commit


def request_reconcile(services: Services, actor: Actor, *, tenant_id: str, store_id: str) -> StoreView:
    """No change of intent. Raises NotFound, also where the store is gone for good."""
    now = services.clock.now()
    with services.sessions.tenant(tenant_id) as session:
        store = lock_store(session, store_id)
        if store.gone_at is not None:
            raise NotFound("This store has been deleted.", what="store", id=store_id)
        before = {"failures": store.failure_count, "quarantined": store.quarantined_at is not None}
        store.failure_count = store.crash_count = 0
        store.quarantined_at = None
        target = ("store", store.id)
        after = {"failures": 0, "quarantined": False}
        audit.record(session, actor, "store.reconcile", now=now, target=target, tenant_id=tenant_id, before=before, after=after)
        tell(session, services, "store", tenant_id=tenant_id, store_id=store.id)
        wake_after_commit(session, services, store, now=now)
        return store_view(services, store)
