"""How values look on pages: times, durations, shares, and which part of the navigation exists. Pure, but for what is registered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, current_app

from app.web.htmx import add_global

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ago(moment: datetime, now: datetime) -> str:
    """In words, either way: "just now", "5 minutes ago", "in 3 days"; a date beyond 30 days."""
    seconds = (now - moment).total_seconds()
    span = abs(seconds)
    if span < 5:
        return "just now"
    if span >= 30 * _DAY:
        return f"{moment.astimezone(UTC):%-d %b %Y}"
    if span < _MINUTE:
        number, unit = int(span), "second"
    elif span < _HOUR:
        number, unit = int(span // _MINUTE), "minute"
    elif span < _DAY:
        number, unit = int(span // _HOUR), "hour"
    else:
        number, unit = int(span // _DAY), "day"
    words = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def exact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def duration(seconds: float | None) -> str:
    """ "340 ms", "12.4 s", "3 min 20 s", "2 h 5 min"; a dash for None."""
    if seconds is None:
        return "–"  # noqa: RUF001 - a dash, as people set it
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = whole // _HOUR, whole % _HOUR // 60
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def share(used: float, limit: float) -> str:
    """ok, near (from 80 %) or over (nothing left). A limit of nothing is over as soon as anything is used."""
    if used >= limit and used > 0:
        return "over"
    return "near" if limit and used / limit >= 0.8 else "ok"


def initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def device(agent: str) -> str:
    """A browser's own description in words that its owner recognises. A guess, from what it chooses to say."""
    browsers = (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    )
    systems = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in agent), "")
    system = next((name for mark, name in systems if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown device"


def install(app: Flask) -> None:
    filters: dict[str, Any] = app.jinja_env.filters  # pyright: ignore[reportAssignmentType] - annotated for its own filters only
    filters.update(ago=ago, exact=exact, duration=duration, initials=initials, device=device)
    add_global(app, "share", share)
    add_global(app, "has_page", has_page)


def has_page(endpoint: str) -> bool:
    """Whether this installation has such a page: the navigation shows no other."""
    return endpoint in current_app.view_functions
