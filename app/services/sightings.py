"""What the watch saw, judged: which stores differ from their record.

A sighting is the latest state of one object; older ones of the same object are forgotten. Those of a store that is being worked on are held
until its pass has recorded, so that our own writes are recognised by their versions. All of it may be lost: the sweep finds the same.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import ColumnElement, and_, exists, func, select, tuple_
from sqlalchemy.orm import Session

from app.domain.conditions import SYNCED
from app.domain.manifests import InventoryEntry, LiveObject, ObjectKey
from app.domain.stores import DesiredState, DriftMode
from app.models import InventoryObject, Store, StoreCondition
from app.reconcile.diff import diff_object
from app.reconcile.health import check_health
from app.reconcile.observe import NEVER_FOREIGN
from app.reconcile.plan import REASON_CONTESTED
from app.services.context import Services
from app.services.snapshots import inventory_entry

# Objects looked at per question to the database.
AT_ONCE = 500

_WHY = "the watch serves all tenants"
_WATCHED = and_(
    Store.gone_at.is_(None),
    Store.quarantined_at.is_(None),
    Store.desired_state != DesiredState.ABSENT,
    Store.drift_mode != DriftMode.OFF,
    # Whoever quarrels with us must not set our pace: such a store is looked at in its own time, and by the sweep.
    ~exists().where(StoreCondition.store_id == Store.id, StoreCondition.type == SYNCED, StoreCondition.reason == REASON_CONTESTED),
)
_BUSY = func.coalesce(Store.lease_until > func.clock_timestamp(), False)


@dataclass(frozen=True, slots=True)
class Sighting:
    """`live`: as last seen, None where it was deleted. `changed`: its health is another than when it was last seen."""

    key: ObjectKey
    live: LiveObject | None
    changed: bool

    @property
    def namespace(self) -> str:
        return self.key.name if self.key.kind == "Namespace" else self.key.namespace


class Sightings:
    """Collects what threads see and hands it out to the one that judges."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[ObjectKey, Sighting] = {}
        self._health: dict[ObjectKey, tuple[str, str]] = {}

    def saw(self, key: ObjectKey, live: LiveObject | None) -> None:
        """An event of a watch. Its health is compared with what was seen before; of an object never seen nothing is known to change."""
        with self._lock:
            before = self._waiting.get(key)
            changed = self._note(key, live) or (before is not None and before.changed)
            self._waiting[key] = Sighting(key, live, changed)

    def know(self, listed: Iterable[LiveObject]) -> None:
        """Of a list: the health of each, for what comes later."""
        found = {live.key: _health_of(live) for live in listed}
        with self._lock:
            self._health.update(found)

    def take(self) -> list[Sighting]:
        with self._lock:
            return [self._waiting.pop(key) for key in list(islice(self._waiting, AT_ONCE))]

    def hold(self, sightings: Collection[Sighting]) -> None:
        """Give back what cannot be judged yet. What has been seen since is newer; a change of health is not forgotten."""
        with self._lock:
            for sighting in sightings:
                newer = self._waiting.get(sighting.key)
                kept = newer or sighting
                self._waiting[sighting.key] = Sighting(kept.key, kept.live, kept.changed or sighting.changed)

    def _note(self, key: ObjectKey, live: LiveObject | None) -> bool:
        if live is None:
            return self._health.pop(key, None) is not None
        health = _health_of(live)
        before, self._health[key] = self._health.get(key), health
        return before is not None and before != health


def _health_of(live: LiveObject) -> tuple[str, str]:
    health = check_health(live)
    return health.status.value, health.reason


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose an object is; `busy`: a pass over that store is under way."""

    store_id: str
    busy: bool


@dataclass(frozen=True, slots=True)
class _Record(_Owner):
    """What was recorded of the object: uid and resourceVersion."""

    version: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differing`: stores to be looked at now. `early`: sightings of stores that are being worked on."""

    differing: frozenset[str]
    early: tuple[Sighting, ...]


def judge(services: Services, cluster_id: str, sightings: Collection[Sighting]) -> Verdict:
    """Which stores the sightings concern and, of those not under work, which have a reason to be looked at."""
    if not sightings:
        return Verdict(frozenset(), ())
    differing: set[str] = set()
    early: list[Sighting] = []
    compared: list[tuple[Sighting, LiveObject]] = []
    with services.sessions.platform(_WHY) as session:
        recorded = _recorded(session, cluster_id, [sighting.key for sighting in sightings])
        unknown = {sighting.namespace for sighting in sightings if sighting.key not in recorded}
        stores = _of_namespaces(session, cluster_id, unknown) if unknown else {}
        for sighting in sightings:
            record, live = recorded.get(sighting.key), sighting.live
            owner = record or stores.get(sighting.namespace)
            if owner is None:
                continue
            if owner.busy:
                early.append(sighting)
            elif record is None:
                if live is not None and _is_extra(live):
                    differing.add(owner.store_id)
            elif live is None or live.terminating:
                differing.add(owner.store_id)
            elif record.version != (live.uid, live.resource_version):
                if sighting.changed:
                    differing.add(owner.store_id)
                else:
                    compared.append((sighting, live))
        entries = _entries(session, [sighting.key for sighting, _ in compared])
    for sighting, live in compared:
        entry = entries.get(sighting.key)
        if entry is None or diff_object(entry, live) is not None:
            differing.add(recorded[sighting.key].store_id)
    return Verdict(frozenset(differing), tuple(early))


def missing(services: Services, cluster_id: str, kind: str, listed: Collection[ObjectKey]) -> list[Sighting]:
    """Recorded objects of a kind that a whole list of it does not name."""
    statement = (
        select(InventoryObject.namespace, InventoryObject.name)
        .join(Store, Store.id == InventoryObject.store_id)
        .where(InventoryObject.kind == kind, Store.cluster_id == cluster_id, _WATCHED)
    )
    with services.sessions.platform(_WHY) as session:
        keys = (ObjectKey(kind, *row) for row in session.execute(statement.execution_options(yield_per=1000)).tuples())
        return [Sighting(key, None, changed=False) for key in keys if key not in listed]


def _is_extra(live: LiveObject) -> bool:
    """Nobody's child, and either labelled as ours or of a kind of which a namespace has none by itself."""
    return live.controller is None and (live.store_id is not None or live.key.kind not in NEVER_FOREIGN)


def _recorded(session: Session, cluster_id: str, keys: Collection[ObjectKey]) -> Mapping[ObjectKey, _Record]:
    row = InventoryObject
    statement = (
        select(row.kind, row.namespace, row.name, row.store_id, _BUSY, row.uid, row.resource_version)
        .join(Store, Store.id == row.store_id)
        .where(_named(keys), Store.cluster_id == cluster_id, _WATCHED)
    )
    return {
        ObjectKey(kind, namespace, name): _Record(store_id, busy, (uid, version))
        for kind, namespace, name, store_id, busy, uid, version in session.execute(statement).tuples()
    }


def _of_namespaces(session: Session, cluster_id: str, namespaces: Collection[str]) -> Mapping[str, _Owner]:
    statement = select(Store.namespace, Store.id, _BUSY).where(Store.namespace.in_(namespaces), Store.cluster_id == cluster_id, _WATCHED)
    return {namespace: _Owner(store_id, busy) for namespace, store_id, busy in session.execute(statement).tuples()}


def _entries(session: Session, keys: Collection[ObjectKey]) -> Mapping[ObjectKey, InventoryEntry]:
    if not keys:
        return {}
    found = map(inventory_entry, session.scalars(select(InventoryObject).where(_named(keys))))
    return {entry.key: entry for entry in found}


def _named(keys: Collection[ObjectKey]) -> ColumnElement[bool]:
    row = InventoryObject
    return tuple_(row.kind, row.namespace, row.name).in_([(key.kind, key.namespace, key.name) for key in keys])
