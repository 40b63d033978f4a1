"""Sets of fields, and their form in `metadata.managedFields` (`fieldsV1`).

A path is a tuple of the steps that fieldsV1 uses: `f:name` a field, `k:{…}` an item by its keys, `v:…` an item by its value.
A set holds the paths of its members; a path's parents are members only if they are listed themselves (written as `.`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcluster.schema import Type

Path = tuple[str, ...]
Fields = frozenset[Path]
Trie = dict[str, Any]

NOTHING: Fields = frozenset()


def step(name: str) -> str:
    return f"f:{name}"


def item_step(kind: Type, item: Any) -> str:
    """How an item of a set or keyed list is addressed."""
    if kind.form == "set":
        return f"v:{_compact(item)}"
    element = kind.element
    keys: dict[str, Any] = {}
    for key in kind.keys:
        field = element.fields.get(key) if element else None
        value = item.get(key) if isinstance(item, Mapping) else None
        if value is None and field is not None:
            value = field.default
        if value is not None:
            keys[key] = value
    return f"k:{_compact(keys)}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def to_trie(fields: Iterable[Path]) -> Trie:
    """As fieldsV1."""
    root: Trie = {}
    for path in sorted(fields, key=len, reverse=True):
        node = root
        for part in path:
            node = node.setdefault(part, {})
        if node:  # longer paths came first: this one has children
            node["."] = {}
    return root


def from_trie(trie: Mapping[str, Any]) -> Fields:
    """From fieldsV1."""
    return frozenset(_paths(trie, ()))


def _paths(trie: Mapping[str, Any], prefix: Path) -> Iterator[Path]:
    for key, inner in trie.items():
        if key == ".":
            yield prefix
        elif inner:
            yield from _paths(inner, (*prefix, key))
        else:
            yield (*prefix, key)


def with_parents(fields: Iterable[Path], kind: Type) -> Fields:
    """The set, with every named struct field that lies above a member (structured-merge-diff: EnsureNamedFieldsAreMembers)."""
    out: set[Path] = set()
    for path in fields:
        out.add(path)
        node: Type | None = kind
        for depth, part in enumerate(path[:-1], start=1):
            if node is None:
                break
            is_field = part.startswith("f:")
            if is_field and node.form == "struct" and part[2:] in node.fields:
                out.add(path[:depth])
            node = node.child(part[2:]) if is_field else node.element
    return frozenset(out)


def without(fields: Iterable[Path], prefixes: Iterable[Path]) -> Fields:
    """The set less everything at or below the prefixes."""
    dropped = tuple(prefixes)
    if not dropped:
        return frozenset(fields)
    return frozenset(path for path in fields if not any(path[: len(prefix)] == prefix for prefix in dropped))


def display(path: Path) -> str:
    """As conflicts name it: `.spec.template.spec.containers[name="main"].image`."""
    return "".join(_display(part) for part in path)


def _display(part: str) -> str:
    form, _, rest = part.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "k":
        return f"[{','.join(f'{key}={_compact(value)}' for key, value in json.loads(rest).items())}]"
    return f"[={rest}]"
