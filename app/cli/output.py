"""How answers look: aligned tables for people, one JSON document for scripts."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.cli.failures import Failure

GAP = "  "


def print_json(document: Mapping[str, Any]) -> None:
    """The one document of a call. Times are ISO 8601 in UTC."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=_plain))


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """A line on standard error; for scripts the same as an object on standard output, which has nothing else then."""
    click.echo(f"error: {clean(failure.message)}", err=True)
    for line in failure.lines:
        click.echo(f"  {clean(line)}", err=True)
    if as_json:
        print_json({"error": {"code": failure.code, "message": failure.message, "data": dict(failure.data)}})


def note(text: str) -> None:
    """What a person should know and a script need not."""
    click.echo(f"note: {clean(text)}", err=True)


def say(text: str = "") -> None:
    click.echo(clean(text))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest cell. On a terminal the last one is cut where the line ends; in a pipe nothing is."""
    cells = [[clean("-" if cell is None or cell == "" else str(cell)) for cell in row] for row in rows]
    lines = [list(headers), *cells]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)][:-1]
    room = _room() - sum(widths) - len(GAP) * len(widths)
    for line in lines:
        last = line[-1] if room >= width(line[-1]) or room < len(headers[-1]) else _cut(line[-1], room)
        padded = [cell + " " * (size - width(cell)) for cell, size in zip(line, widths, strict=False)]
        click.echo(GAP.join([*padded, last]).rstrip())


def print_fields(fields: Mapping[str, object]) -> None:
    """Name and value, one pair a line; None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    widest = max(map(width, shown))
    for name, value in shown.items():
        click.echo(f"{name}{' ' * (widest - width(name))}{GAP}{clean(str(value))}")


def iso(moment: datetime | None) -> str | None:
    """To the second, in UTC."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(moment: datetime | None, now: datetime) -> str | None:
    """Such as "3 min ago", or "in 2 h"."""
    if moment is None:
        return None
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    size = span(abs(seconds))
    return f"{size} ago" if seconds > 0 else f"in {size}"


def span(seconds: float) -> str:
    """In the largest unit of which there is more than one and a half."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit * 1.5:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def at(moment: datetime | None, now: datetime) -> str | None:
    """Both: when exactly, and how long that is."""
    return None if moment is None else f"{iso(moment)} ({ago(moment, now)})"


def brief(value: Any, *, most: int = 60) -> str:
    """A field's value on one line; None is a field that is not there."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) and value and not value.isspace() else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clean(text: str) -> str:
    """Without control characters: what a shop's log line says must not steer an operator's terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in text)


def width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _room() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _cut(text: str, room: int) -> str:
    while width(text) > room - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _plain(value: object) -> object:
    """What JSON has no form for."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset | tuple):
        return list(value)  # pyright: ignore[reportUnknownVariableType]
    raise TypeError(f"{type(value).__name__} has no form in JSON")
