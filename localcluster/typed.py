"""Typed values: which fields they hold, how two of them differ, how one is merged onto another, how fields are taken out.

A re-telling of structured-merge-diff (v6, package typed), which is what server-side apply is defined by. Values are plain JSON data; ABSENT
stands for a value that is not there (None is one that is). Nothing is changed in place; results share parts with their inputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from localcluster.fields import Fields, Path, Trie, item_step, step, to_trie
from localcluster.schema import Type


class Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


class TypeMismatch(ValueError):
    """A value that its type does not allow; the text names the field."""


def field_set(kind: Type, value: Any) -> Fields:
    """The fields that a value sets, as the set its applier comes to own."""
    out: set[Path] = set()
    _collect(kind, value, (), out)
    return frozenset(out)


def _collect(kind: Type, value: Any, path: Path, out: set[Path]) -> None:
    if kind.atomic:
        out.add(path)
    elif kind.form in ("struct", "map"):
        for name, item in (value or {}).items():
            child, below = kind.child(name), (*path, step(name))
            if child is None:
                continue
            _collect(child, item, below, out)
            if item is None or item == {} or kind.form == "map":
                out.add(below)
    elif kind.element is not None:
        for pe, items in _index(kind, value).items():
            if len(items) == 1:
                _collect(kind.item, items[0], (*path, pe), out)
            out.add((*path, pe))


def _index(kind: Type, value: Any) -> dict[str, list[Any]]:
    """A list's items by their steps; more than one where keys are not unique."""
    found: dict[str, list[Any]] = {}
    for item in value or ():
        found.setdefault(item_step(kind, item), []).append(item)
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """What makes the new value out of the old one."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def compare(kind: Type, old: Any, new: Any) -> Comparison:
    result = Comparison()
    _compare(kind, old, new, (), result)
    return result


def _compare(kind: Type, old: Any, new: Any, path: Path, out: Comparison) -> None:
    if old is new:
        return
    if kind.atomic or not (_filled(old) or _filled(new)):
        _compare_leaf(old, new, path, out)
        return
    if kind.form in ("struct", "map"):
        before, after = _members(old), _members(new)
        for name in before.keys() | after.keys():
            child = kind.child(name)
            if child is not None:
                _compare(child, before.get(name, ABSENT), after.get(name, ABSENT), (*path, step(name)), out)
    elif kind.element is not None:
        _compare_items(kind, old, new, path, out)
    if old is ABSENT:
        out.added.add(path)
    elif new is ABSENT:
        out.removed.add(path)


def _compare_leaf(old: Any, new: Any, path: Path, out: Comparison) -> None:
    if old is ABSENT:
        out.added.add(path)
    elif new is ABSENT:
        out.removed.add(path)
    elif not same(old, new):
        out.modified.add(path)


def same(old: Any, new: Any) -> bool:
    """Equal as JSON: 1 is not true."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return old == new


def _compare_items(kind: Type, old: Any, new: Any, path: Path, out: Comparison) -> None:
    before, after = _index(kind, _items(old)), _index(kind, _items(new))
    for pe in [*before, *(pe for pe in after if pe not in before)]:
        left, right, below = before.get(pe, []), after.get(pe, []), (*path, pe)
        if len(left) <= 1 and len(right) <= 1:
            _compare(kind.item, left[0] if left else ABSENT, right[0] if right else ABSENT, below, out)
        elif len(left) >= 2 and len(right) >= 2:
            if left != right:
                out.modified.add(below)
        elif len(left) >= 2:
            if right:
                _compare(kind.item, ABSENT, right[0], below, out)
            out.removed.add(below)
        else:
            if left:
                _compare(kind.item, left[0], ABSENT, below, out)
            out.added.add(below)


def _filled(value: Any) -> bool:
    return value is not ABSENT and bool(value)


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def merge(kind: Type, live: Any, config: Any) -> Any:
    """`config` laid over `live`: atomic values replaced, structs, maps, sets and keyed lists merged."""
    if config is ABSENT:
        return live
    if live is ABSENT or kind.atomic or not (live or config):
        return config
    if kind.form in ("struct", "map"):
        out: dict[str, Any] = {}
        before, after = _members(live), _members(config)
        for name in [*before, *(name for name in after if name not in before)]:
            child = kind.child(name)
            if child is not None:
                out[name] = merge(child, before.get(name, ABSENT), after.get(name, ABSENT))
        return out
    return _merge_items(kind, _items(live), _items(config))


def _merge_items(kind: Type, live: list[Any], config: list[Any]) -> list[Any]:
    """Shared items in the order of `config`, others of `live` where they stood."""
    left, right = _index(kind, live), _index(kind, config)
    order = [(item_step(kind, item), item) for item in live]
    shared = iter([pe for pe in right if pe in left])
    next_shared = next(shared, None)
    out: list[Any] = []
    done: set[str] = set()
    wanted = list(right)
    while order or wanted:
        if order and wanted:
            pe = order[0][0]
            if pe == wanted[0]:
                out.append(_merge_item(kind.item, left[pe], right[pe]))
                done.add(pe)
                order.pop(0)
                wanted.pop(0)
                next_shared = next(shared, None)
                continue
            if pe in right and next_shared is not None and next_shared != pe:
                order.pop(0)
                continue
        if order:
            pe, item = order[0]
            if pe not in right:
                out.append(item)
                order.pop(0)
                continue
            if pe in done:
                order.pop(0)
        if wanted:
            pe = wanted.pop(0)
            out.append(_merge_item(kind.item, left.get(pe, []), right[pe]))
            done.add(pe)
            if next_shared == pe:
                next_shared = next(shared, None)
    return out


def _merge_item(kind: Type, live: list[Any], config: list[Any]) -> Any:
    """Items that occur twice in the live object are not merged with."""
    return merge(kind, live[0] if len(live) == 1 else ABSENT, config[0])


def remove(kind: Type, value: Any, fields: Fields) -> Any:
    """The value without the fields (and all below them). An emptied container is None, as in the original."""
    return _remove(kind, value, to_trie(fields)) if fields else value


def _remove(kind: Type, value: Any, trie: Trie) -> Any:
    if kind.form == "leaf":
        return value
    if not value or kind.atomic:
        return None
    if kind.form in ("struct", "map"):
        out: dict[str, Any] = {}
        for name, item in value.items():
            inner, child = trie.get(step(name)), kind.child(name)
            if inner is None or child is None:
                out[name] = item
            elif inner and "." not in inner:
                out[name] = _remove(child, item, inner)
        return out or None
    items: list[Any] = []
    for item in value:
        inner = trie.get(item_step(kind, item))
        if inner is None:
            items.append(item)
        elif inner and "." not in inner:
            items.append(_remove(kind.item, item, inner))
    return items or None


def check(kind: Type, value: Any) -> None:
    """Raises TypeMismatch where an applied configuration does not fit its type."""
    problem = next(_problems(kind, value, ""), None)
    if problem is not None:
        raise TypeMismatch(problem)


def _problems(kind: Type, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if kind.form == "leaf":
        if not _fits(kind.name, value):
            # The wording is Go's, down to the type's name.
            yield f"{path}: expected {_EXPECTED.get(kind.name, kind.name)}, got &value.valueUnstructured{{Value:{json.dumps(value)}}}"
    elif kind.form in ("struct", "map"):
        if not isinstance(value, Mapping):
            yield f"{path}: expected map, got &{{{value}}}"
            return
        for name, item in value.items():
            child = kind.child(name)
            if child is None:
                yield f"{path}.{name}: field not declared in schema"
            else:
                yield from _problems(child, item, f"{path}.{name}")
    else:
        yield from _item_problems(kind, value, path)


def _item_problems(kind: Type, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{value}}}"
        return
    for position, item in enumerate(value):
        yield from _problems(kind.item, item, f"{path}[{position}]")
    if not kind.atomic:
        for pe, items in _index(kind, value).items():
            if len(items) > 1:
                yield f"{path}: duplicate entries for key {_key_text(pe)}"


def _key_text(pe: str) -> str:
    form, _, rest = pe.partition(":")
    if form == "v":
        return f"[={rest}]"
    return "[" + ",".join(f"{key}={json.dumps(item)}" for key, item in json.loads(rest).items()) + "]"


_EXPECTED = {"int": "numeric (int or float)", "float": "numeric (int or float)", "bool": "boolean", "time": "string", "bytes": "string"}


def _fits(name: str, value: Any) -> bool:
    if name in ("any", "quantity", "intstr"):
        return name == "any" or (isinstance(value, str | int | float) and not isinstance(value, bool))
    if name in ("int", "float"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, bool) if name == "bool" else isinstance(value, str)
