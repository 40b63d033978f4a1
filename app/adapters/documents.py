"""YAML with holes: text in which each interpolated value is a numbered hole, parsed once and then filled with the values of each store.

A value never passes through the YAML parser, so no name can add a key, close a quote or change a type, and the same text need not be
parsed twice. A plain scalar that is one hole takes the value as it is (`replicas: {{ 1 }}`, `labels: {{ labels }}`); within quotes, or
beside other text, a hole becomes text. Keys are fixed. Only what JSON knows (less floats) is accepted; merge keys and tags are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

# Private-use characters: legal in YAML, in no template (checked when one is loaded), and in values harmless, for those are never parsed.
OPEN, CLOSE = "\ue000", "\ue001"
_HOLE = re.compile(f"{OPEN}([0-9]+){CLOSE}")

# libyaml where PyYAML was built with it: five times as fast, which only a process's first store notices.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Fault(ValueError):
    """What is wrong with a text, without any value of it. `line` counts from 1 in that text; 0 before it."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True, slots=True)
class _Whole:
    """A scalar that is one hole: takes a value of any shape."""

    index: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A scalar of fixed text and holes: always text."""

    parts: tuple[str | int, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document and the line it begins on. Shared between stores; `fill` copies."""

    line: int
    _root: Any

    def fill(self, values: Sequence[Any]) -> dict[str, Any]:
        """The document with `values` (already plain, see `plain`) in its holes, sharing nothing that may be changed."""
        return _fill(self._root, values)


def hole(index: int) -> str:
    """What stands in the text for the value of that index."""
    return f"{OPEN}{index}{CLOSE}"


def plain(value: Any) -> Any:
    """A deep copy of a value as JSON data, or Fault where it is not: None counts as a value forgotten."""
    if isinstance(value, str):
        if not value.isascii():
            _check_encodable(value)
        return str(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise Fault(f"a mapping has a key that is not text but {type(key).__name__}")
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise Fault(f"a value is {type(value).__name__}, which a manifest cannot hold")


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault("a value holds half a surrogate pair, which is no Unicode text") from None


def parse(text: str) -> tuple[Document, ...]:
    """The documents of a text with holes; Fault with the line for anything that is not plain YAML of fixed, unique keys."""
    loader = _Loader(text)
    documents: list[Document] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if not (isinstance(node, yaml.ScalarNode) and node.value == ""):
                if not isinstance(node, yaml.MappingNode):
                    _refuse(node, "a document must be a mapping")
                documents.append(Document(node.start_mark.line + 1, _compile(loader, node)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Fault(f"not valid YAML: {error.problem or error.context}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        raise Fault(f"not valid YAML: {getattr(error, 'reason', error)}", text.count("\n", 0, position) + 1) from None
    finally:
        loader.dispose()
    return tuple(documents)


def _compile(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _compile_scalar(loader, node)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_compile(loader, item) for item in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _compile_mapping(loader, node)
    return _refuse(node, f"the tag {node.tag} is not allowed")


def _compile_scalar(loader: Any, node: yaml.ScalarNode) -> Any:
    if OPEN not in node.value:
        value = loader.construct_object(node)
        if value is not None and type(value) not in (str, int, bool):
            _refuse(node, f"{node.value!r} reads as a {type(value).__name__}; put it in quotes")
        return value
    if node.tag != "tag:yaml.org,2002:str":
        _refuse(node, f"the tag {node.tag} is not allowed")
    pieces = _HOLE.split(node.value)
    if not node.style and pieces[0] == "" and pieces[2:] == [""]:
        return _Whole(int(pieces[1]))
    return _Text(tuple(int(piece) if position % 2 else piece for position, piece in enumerate(pieces) if piece), node.start_mark.line + 1)


def _compile_mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    compiled: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            _refuse(key, "a key must be text (quote it where YAML reads something else)")
        if OPEN in key.value:
            _refuse(key, "a key cannot be interpolated")
        if key.value in compiled:
            _refuse(key, f"the key {key.value!r} stands here twice")
        compiled[key.value] = _compile(loader, value)
    return compiled


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise Fault(problem, node.start_mark.line + 1)


def _fill(node: Any, values: Sequence[Any]) -> Any:
    kind = type(node)
    if kind is dict:
        return {key: _fill(item, values) for key, item in node.items()}
    if kind is list:
        return [_fill(item, values) for item in node]
    if kind is _Whole:
        return values[node.index]
    if kind is _Text:
        return "".join([part if type(part) is str else _as_text(values[part], node.line) for part in node.parts])
    return node


def _as_text(value: Any, line: int) -> str:
    if type(value) in (str, int):
        return str(value)
    raise Fault(f"a value of type {type(value).__name__} cannot stand within text", line)
