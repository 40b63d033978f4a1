"""New credentials for a store: stored sealed as pending, and put in force step by step by the reconciler (app.reconcile.rotation)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent
from app.domain.stores import Rotation
from app.models import Store
from app.services.context import Services
from app.services.credentials import make_credentials
from app.services.intents import changed_intent, lock_wanted_store, refuse_suspended
from app.services.present import store_view
from app.services.views import StoreView


def rotate_credentials(services: Services, actor: Actor, *, tenant_id: str, store_id: str, asked_of: int | None = None) -> StoreView:
    """Asked for while one is under way, it is that one: the same new values. Raises NotFound, Outdated, VaultError, and InvalidIntent where
    the store is suspended, to be deleted or not yet set up.
    """
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        refuse_suspended(store, "replace its credentials")
        if not store.ever_ready:
            raise InvalidIntent(
                "This store is still being set up with credentials of its own. Replace them once it has opened.",
                field="store", rule="set_up", id=store_id,
            )  # fmt: skip
        if store.rotation is None:
            with changed_intent(session, services, actor, store, "store.rotate_credentials", asked_of=asked_of):
                _make_pending(session, services, store)
        return store_view(services, store)


def _make_pending(session: Session, services: Services, store: Store) -> None:
    engine = services.renderer.engine(store.engine, store.release)
    sealed = session.scalars(select(Store.credentials).where(Store.id == store.id)).one()
    present = services.vault.open(store.credentials_key_id, sealed)
    named = {name: getattr(store, name) for name in ("id", "tenant_id", "slug", "name", "host", "namespace")}
    fresh = make_credentials((spec for spec in engine.secrets if spec.rotate), named)
    store.pending_credentials_key_id, store.pending_credentials = services.vault.seal({**present, **fresh})
    store.rotation = Rotation.SETTING
