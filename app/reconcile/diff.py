"""Live against live: today's whole object against the one recorded from the server's own answer to our last apply.

Both sides have been through the same server, so `500m` and `0.5`, defaulted and injected fields can never look like drift. What
controllers write later is exempt *by path*: managers' names are the client's to choose, and on k3s all controllers share one.
`managedFields` names the culprit, and excuses a new server default that nobody owns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.domain.drift import ABSENT, Difference, DriftClass, ObjectDrift, Path
from app.domain.managed_fields import Ownership, ownerships
from app.domain.manifests import FIELD_MANAGER, InventoryEntry, LiveObject, storable

_ANNOTATIONS = ("metadata", "annotations")
_TEMPLATE_ANNOTATIONS = ("spec", "template", "metadata", "annotations")
_FINALIZERS = ("metadata", "finalizers")

# Fields that the cluster's own controllers write after our apply. A `*` at the end of a key stands for any rest.
EXEMPT: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Namespace": (("spec", "finalizers"),),
    "Deployment": (
        (*_ANNOTATIONS, "deployment.kubernetes.io/revision"),
        (*_TEMPLATE_ANNOTATIONS, "kubectl.kubernetes.io/restartedAt"),
    ),
    "StatefulSet": ((*_TEMPLATE_ANNOTATIONS, "kubectl.kubernetes.io/restartedAt"),),
    "PersistentVolumeClaim": (
        ("spec", "volumeName"),
        ("spec", "storageClassName"),
        (*_ANNOTATIONS, "pv.kubernetes.io/*"),
        (*_ANNOTATIONS, "volume.kubernetes.io/*"),
        (*_ANNOTATIONS, "volume.beta.kubernetes.io/*"),
    ),
    "Ingress": ((*_ANNOTATIONS, "cert-manager.io/*"), (*_ANNOTATIONS, "acme.cert-manager.io/*")),
    "ServiceAccount": (("secrets",),),
}

# Maps whose keys are people's own.
_FREE_MAPS = frozenset({"annotations", "labels", "data", "hard", "matchLabels", "nodeSelector"})

KNOWN_FINALIZERS = frozenset(
    {"kubernetes.io/pvc-protection", "foregroundDeletion", "orphan", "service.kubernetes.io/load-balancer-cleanup"}
)

# How the items of a list of objects are told apart, the first set of names that all items have.
_ITEM_KEYS: tuple[tuple[str, ...], ...] = (
    ("name",),
    ("uid",),
    ("mountPath",),
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("type",),
    ("host",),
    ("path",),
)


def diff_object(entry: InventoryEntry, live: LiveObject) -> ObjectDrift | None:
    """How the object has drifted from what was recorded, or None. Equal resourceVersions are equal objects."""
    if entry.uid == live.uid and entry.resource_version == live.resource_version:
        return None
    if entry.uid != live.uid:
        return ObjectDrift(live.key, DriftClass.MISSING, (Difference("metadata.uid", entry.uid, live.uid),))
    owners = ownerships(live.body)
    forged = not any(map(_is_ours, owners))
    found = [
        judged
        for difference in differences(live.key.kind, entry.live, storable(live.body))
        if (judged := _judge(difference, owners, forged=forged)) is not None
    ]
    if forged:
        found.append(Difference("metadata.managedFields", FIELD_MANAGER, ABSENT))
    if not found:
        return None
    only_added = all(difference.before is ABSENT for difference in found)
    return ObjectDrift(live.key, DriftClass.EXTRA if only_added else DriftClass.MODIFIED, tuple(found))


def foreign_additions(entry: InventoryEntry, live: LiveObject) -> tuple[Difference, ...]:
    """What a plain apply leaves in place: differences that another manager owns and we do not."""
    owners = ownerships(live.body)
    return tuple(
        difference
        for difference in differences(live.key.kind, entry.live, storable(live.body))
        if difference.live_path is not None
        and not _owned(owners, difference.live_path, ours=True)
        and _owned(owners, difference.live_path, ours=False)
    )


def _owned(owners: Sequence[Ownership], path: Path, *, ours: bool) -> bool:
    return any(_is_ours(owner) is ours and owner.touches(path) for owner in owners)


def _is_ours(owner: Ownership) -> bool:
    return owner.manager == FIELD_MANAGER and owner.operation == "Apply"


def _judge(difference: Difference, owners: Sequence[Ownership], *, forged: bool) -> Difference | None:
    """The difference with its culprit, or None where it is a default of the server that nobody owns."""
    path = difference.live_path
    if path is None:
        return difference
    holders = [owner for owner in owners if owner.touches(path)]
    culprit = next((owner.manager for owner in holders if owner.manager != FIELD_MANAGER), None)
    if not holders and not forged:
        return None
    return Difference(difference.path, difference.before, difference.after, path, culprit)


def differences(kind: str, recorded: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field of two storable bodies that differs and is not exempt for the kind."""
    exempt = EXEMPT.get(kind, ())
    return tuple(d for d in _walk(recorded, live, "", (), (), exempt))


def _walk(
    before: Any, after: Any, shown: str, keys: tuple[str, ...], live_path: Path, exempt: tuple[tuple[str, ...], ...]
) -> Iterator[Difference]:
    """`keys` are the plain names so far, for exemptions; `live_path` addresses `after`."""
    if (before is ABSENT and after is ABSENT) or _equal(before, after) or _is_exempt(keys, exempt):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            inner = f"{shown}.{name}" if shown else name
            yield from _walk(before.get(name, ABSENT), after.get(name, ABSENT), inner, (*keys, name), (*live_path, name), exempt)
    elif keys and keys[-1] in _FREE_MAPS and (isinstance(before, Mapping) or isinstance(after, Mapping)):
        # A map that appeared or vanished as a whole is told entry by entry, and some entries may be exempt.
        yield from _walk({} if before is ABSENT else before, {} if after is ABSENT else after, shown, keys, live_path, exempt)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _walk_lists(before, after, shown, keys, live_path, exempt)
    elif keys == _FINALIZERS:
        yield from _walk_lists(_as_list(before), _as_list(after), shown, keys, live_path, exempt)
    else:
        yield Difference(shown, before, after, None if after is ABSENT else live_path)


def _walk_lists(
    before: list[Any], after: list[Any], shown: str, keys: tuple[str, ...], live_path: Path, exempt: tuple[tuple[str, ...], ...]
) -> Iterator[Difference]:
    if keys == _FINALIZERS:
        for value in (v for v in before if v not in after and v not in KNOWN_FINALIZERS):
            yield Difference(f"{shown}[{value}]", value, ABSENT)
        for position, value in enumerate(after):
            if value not in before and value not in KNOWN_FINALIZERS:
                yield Difference(f"{shown}[{value}]", ABSENT, value, (*live_path, position))
        return
    names = _item_keys(before, after)
    if names is None:
        for position in range(max(len(before), len(after))):
            left = before[position] if position < len(before) else ABSENT
            right = after[position] if position < len(after) else ABSENT
            yield from _walk(left, right, f"{shown}[{position}]", keys, (*live_path, position), exempt)
        return
    left_items = {_identity(item, names): item for item in before}
    right_items = {_identity(item, names): (position, item) for position, item in enumerate(after)}
    for identity in {**left_items, **right_items}:
        position, right = right_items.get(identity, (-1, ABSENT))
        label = ",".join(f"{name}={part}" for name, part in zip(names, identity, strict=True))
        yield from _walk(left_items.get(identity, ABSENT), right, f"{shown}[{label}]", keys, (*live_path, position), exempt)
    common = [identity for identity in left_items if identity in right_items]
    if common != [identity for identity in right_items if identity in left_items]:
        yield Difference(f"{shown}(order)", [list(i) for i in left_items], [list(i) for i in right_items], live_path)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _item_keys(before: list[Any], after: list[Any]) -> tuple[str, ...] | None:
    items = [*before, *after]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    for names in _ITEM_KEYS:
        if all(all(name in item for name in names) for item in items):
            for side in (before, after):
                identities = [_identity(item, names) for item in side]
                if len(set(identities)) != len(identities):
                    break
            else:
                return names
    return None


def _identity(item: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(item[name]) for name in names)


def _is_exempt(keys: tuple[str, ...], exempt: tuple[tuple[str, ...], ...]) -> bool:
    return any(
        len(pattern) == len(keys)
        and all(key.startswith(part[:-1]) if part.endswith("*") else key == part for key, part in zip(keys, pattern, strict=True))
        for pattern in exempt
    )


def _equal(before: Any, after: Any) -> bool:
    """Equality that tells true from 1."""
    return before == after and isinstance(before, bool) is isinstance(after, bool)
