"""From rows to the frozen values the core works on. After loading, the transaction can be closed: nothing here reads lazily."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session, undefer

from app.domain.conditions import CONDITION_TYPES, Condition
from app.domain.manifests import InventoryEntry, ObjectKey
from app.domain.stores import DriftMode, Rotation, StoreSnapshot, derive_phase
from app.models import InventoryObject, Platform, Store, StoreCondition
from app.ports import Vault

# Of two modes the stricter is in force.
_STRICTNESS = (DriftMode.REPAIR, DriftMode.OBSERVE, DriftMode.OFF)

# Made once: SQLAlchemy takes as long to make them as the server to run them.
_OF = bindparam("of")
_STORE = select(Store, Platform).join(Platform, Platform.id == 1).where(Store.id == _OF).execution_options(populate_existing=True)
_STORE_AND_CREDENTIALS = _STORE.options(undefer(Store.credentials), undefer(Store.pending_credentials))
_CONDITIONS = select(*(getattr(StoreCondition, field.name) for field in fields(Condition))).where(StoreCondition.store_id == _OF)
_INVENTORY = select(
    InventoryObject.kind,
    InventoryObject.namespace,
    InventoryObject.name,
    InventoryObject.uid,
    InventoryObject.resource_version,
    InventoryObject.manifest_hash,
    InventoryObject.live,
    InventoryObject.live_hash,
).where(InventoryObject.store_id == _OF)


@dataclass(frozen=True, slots=True)
class LoadedStore:
    """What a pass must know: the snapshot, and what the row says about whether and how to go on.

    `pause` is the reason of a pause in force (the store's or the platform's), None where there is none.
    """

    snapshot: StoreSnapshot
    pause: str | None
    quarantined_at: datetime | None
    gone_at: datetime | None
    next_reconcile_at: datetime | None
    crash_count: int
    lease_token: str | None


def load_store(session: Session, store_id: str, *, vault: Vault | None, now: datetime) -> LoadedStore | None:
    """The store with conditions, inventory and (given a vault) decrypted credentials; None where there is none such."""
    of = {"of": store_id}
    found = session.execute(_STORE if vault is None else _STORE_AND_CREDENTIALS, of).one_or_none()
    if found is None:
        return None
    store, platform = found
    switching = store.rotation is Rotation.SWITCHING
    present, pending = ({}, {}) if vault is None else (vault.open(store.credentials_key_id, store.credentials), open_pending(store, vault))
    # As plain rows: a pass reads them once, and objects of the session cost it a third of its time in the database.
    conditions, inventory = session.execute(_CONDITIONS, of), session.execute(_INVENTORY, of)
    return LoadedStore(
        snapshot=StoreSnapshot(
            id=store.id,
            tenant_id=store.tenant_id,
            cluster_id=store.cluster_id,
            slug=store.slug,
            name=store.name,
            host=store.host,
            namespace=store.namespace,
            namespace_uid=store.namespace_uid,
            claim=store.claim,
            engine=store.engine,
            release=store.release,
            plan=store.plan,
            desired_state=store.desired_state,
            generation=store.generation,
            observed_generation=store.observed_generation,
            drift_mode=max(store.drift_mode, platform.drift_mode, key=_STRICTNESS.index),
            ever_ready=store.ever_ready,
            provisioning_since=store.provisioning_since,
            failure_count=store.failure_count,
            credentials_version=store.credentials_version + switching,
            restarted_generation=store.restarted_generation,
            rotation=store.rotation,
            conditions=_in_order(Condition(*row) for row in conditions),
            inventory={entry.key: entry for entry in map(inventory_entry, inventory)},
            secrets=pending if switching else present,
            pending_secrets={} if switching else pending,
            settings=store.settings,
        ),
        pause=pause_in_force(store, platform, now=now),
        quarantined_at=store.quarantined_at,
        gone_at=store.gone_at,
        next_reconcile_at=store.next_reconcile_at,
        crash_count=store.crash_count,
        lease_token=store.lease_token,
    )


def open_pending(store: Store, vault: Vault) -> Mapping[str, str]:
    """The credentials that are to take the place of the present ones; none where no rotation is under way. VaultError."""
    if store.pending_credentials is None or store.pending_credentials_key_id is None:
        return {}
    return vault.open(store.pending_credentials_key_id, store.pending_credentials)


def condition_of(row: StoreCondition) -> Condition:
    return Condition(row.type, row.status, row.reason, row.message, row.last_transition_at, row.observed_generation)


def conditions_of(store: Store) -> tuple[Condition, ...]:
    """In the order in which people read them."""
    return _in_order(map(condition_of, store.conditions))


def _in_order(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(sorted(conditions, key=lambda condition: CONDITION_TYPES.index(condition.type)))


def inventory_entry(row: InventoryObject | Row[Any]) -> InventoryEntry:
    key = ObjectKey(row.kind, row.namespace, row.name)
    return InventoryEntry(key, row.uid, row.resource_version, row.manifest_hash, row.live, row.live_hash)


def pause_in_force(store: Store, platform: Platform, *, now: datetime) -> str | None:
    """Why reconciling is paused at this moment, or None."""
    for row in (store, platform):
        if row.paused_until is not None and row.paused_until > now:
            return row.paused_reason
    return None


def refresh_phase(store: Store) -> None:
    """Store the phase that follows from intent and conditions. Called by whoever changed either; the conditions must be loaded."""
    store.phase = derive_phase(store.desired_state, conditions_of(store), gone=store.gone_at is not None, ever_ready=store.ever_ready)
