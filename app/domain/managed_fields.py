"""Who owns which field: reading `metadata.managedFields` and preparing a take-over.

The API server keeps, per field manager, a trie of the fields it set (`fieldsV1`): `f:name` a field, `k:{…}` a list item by its keys,
`v:…` a list item by its value, `.` the item itself. Source: Kubernetes documentation, "Server-Side Apply", and structured-merge-diff.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.drift import Path

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ownership:
    """One manager's leaves in an object, as paths into that very object (list positions are the live ones)."""

    manager: str
    operation: str
    subresource: str
    leaves: frozenset[Path]

    def touches(self, path: Path) -> bool:
        """Whether the manager owns the field, something inside it, or an atomic value around it."""
        return any(leaf[: len(path)] == path or path[: len(leaf)] == leaf for leaf in self.leaves)


def resolve(fields: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[Path]:
    """The leaves of a fieldsV1 trie, as paths into `value`. Items that are no longer there are left out."""
    for key, inner in fields.items():
        if key == ".":
            yield path
            continue
        step = _step(key, value)
        if step is None:
            continue
        if inner:
            yield from resolve(inner, value[step], (*path, step))
        else:
            yield (*path, step)


def _step(key: str, value: Any) -> str | int | None:
    """Which member of `value` a key of the trie names."""
    form, _, rest = key.partition(":")
    if form == "f":
        return rest if isinstance(value, Mapping) and rest in value else None
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    if form == "k":
        wanted: dict[str, Any] = json.loads(rest)
        return next(
            (
                position
                for position, item in enumerate(value)
                if isinstance(item, Mapping) and all(item.get(name, _DEFAULT_KEYS.get(name)) == part for name, part in wanted.items())
            ),
            None,
        )
    if form == "v":
        wanted_value = json.loads(rest)
        return next((position for position, item in enumerate(value) if item == wanted_value), None)
    if form == "i":
        return int(rest) if int(rest) < len(value) else None
    return None


# Keys of associative lists that a manifest may leave out (structured-merge-diff fills them in).
_DEFAULT_KEYS = {"protocol": "TCP"}


def ownerships(body: Mapping[str, Any]) -> tuple[Ownership, ...]:
    """Everybody's fields in a live object."""
    return tuple(
        Ownership(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("subresource", ""),
            frozenset(resolve(entry.get("fieldsV1") or {}, body)),
        )
        for entry in _entries(body)
    )


def _entries(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (body.get("metadata") or {}).get("managedFields") or ()


def take_over(body: Mapping[str, Any], paths: Sequence[Path], *, manager: str) -> list[dict[str, Any]] | None:
    """The JSON patch that makes `manager` own `paths` as well, so that its next apply removes what it doesn't ask for.

    The drifted paths of the other managers' entries are merged into ours (our Apply entry, made if missing). The patch also replaces
    `/metadata/resourceVersion`: the server refuses it if the object has moved on. None where nobody's entry holds any of the paths.
    """
    metadata = body.get("metadata") or {}
    entries: list[Any] = copy.deepcopy(list(_entries(body)))
    merged: Fields = {}
    for entry in entries:
        ours = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if ours or entry.get("subresource") == "status":
            continue
        _merge(merged, _select(entry.get("fieldsV1") or {}, body, (), lambda leaf: _within(leaf, paths)))
    if not merged:
        return None
    own: Fields | None = next(
        (e for e in entries if e.get("manager") == manager and e.get("operation") == "Apply" and not e.get("subresource")), None
    )
    if own is None:
        own = {"manager": manager, "operation": "Apply", "apiVersion": body.get("apiVersion"), "fieldsType": "FieldsV1"}
        entries.append(own)
    fields: Fields = own.setdefault("fieldsV1", {})
    _merge(fields, merged)
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata.get("resourceVersion")},
    ]


def _within(leaf: Path, paths: Sequence[Path]) -> bool:
    return any(leaf[: len(path)] == path or path[: len(leaf)] == leaf for path in paths)


def _select(fields: Mapping[str, Any], value: Any, path: Path, wanted: Callable[[Path], bool]) -> Fields:
    """The part of a trie whose leaves are wanted."""
    kept: Fields = {}
    for key, inner in fields.items():
        if key == ".":
            if wanted(path):
                kept[key] = {}
            continue
        step = _step(key, value)
        if step is None:
            continue
        if inner:
            if part := _select(inner, value[step], (*path, step), wanted):
                kept[key] = part
        elif wanted((*path, step)):
            kept[key] = {}
    return kept


def _merge(into: Fields, other: Mapping[str, Any]) -> None:
    for key, inner in other.items():
        _merge(into.setdefault(key, {}), inner)
