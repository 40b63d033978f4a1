"""What all changes of a store's intent share: the lock, the refusal once it is to be deleted, and what follows from a change."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent, NotFound, Outdated
from app.domain.stores import DesiredState
from app.models import Store
from app.services import audit
from app.services.context import Services
from app.services.live import tell
from app.services.snapshots import refresh_phase
from app.services.wakes import wake_after_commit

REASON_MAX = 500
NAME_MAX = 80


def lock_store(session: Session, store_id: str) -> Store:
    """The store's row, locked until the transaction ends, so that intents come one after the other. NotFound where there is none."""
    store = session.scalar(
        select(Store)
        .where(Store.id == store_id)
        .options(selectinload(Store.conditions))
        .with_for_update(key_share=True, of=Store)
        .execution_options(populate_existing=True)
    )
    if store is None:
        raise NotFound("There is no such store.", what="store", id=store_id)
    return store


def lock_wanted_store(session: Session, store_id: str) -> Store:
    """As `lock_store`, for intents that make no sense once the store is to be deleted: a delete is not taken back."""
    store = lock_store(session, store_id)
    if store.gone_at is not None:
        raise NotFound("This store has been deleted.", what="store", id=store_id)
    if store.desired_state is DesiredState.ABSENT:
        raise InvalidIntent(
            "This store is being deleted and cannot be changed any more. Create a new one; its name is free again.",
            field="store", rule="not_deleted", id=store_id,
        )  # fmt: skip
    return store


@contextmanager
def changed_intent(
    session: Session, services: Services, actor: Actor, store: Store, action: str, *, asked_of: int | None = None
) -> Generator[None]:
    """Around a change of a locked store's intent: generation + 1, a fresh deadline and fresh counts, audit entry, wake after the commit.

    `asked_of` is the generation that the asker saw; Outdated where it is no longer the present one. What changes nothing is never outdated.
    """
    if asked_of is not None and asked_of != store.generation:
        raise Outdated("This store was changed meanwhile.", asked=asked_of, generation=store.generation)
    now = services.clock.now()
    before = intent_of(store)
    yield
    store.generation += 1
    store.provisioning_since = now
    store.failure_count = 0
    store.crash_count = 0
    store.quarantined_at = None
    refresh_phase(store)
    audit_store(session, services, actor, store, action, before)
    wake_after_commit(session, services, store, now=now)


def audit_store(session: Session, services: Services, actor: Actor, store: Store, action: str, before: dict[str, Any] | None) -> None:
    """An entry with the fields of the intent that changed; open pages look again after the commit."""
    after = intent_of(store)
    if before is not None:
        changed = [name for name in after if before[name] != after[name]]
        before, after = ({name: side[name] for name in changed} for side in (before, after))
    target = ("store", store.id)
    audit.record(session, actor, action, now=services.clock.now(), target=target, tenant_id=store.tenant_id, before=before, after=after)
    tell(session, services, "store", tenant_id=store.tenant_id, store_id=store.id)


def intent_of(store: Store) -> dict[str, Any]:
    """What people decide about a store, as JSON data."""
    return {
        "slug": store.slug,
        "name": store.name,
        "host": store.host,
        "engine": store.engine,
        "release": store.release,
        "plan": store.plan,
        "settings": store.settings,
        "desired_state": store.desired_state.value,
        "generation": store.generation,
        "drift_mode": store.drift_mode.value,
        "paused_until": store.paused_until and store.paused_until.isoformat(),
        "paused_reason": store.paused_reason,
    }


def check_reason(reason: str) -> str:
    """A reason is read by others later: one to five hundred characters."""
    text = reason.strip()
    if not 1 <= len(text) <= REASON_MAX:
        raise InvalidIntent(f"Give a reason of at most {REASON_MAX} characters.", field="reason", rule="length")
    return text


def check_name(name: str) -> str:
    """A display name: any printable text on one line."""
    text = " ".join(name.split())
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        raise InvalidIntent(f"A name has 1 to {NAME_MAX} printable characters.", field="name", rule="length")
    return text
