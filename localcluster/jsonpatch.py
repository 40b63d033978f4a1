"""JSON patch (RFC 6902) as the API server takes it: `replace` of an absent member adds it, `remove` of one fails."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any


class PatchError(ValueError):
    """An operation that cannot be done; `malformed` where the patch is not one at all."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def patch(document: Any, operations: Any) -> Any:
    """A new document. Raises PatchError, and then nothing was done."""
    if not isinstance(operations, Sequence) or isinstance(operations, str):
        raise PatchError("error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp", malformed=True)
    root = copy.deepcopy(document)
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise PatchError("error decoding patch: json: cannot unmarshal into Go value of type handlers.jsonPatchOp", malformed=True)
        root = _do(root, operation)
    return root


def _do(root: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), _pointer(operation.get("path"))
    if name in ("add", "replace"):
        return _put(root, path, copy.deepcopy(operation.get("value")), insert=name == "add")
    if name == "remove":
        _take(root, path)
        return root
    if name == "test":
        if _get(root, path, missing=None) != operation.get("value"):
            raise PatchError(f"testing value {operation.get('path')} failed: test failed")
        return root
    if name in ("move", "copy"):
        origin = _pointer(operation.get("from"))
        value = copy.deepcopy(_get(root, origin))
        if name == "move":
            _take(root, origin)
        return _put(root, path, value, insert=True)
    raise PatchError(f"Unexpected kind: {name}")


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchError(f"not a JSON pointer: {text!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


_RAISE: Any = object()


def _get(root: Any, path: Sequence[str], *, missing: Any = _RAISE) -> Any:
    node = root
    for part in path:
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.lstrip("-").isdigit() and -len(node) <= int(part) < len(node):
            node = node[int(part)]
        elif missing is _RAISE:
            raise PatchError(f"missing path: /{'/'.join(path)}")
        else:
            return missing
    return node


def _put(root: Any, path: Sequence[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    parent, last = _get(root, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        position = len(parent) if last == "-" else _position(last)
        if not 0 <= position < len(parent) + (1 if insert else 0):
            raise PatchError(f"invalid index: {last}")
        parent[position : position + (0 if insert else 1)] = [value]
    else:
        raise PatchError(f"no container at /{'/'.join(path[:-1])}")
    return root


def _take(root: Any, path: Sequence[str]) -> None:
    if not path:
        raise PatchError("cannot remove the document")
    parent, last = _get(root, path[:-1]), path[-1]
    if isinstance(parent, dict) and last in parent:
        del parent[last]
    elif isinstance(parent, list) and 0 <= _position(last) < len(parent):
        del parent[_position(last)]
    else:
        raise PatchError(f"unable to remove nonexistent key: {last}")


def _position(text: str) -> int:
    if not text.isdigit():
        raise PatchError(f"invalid index: {text}")
    return int(text)
