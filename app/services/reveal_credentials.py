"""Show a merchant how to sign in to the store's own admin. Every look is audited, with the names of what was shown."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.actors import Actor
from app.domain.stores import Rotation
from app.models import Store
from app.services import audit
from app.services.context import Services
from app.services.intents import lock_wanted_store
from app.services.snapshots import open_pending
from app.services.views import CredentialsView


def reveal_credentials(services: Services, actor: Actor, *, tenant_id: str, store_id: str) -> CredentialsView:
    """Only what the engine marks as the merchant's (`reveal`). Raises NotFound, InvalidIntent (store to be deleted), VaultError."""
    with services.sessions.tenant(tenant_id) as session:
        store = lock_wanted_store(session, store_id)
        engine = services.renderer.engine(store.engine, store.release)
        sealed = session.scalars(select(Store.credentials).where(Store.id == store.id)).one()
        values, pending = services.vault.open(store.credentials_key_id, sealed), open_pending(store, services.vault)
        if store.rotation is Rotation.SWITCHING:
            values, pending = pending, {}
        shown = [spec for spec in engine.secrets if spec.reveal]
        names = [spec.name for spec in shown]
        now, target = services.clock.now(), ("store", store.id)
        audit.record(session, actor, "store.credentials", now=now, target=target, tenant_id=tenant_id, after={"shown": names})
        url = services.profile.public_url(store.host)
        entries = tuple((spec.name, spec.title or spec.name, values[spec.name]) for spec in shown)
        # Nobody knows to the second which of the two the shop takes while a Job sets the new one.
        entries += tuple(
            (f"new_{spec.name}", f"{spec.title or spec.name}, new: works as soon as it is set", pending[spec.name])
            for spec in shown
            if pending and spec.rotate
        )
        return CredentialsView(store.id, url, url + engine.admin_path, entries)
