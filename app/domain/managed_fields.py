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
class Leaf:
    """An owned field. `whole`: with all that is in it (a scalar, or an atomic value); else only its being there (`.` of a list item)."""

    path: Path
    whole: bool

    def touches(self, path: Path) -> bool:
        """Whether the leaf is the field, lies inside it, or holds it whole."""
        return self.path[: len(path)] == path or (self.whole and path[: len(self.path)] == self.path)


@dataclass(frozen=True, slots=True)
class Ownership:
    """One manager's leaves in an object, as paths into that very object (list positions are the live ones)."""

    manager: str
    operation: str
    subresource: str
    leaves: frozenset[Leaf]

    def touches(self, path: Path) -> bool:
        """Whether the manager owns the field, something inside it, or an atomic value around it."""
        return any(leaf.touches(path) for leaf in self.leaves)


def resolve(fields: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[Leaf]:
    """The leaves of a fieldsV1 trie, as paths into `value`. Items that are no longer there are left out."""
    for key, inner in fields.items():
        if key == ".":
            yield Leaf(path, whole=False)
            continue
        step = _step(key, value)
        if step is None:
            continue
        if inner:
            yield from resolve(inner, value[step], (*path, step))
        else:
            yield Leaf((*path, step), whole=True)


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


def _entries(body: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return (body.get("metadata") or {}).get("managedFields") or ()


def take_over(body: Mapping[str, Any], paths: Sequence[Path], *, manager: str) -> list[dict[str, Any]] | None:
    """The JSON patch that hands `paths` over to `manager`, so that its next apply removes what it doesn't ask for.

    An apply removes a field only if nobody else owns it, so the drifted paths move from the other managers' entries into ours (our Apply
    entry, made if missing). The patch also replaces `/metadata/resourceVersion`: the server refuses it if the object has moved on. None
    where nobody's entry holds any of the paths.
    """

    def drifted(leaf: Leaf) -> bool:
        return any(leaf.touches(path) for path in paths)

    def is_ours(entry: Mapping[str, Any]) -> bool:
        return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")

    taken: Fields = {}
    kept: list[dict[str, Any]] = []
    own: dict[str, Any] = {"manager": manager, "operation": "Apply", "apiVersion": body.get("apiVersion"), "fieldsType": "FieldsV1"}
    for entry in copy.deepcopy(list(_entries(body))):
        if is_ours(entry):
            own = entry
        else:
            fields = entry.get("fieldsV1") or {}
            _merge(taken, _select(fields, body, (), drifted))
            rest = _select(fields, body, (), lambda leaf: not drifted(leaf))
            if rest:
                kept.append({**entry, "fieldsV1": rest})
    if not taken:
        return None
    own_fields: Fields = own.setdefault("fieldsV1", {})
    _merge(own_fields, taken)
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [own, *kept]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": (body.get("metadata") or {}).get("resourceVersion")},
    ]


def _select(fields: Mapping[str, Any], value: Any, path: Path, wanted: Callable[[Leaf], bool]) -> Fields:
    """The part of a trie whose leaves are wanted."""
    kept: Fields = {}
    for key, inner in fields.items():
        if key == ".":
            if wanted(Leaf(path, whole=False)):
                kept[key] = {}
            continue
        step = _step(key, value)
        if step is None:
            continue
        if inner:
            if part := _select(inner, value[step], (*path, step), wanted):
                kept[key] = part
        elif wanted(Leaf((*path, step), whole=True)):
            kept[key] = {}
    return kept


def _merge(into: Fields, other: Mapping[str, Any]) -> None:
    for key, inner in other.items():
        _merge(into.setdefault(key, {}), inner)
