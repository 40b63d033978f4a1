"""The plan of a pass: for every object what is to be done and why, before anything is done.

Three rules guard data: nothing that holds data is deleted or made anew by a repair, an immutable difference is a human's matter, and a
plan that would delete more than half of a store is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.drift import ABSENT, Action, Change, ChangeSet, Difference, DriftClass, ObjectDrift
from app.domain.manifests import STORE_ID, InventoryEntry, LiveObject, Manifest, ObjectKey
from app.domain.quantities import parse_quantity
from app.domain.stores import DriftMode, StoreSnapshot
from app.reconcile.diff import diff_object
from app.reconcile.observe import Observed

# A foreign object of these kinds opens or hijacks a store as soon as it exists.
REMOVED_AT_ONCE = frozenset({"NetworkPolicy", "RoleBinding", "Ingress"})

REASON_NEW = "New"
REASON_INTENT = "IntentChanged"
REASON_MISSING = "Missing"
REASON_DRIFTED = "Drifted"
REASON_RECREATED = "Recreated"
REASON_PRUNED = "NoLongerWanted"
REASON_FOREIGN = "ForeignObject"
REASON_IMMUTABLE = "ImmutableField"
REASON_DATA_LOST = "DataLost"
REASON_HOLDS_DATA = "HoldsData"
REASON_TERMINATING = "Terminating"
REASON_OBSERVE = "ObserveOnly"
REASON_TOO_MANY = "TooManyDeletions"
REASON_CONTESTED = "ContestedField"
REASON_SAME = "InSync"
REASON_REPLACED = "Replaced"

# Works that only put right what nobody asked for.
REPAIRS = frozenset({REASON_MISSING, REASON_DRIFTED, REASON_RECREATED})

# Fields that the API server never changes on an existing object.
_IMMUTABLE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "StatefulSet": (("spec", "selector"), ("spec", "serviceName"), ("spec", "volumeClaimTemplates"), ("spec", "podManagementPolicy")),
    "Deployment": (("spec", "selector"),),
    "DaemonSet": (("spec", "selector"),),
    "PersistentVolumeClaim": (("spec", "accessModes"), ("spec", "storageClassName"), ("spec", "volumeMode")),
    "Secret": (("type",),),
    "Service": (("spec", "clusterIP"),),
}


@dataclass(frozen=True, slots=True)
class Work:
    """A change with what is needed to carry it out. `manifest` is None for deletions and for what is only shown."""

    change: Change
    manifest: Manifest | None = None
    live: LiveObject | None = None
    entry: InventoryEntry | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Works in order of execution, the drift they answer, and why a human is needed (if one is)."""

    works: tuple[Work, ...]
    drift: tuple[ObjectDrift, ...]
    stalled: tuple[str, str] | None = None
    desired: frozenset[ObjectKey] = frozenset()

    @property
    def change_set(self) -> ChangeSet:
        return ChangeSet(tuple(work.change for work in self.works))


def plan_pass(store: StoreSnapshot, manifests: Iterable[Manifest], observed: Observed, mode: DriftMode) -> Plan:
    """Compare every object with its record and its manifest, and decide. Pure."""
    desired = {manifest.key: manifest for manifest in manifests}
    works: list[Work] = []
    drift: list[ObjectDrift] = []
    for key, manifest in desired.items():
        work, found = _plan_object(manifest, observed.own.get(key), store.inventory.get(key), mode)
        works.append(work)
        if found is not None:
            drift.append(found)
    prunes = _plan_prunes(store, desired, observed)
    stalled = _stalled(works)
    if len([w for w in prunes if w.change.action is Action.DELETED]) * 2 > len(store.inventory):
        prunes = [_skipped(work.change.key, REASON_TOO_MANY, live=work.live) for work in prunes]
        stalled = stalled or (
            REASON_TOO_MANY,
            f"The plan would delete {len(prunes)} of {len(store.inventory)} objects of this store. An operator has to look at it first.",
        )
    foreign = [_plan_foreign(live, mode) for live in observed.foreign]
    drift.extend(ObjectDrift(live.key, DriftClass.FOREIGN) for live in observed.foreign)
    return Plan((*works, *prunes, *foreign), tuple(drift), stalled, frozenset(desired))


def _plan_object(
    manifest: Manifest, live: LiveObject | None, entry: InventoryEntry | None, mode: DriftMode
) -> tuple[Work, ObjectDrift | None]:
    key = manifest.key
    if key.kind == "Job":
        return _plan_job(manifest, live, entry), None
    if live is None:
        return _plan_absent(manifest, entry, mode)
    if live.terminating:
        return _skipped(key, REASON_TERMINATING, live=live), None
    if differing := immutable_differences(manifest, live):
        return _skipped(key, REASON_IMMUTABLE, differing, live), ObjectDrift(key, DriftClass.IMMUTABLE, differing)
    found = None if entry is None or mode is DriftMode.OFF else diff_object(entry, live)
    if found is not None and found.drift_class is DriftClass.MISSING and key.info.holds_data and key.kind == "PersistentVolumeClaim":
        return _skipped(key, REASON_DATA_LOST, found.differences, live), found
    if entry is None or entry.manifest_hash != manifest.hash:
        reason = REASON_NEW if entry is None else REASON_INTENT
        return _configured(manifest, live, entry, reason, found), found
    if found is None:
        return Work(Change(key, Action.UNCHANGED, REASON_SAME), manifest, live, entry), None
    if mode is not DriftMode.REPAIR:
        return _skipped(key, REASON_OBSERVE, found.differences, live), found
    reason = REASON_RECREATED if found.drift_class is DriftClass.MISSING else REASON_DRIFTED
    return _configured(manifest, live, entry, reason, found), found


def _plan_job(manifest: Manifest, live: LiveObject | None, entry: InventoryEntry | None) -> Work:
    """A Job may be run any number of times, but its template never changes: one that is not what was made for this manifest goes, and the
    next pass makes it anew. One that is gone was cleared away after its time, failed or not seen to end: no drift.
    """
    key = manifest.key
    if live is None:
        return Work(Change(key, Action.CREATED, REASON_NEW if entry is None else REASON_MISSING), manifest)
    if live.terminating:
        return _skipped(key, REASON_TERMINATING, live=live)
    if entry is None or entry.manifest_hash != manifest.hash or diff_object(entry, live) is not None:
        return Work(Change(key, Action.DELETED, REASON_REPLACED), None, live)
    return Work(Change(key, Action.UNCHANGED, REASON_SAME), manifest, live, entry)


def _plan_absent(manifest: Manifest, entry: InventoryEntry | None, mode: DriftMode) -> tuple[Work, ObjectDrift | None]:
    key = manifest.key
    if entry is None:
        return Work(Change(key, Action.CREATED, REASON_NEW), manifest), None
    found = ObjectDrift(key, DriftClass.MISSING)
    if key.kind == "PersistentVolumeClaim":
        return _skipped(key, REASON_DATA_LOST), found
    if entry.manifest_hash == manifest.hash and mode is not DriftMode.REPAIR:
        return _skipped(key, REASON_OBSERVE), found
    return Work(Change(key, Action.CREATED, REASON_MISSING), manifest, None, entry), found


def _configured(manifest: Manifest, live: LiveObject, entry: InventoryEntry | None, reason: str, found: ObjectDrift | None) -> Work:
    differences = found.differences if found is not None else ()
    return Work(Change(manifest.key, Action.CONFIGURED, reason, differences), manifest, live, entry)


def _skipped(key: ObjectKey, reason: str, differences: tuple[Difference, ...] = (), live: LiveObject | None = None) -> Work:
    return Work(Change(key, Action.SKIPPED, reason, differences), None, live)


def _plan_prunes(store: StoreSnapshot, desired: Mapping[ObjectKey, Manifest], observed: Observed) -> list[Work]:
    """Objects that the record knows, the cluster still has with our label, and the manifests no longer name."""
    works: list[Work] = []
    for key in store.inventory:
        live = observed.own.get(key)
        if key in desired or live is None:
            continue
        if key.info.holds_data or live.labels.get(STORE_ID) != store.id:
            works.append(_skipped(key, REASON_HOLDS_DATA if key.info.holds_data else REASON_FOREIGN, live=live))
        else:
            works.append(Work(Change(key, Action.DELETED, REASON_PRUNED), None, live))
    return works


def _plan_foreign(live: LiveObject, mode: DriftMode) -> Work:
    if live.key.kind in REMOVED_AT_ONCE and mode is DriftMode.REPAIR and not live.terminating:
        return Work(Change(live.key, Action.DELETED, REASON_FOREIGN), None, live)
    return _skipped(live.key, REASON_FOREIGN, live=live)


def _stalled(works: Iterable[Work]) -> tuple[str, str] | None:
    """Why a human is needed, in a sentence; lost data outranks the rest."""
    reasons = {reason: [w for w in works if w.change.reason == reason] for reason in (REASON_DATA_LOST, REASON_IMMUTABLE)}
    if lost := reasons[REASON_DATA_LOST]:
        names = ", ".join(str(work.change.key) for work in lost)
        return (
            REASON_DATA_LOST,
            f"{names} was deleted in the cluster: the data in it is lost. Nothing is put in its place until an operator says so.",
        )
    if fixed := reasons[REASON_IMMUTABLE]:
        work = fixed[0]
        paths = ", ".join(difference.path for difference in work.change.differences)
        return (
            REASON_IMMUTABLE,
            f"{work.change.key} differs in {paths}, which Kubernetes never changes on an existing object. An operator has to decide.",
        )
    return None


def immutable_differences(manifest: Manifest, live: LiveObject) -> tuple[Difference, ...]:
    """The fields that we ask for differently and that the API server would refuse to change."""
    found: list[Difference] = []
    for path in _IMMUTABLE.get(manifest.key.kind, ()):
        wanted, actual = _at(manifest.body, path), _at(live.body, path)
        if wanted is not ABSENT and actual is not ABSENT and not _covers(wanted, actual):
            found.append(Difference(".".join(path), wanted, actual, path))
    if manifest.key.kind == "PersistentVolumeClaim":
        size = ("spec", "resources", "requests", "storage")
        wanted, actual = _at(manifest.body, size), _at(live.body, size)
        if wanted is not ABSENT and actual is not ABSENT and parse_quantity(wanted) < parse_quantity(actual):
            found.append(Difference(".".join(size), wanted, actual, size))
    return tuple(found)


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(body, Mapping) or name not in body:
            return ABSENT
        body = body[name]
    return body


def _covers(wanted: Any, actual: Any) -> bool:
    """Whether all that is wanted is there: the server adds defaults, so the live value may hold more."""
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        return all(name in actual and _covers(value, actual[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(actual, list):
        return len(wanted) == len(actual) and all(_covers(w, a) for w, a in zip(wanted, actual, strict=True))
    return wanted == actual
