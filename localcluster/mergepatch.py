"""Merge patch (RFC 7386) and strategic merge patch, which addresses list items by key.

The directives of the strategic form: `$patch: delete|replace`, `$retainKeys`, `$deleteFromPrimitiveList/NAME`, `$setElementOrder/NAME`.
Limit: `$retainKeys` is obeyed where given, not asked for where the type wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster.schema import Field, Type

_DIRECTIVES = ("$patch", "$retainKeys")
_DELETE_ITEMS, _ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"


def merge(document: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    out = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge(out.get(name), value)
    return out


def strategic(kind: Type, document: Any, patch: Mapping[str, Any]) -> Any:
    """As kubectl patches by default."""
    if patch.get("$patch") == "replace":
        return _plain(patch)
    out = dict(document) if isinstance(document, Mapping) else {}
    if "$retainKeys" in patch:
        out = {name: value for name, value in out.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        if name in _DIRECTIVES or name.startswith(_ORDER):
            continue
        if name.startswith(_DELETE_ITEMS):
            target = name.removeprefix(_DELETE_ITEMS)
            out[target] = [item for item in out.get(target) or () if item not in value]
        elif value is None or (isinstance(value, Mapping) and value.get("$patch") == "delete"):
            out.pop(name, None)
        else:
            order = patch.get(f"{_ORDER}{name}")
            out[name] = _member(kind.fields.get(name), kind.child(name), out.get(name), value, order)
    return out


def _member(field: Field | None, kind: Type | None, live: Any, value: Any, order: list[Any] | None) -> Any:
    if kind is None:
        return value
    if isinstance(value, Mapping) and kind.form in ("struct", "map"):
        return strategic(kind, live, value)
    if isinstance(value, list) and field is not None and field.merge_key is not None:
        element = kind.element or kind
        return _merge_list(element, field.merge_key, live or [], value, order)
    return value


def _merge_list(kind: Type, key: str, live: list[Any], patch: list[Any], order: list[Any] | None) -> list[Any]:
    def named(item: Any) -> Any:
        return item.get(key) if key else item

    if any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [_plain(item) for item in patch if item.get("$patch") != "replace"]
    gone = [named(item) for item in patch if isinstance(item, Mapping) and item.get("$patch") == "delete"]
    merged = {named(item): item for item in live if named(item) not in gone}
    for item in patch:
        if named(item) not in gone:
            known = merged.get(named(item))
            merged[named(item)] = item if not key else _plain(item) if known is None else strategic(kind, known, item)
    leading = [named(item) for item in (patch if order is None else order) if named(item) in merged]
    return [merged[name] for name in _interleaved(leading, [name for name in merged if name not in leading], list(map(named, live)))]


def _interleaved(leading: list[Any], others: list[Any], server: list[Any]) -> list[Any]:
    """The patch's items first, except where the server had another before them."""
    out: list[Any] = []
    first, second = list(leading), list(others)
    while first and second:
        both_known = first[0] in server and second[0] in server
        out.append((second if both_known and server.index(second[0]) < server.index(first[0]) else first).pop(0))
    return [*out, *first, *second]


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if not name.startswith("$")}
