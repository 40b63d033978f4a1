"""Reads `engine.toml`: what the platform must know of an engine's release besides the objects that its templates make.

Every key is one of the dataclasses' fields (app.domain.engines); an unknown or missing one, a wrong type, or a reference that leads
nowhere is a TemplateError that names the file and, for a syntax error, the line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from app.domain.conditions import STEPS
from app.domain.engines import Component, Engine, SecretSpec
from app.domain.errors import TemplateError
from app.domain.plans import PLANS

FILE_NAME = "engine.toml"
_T = TypeVar("_T", Component, SecretSpec)


def read_engine(path: Path, *, shown: str) -> Engine:
    """The engine that `path` describes; its name and release are those of the folders. `shown` is how errors name the file."""

    def wrong(problem: str, line: int | None = None) -> TemplateError:
        where = shown if line is None else f"{shown}:{line}"
        return TemplateError(f"{where}: {problem}", file=shown, line=line)

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(f"cannot be read: {error}") from error
    try:
        return _engine(tomllib.loads(text), path.parent)
    except tomllib.TOMLDecodeError as error:
        raise wrong(f"not valid TOML: {error}", _line_of(error, text)) from error
    except _WrongError as error:
        raise wrong(str(error)) from None


class _WrongError(ValueError):
    """A rule broken, in words that name the key."""


def _engine(table: Mapping[str, Any], folder: Path) -> Engine:
    expected = {"title": str, "admin_path": str, "images": dict, "components": list, "secrets": list}
    if unknown := sorted(set(table) - set(expected)):
        raise _WrongError(f"unknown key {unknown[0]!r}; known are {', '.join(expected)}")
    for key, kind in expected.items():
        if key not in table:
            raise _WrongError(f"the key {key!r} is missing")
        if not isinstance(table[key], kind):
            raise _WrongError(f"{key!r} must be a {kind.__name__}")
    images: dict[str, str] = table["images"]
    for key, image in images.items():
        if not isinstance(image, str) or not image:
            raise _WrongError(f"images.{key} must be the name of an image")
    components = _entries(table["components"], "components", Component)
    secrets = _entries(table["secrets"], "secrets", SecretSpec)
    for component in components:
        _check_component(component, images)
    for secret in secrets:
        if (secret.form == "literal") != bool(secret.value):
            raise _WrongError(f"secrets.{secret.name}: 'value' belongs to the form 'literal', and to it alone")
    if not table["admin_path"].startswith("/"):
        raise _WrongError("'admin_path' must begin with a slash")
    return Engine(
        name=folder.parent.name,
        release=folder.name,
        title=table["title"],
        components=components,
        secrets=secrets,
        images=images,
        admin_path=table["admin_path"],
    )


def _check_component(component: Component, images: Mapping[str, str]) -> None:
    if component.image not in images:
        raise _WrongError(f"components.{component.name}: there is no image {component.image!r} in 'images'")
    if component.condition not in STEPS:
        raise _WrongError(f"components.{component.name}: the condition {component.condition!r} is none of {', '.join(STEPS)}")
    for plan in PLANS.values():
        if component.name not in plan.components:
            raise _WrongError(f"components.{component.name}: the plan {plan.name!r} gives it no size")


def _entries(entries: list[Any], where: str, kind: type[_T]) -> tuple[_T, ...]:
    """The tables of an array as dataclasses, names unique."""
    made = tuple(_entry(entry, f"{where}[{position}]", kind) for position, entry in enumerate(entries))
    names = [entry.name for entry in made]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise _WrongError(f"{where}: the name {repeated[0]!r} stands here twice")
    return made


def _entry(entry: Any, where: str, kind: type[_T]) -> _T:
    if not isinstance(entry, dict):
        raise _WrongError(f"{where} must be a table")
    hints = get_type_hints(kind)
    if unknown := sorted(set(entry) - set(hints)):
        raise _WrongError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(hints)}")
    for field in fields(kind):
        if field.name not in entry:
            if field.default is MISSING:
                raise _WrongError(f"{where}: the key {field.name!r} is missing")
            continue
        value, hint = entry[field.name], hints[field.name]
        if get_origin(hint) is Literal:
            if value not in get_args(hint):
                raise _WrongError(f"{where}.{field.name}: {value!r} is none of {', '.join(get_args(hint))}")
        elif type(value) is not hint:
            raise _WrongError(f"{where}.{field.name} must be of type {hint.__name__}")
    return kind(**entry)


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    """The line that Python 3.11's tomllib only tells in words, `(at line 3, column 7)` or `(at end of document)`."""
    _, found, rest = str(error).partition("(at line ")
    return int(rest.split(",")[0]) if found else text.count("\n") + 1
