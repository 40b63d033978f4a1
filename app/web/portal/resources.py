"""What a store holds of its plan, by its parts, from the objects that were last recorded. Pure.

It is room that is kept: how much of it the programs take at a moment, nobody measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.engines import Engine
from app.domain.plans import Plan
from app.domain.quotas import Amount, total
from app.web.portal import words

_TITLES = {"cpu": "CPU guaranteed", "memory": "Memory at most", "disk": "Disk"}


@dataclass(frozen=True, slots=True)
class Slice:
    """A part's piece of a bar that is 100 wide. `tone` is the part's number, for its colour."""

    tone: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    title: str
    text: str
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Part:
    tone: int
    title: str
    cpu: str
    memory: str
    disk: str


@dataclass(frozen=True, slots=True)
class Resources:
    """No `parts`: nothing has been recorded."""

    bars: tuple[Bar, ...]
    parts: tuple[Part, ...]


def resources(held: Mapping[str, Amount], plan: Plan, engine: Engine) -> Resources:
    titles = {component.name: component.title for component in engine.components}
    order = [*(name for name in titles if name in held), *(name for name in held if name not in titles)]
    parts = tuple(
        Part(
            tone,
            titles.get(name, words.spaced(name)),
            *(_figure(of, getattr(held[name], of)) if getattr(held[name], of) else "" for of in _TITLES),
        )
        for tone, name in enumerate(order)
    )
    return Resources(tuple(_bar(of, held, order, plan) for of in _TITLES), parts)


def _bar(of: str, held: Mapping[str, Amount], order: list[str], plan: Plan) -> Bar:
    given: int = getattr(plan, of)
    used: int = getattr(total(held.values()), of)
    whole = max(given, used, 1)  # while a plan changes, more than the new one gives may be held still
    slices: list[Slice] = []
    start = 0.0
    for tone, name in enumerate(order):
        width = 100 * getattr(held[name], of) / whole
        slices.append(Slice(tone, round(start, 2), round(width, 2)))
        start += width
    text = f"{_figure(of, used)} of {_figure(of, given)}" + (" cores" if of == "cpu" else "")
    return Bar(_TITLES[of], text, tuple(one for one in slices if one.width))


def _figure(of: str, value: int) -> str:
    return {"cpu": words.cores(value), "memory": words.memory(value), "disk": f"{value} GiB"}[of]
