"""Server-side apply, and the ownership bookkeeping that every write keeps.

`metadata.managedFields` has an entry per manager, operation and subresource. An update owns what it changed; an apply owns what it asked
for, takes over (with force) what others hold, and removes what it asked for last time and no longer does, unless somebody else owns it.
A re-telling of structured-merge-diff's merge.Updater and of apimachinery's managedfields. Limits: one API version per kind, no
`last-applied-configuration` upgrade for the manager `kubectl`, no cap on the number of update managers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcluster import typed
from localcluster.errors import ApiError
from localcluster.fields import NOTHING, Fields, Path, display, from_trie, to_trie, with_parents, without
from localcluster.schema import Kind

BEFORE_FIRST_APPLY = "before-first-apply"

# Bookkeeping of the server's own, owned by nobody.
BOOKKEEPING: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion")
    }
)


@dataclass(frozen=True, slots=True)
class Manager:
    """Who wrote, how, through which part of the object. Names are the client's to choose."""

    name: str
    operation: str = "Update"
    subresource: str = ""
    api_version: str = ""

    def __str__(self) -> str:
        if self.operation == "Apply":
            return f'"{self.name}"'
        part = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.name}"{part} using {self.api_version}'


@dataclass(frozen=True, slots=True)
class Owned:
    """One manager's fields. `time` is when they last changed."""

    fields: Fields
    time: str | None


Managed = dict[Manager, Owned]


def read(entries: Any) -> Managed:
    """From `metadata.managedFields`. ValueError where they are malformed."""
    managed: Managed = {}
    for entry in entries or ():
        if entry.get("fieldsType") not in (None, "", "FieldsV1") or entry.get("operation") not in ("Apply", "Update"):
            raise ValueError("managedFields entries need operation Apply or Update and fieldsType FieldsV1")
        manager = Manager(entry.get("manager", ""), entry["operation"], entry.get("subresource", ""), entry.get("apiVersion", ""))
        managed[manager] = Owned(from_trie(entry.get("fieldsV1") or {}), entry.get("time"))
    return managed


def write(managed: Managed) -> list[dict[str, Any]]:
    """As `metadata.managedFields`, in the server's order."""
    ordered = sorted(managed.items(), key=lambda item: (item[0].operation, item[1].time or "", item[0].name, item[0].subresource))
    return [_entry(manager, owned) for manager, owned in ordered if owned.fields]


def _entry(manager: Manager, owned: Owned) -> dict[str, Any]:
    entry: dict[str, Any] = {"apiVersion": manager.api_version, "fieldsType": "FieldsV1", "fieldsV1": to_trie(owned.fields)}
    if manager.name:
        entry["manager"] = manager.name
    entry["operation"] = manager.operation
    if manager.subresource:
        entry["subresource"] = manager.subresource
    if owned.time:
        entry["time"] = owned.time
    return entry


def is_reset(entries: Any) -> bool:
    """Whether a client asks for the bookkeeping to be forgotten: `[]` or `[{}]`."""
    return entries is not None and (not entries or (len(entries) == 1 and not any(entries[0].values())))


def ignored(kind: Kind, subresource: str) -> tuple[Path, ...]:
    """Fields that a write through this part of the object does not reach."""
    if subresource == "status":
        labels = (("f:metadata", "f:labels"),) if kind.group == "apps" else ()
        return (("f:spec",), *labels)
    return (("f:status",),) if kind.status else ()


@dataclass(frozen=True, slots=True)
class Write:
    """The circumstances of one write."""

    kind: Kind
    manager: str
    now: str
    subresource: str = ""


def track_update(live: Mapping[str, Any], new: Mapping[str, Any], managed: Managed, write: Write) -> Managed:
    """Who owns what after an update (or, with an empty `live`, a creation)."""
    manager = Manager(write.manager, "Update", write.subresource, write.kind.api_version)
    compared = typed.compare(write.kind.type, _unmanaged(live), _unmanaged(new))
    left_out = ignored(write.kind, write.subresource)
    touched = without(compared.added | compared.modified, left_out)
    removed = without(compared.removed, left_out)
    out = _released(managed, taken=touched, removed=removed)
    if touched - BOOKKEEPING:
        before = out.get(manager, Owned(NOTHING, None))
        out[manager] = Owned((before.fields | touched) - BOOKKEEPING, write.now)
    return out


def _released(managed: Managed, *, taken: Iterable[Path], removed: Iterable[Path]) -> Managed:
    gone = frozenset(taken) | frozenset(removed)
    reduced = {manager: Owned(owned.fields - gone, owned.time) for manager, owned in managed.items()}
    return {manager: owned for manager, owned in reduced.items() if owned.fields}


def apply(
    live: Mapping[str, Any], config: Mapping[str, Any], managed: Managed, write: Write, *, force: bool
) -> tuple[dict[str, Any], Managed]:
    """The object after an apply of `config`, and who owns what. ApiError 409 where others hold fields and there is no force."""
    kind = write.kind
    me = Manager(write.manager, "Apply", write.subresource, kind.api_version)
    before = _unmanaged(live)
    asked = without(typed.field_set(kind.type, config), ignored(kind, write.subresource))
    last = managed.get(me, Owned(NOTHING, None)).fields
    merged = typed.merge(kind.type, before, config)
    claimed = {**managed, me: Owned(asked, write.now)}
    new = _prune(kind, merged, claimed, last)
    compared = typed.compare(kind.type, before, new)
    left_out = ignored(kind, write.subresource)
    touched, removed = without(compared.added | compared.modified, left_out), without(compared.removed, left_out)
    others = {manager: owned for manager, owned in claimed.items() if manager != me}
    held = sorted((str(manager), display(path)) for manager, owned in others.items() for path in owned.fields & touched)
    if held and not force:
        raise ApiError.apply_conflicts(held)
    out = _released(others, taken=touched, removed=removed)
    if asked - BOOKKEEPING:
        out[me] = Owned(asked - BOOKKEEPING, write.now)
    return new, out


def _prune(kind: Kind, merged: dict[str, Any], claimed: Managed, last: Fields) -> dict[str, Any]:
    """`merged` without the fields of our last apply that nobody owns any more."""
    if not last:
        return merged
    pruned = typed.remove(kind.type, merged, with_parents(last, kind.type))
    everything = with_parents(typed.field_set(kind.type, merged), kind.type)
    owned = with_parents(frozenset().union(*(held.fields for held in claimed.values())), kind.type)
    kept = with_parents(typed.field_set(kind.type, pruned), kind.type)
    pruned = typed.remove(kind.type, merged, everything - (kept | owned))
    # Emptied containers that we did not own before come back: only what was ours may go.
    kept = with_parents(typed.field_set(kind.type, pruned), kind.type)
    return typed.remove(kind.type, merged, (everything - kept) & with_parents(last, kind.type))


def _unmanaged(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in (body.get("metadata") or {}).items() if name != "managedFields"}
    return {**body, "metadata": metadata}
