"""Amounts as operators read and type them: CPU in cores, memory and disk in GiB. And what a limit would mean, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, Amount, cost
from app.web.forms import Form

TITLES = {"stores": "Stores", "cpu": "CPU", "memory": "Memory", "disk": "Disk"}
UNITS = {"stores": "", "cpu": "cores", "memory": "GiB", "disk": "GiB"}
_SCALE = {"stores": 1, "cpu": 1000, "memory": 1024, "disk": 1}
_MOMENT = "%Y-%m-%dT%H:%M"


def plain(resource: str, value: int | None) -> str:
    """The number alone, in the unit people type: 2500 millicores are "2.5"; "" for None. `typed` reads it back exactly."""
    if value is None:
        return ""
    text = f"{Decimal(value) / _SCALE[resource]:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(resource: str, value: int) -> str:
    """For a table: no more than two decimals."""
    return f"{value / _SCALE[resource]:,.2f}".rstrip("0").rstrip(".")


def full(resource: str, value: int) -> str:
    """With its unit: "2.5 cores", "1 store"."""
    if resource == "stores":
        return f"{value:,} store{'' if value == 1 else 's'}"
    return f"{short(resource, value)} {UNITS[resource]}"


def typed(form: Form, resource: str) -> int | None:
    """The field as the domain counts; None where it is empty. What cannot be read is an error beside the field, and None."""
    text = form[resource].strip().replace(",", ".")
    if not text:
        return None
    try:
        value = Decimal(text) * _SCALE[resource]
        whole = value.is_finite() and value == value.to_integral_value()
    except InvalidOperation:
        form.errors[resource] = "A number, please."
        return None
    if not whole:
        form.errors[resource] = "A whole number, please." if _SCALE[resource] == 1 else f"Too fine: the unit below is 1/{_SCALE[resource]}."
        return None
    return int(value)


def typed_limits(form: Form) -> dict[str, int | None]:
    """All four; see `typed`."""
    return {resource: typed(form, resource) for resource in RESOURCES}


def typed_moment(form: Form, name: str) -> datetime | None:
    """A time in UTC as a browser's field writes it; None where it is empty or, with an error beside it, not one."""
    text = form[name].strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        form.errors[name] = "Write the time as 2027-01-31T18:00."
        return None


def moment_field(moment: datetime | None) -> str:
    """As a browser's field wants it, to the minute, in UTC."""
    return "" if moment is None else moment.astimezone(UTC).strftime(_MOMENT)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a limit would mean for one resource. `state`: over, full, near, ok."""

    resource: str
    title: str
    now: str
    then: str
    used: str
    state: str
    text: str


def effects(used: Amount, present: Amount, wanted: Amount) -> tuple[Effect, ...]:
    return tuple(_effect(name, getattr(used, name), getattr(present, name), getattr(wanted, name)) for name in RESOURCES)


def _effect(name: str, used: int, present: int, wanted: int) -> Effect:
    state = state_of(used, wanted)
    text = {
        "over": f"is already over by {full(name, used - wanted)}: nothing is stopped, nothing new can be made",
        "full": "would be full: nothing new can be made",
    }.get(state, f"would have {full(name, wanted - used)} left")
    return Effect(name, TITLES[name], short(name, present), short(name, wanted), short(name, used), state, text)


@dataclass(frozen=True, slots=True)
class Cell:
    """One resource as a small bar: its colour, its two figures, and the whole in words."""

    title: str
    heading: str
    state: str
    used: str
    limit: str
    value: int
    most: int
    text: str


def cells(used: Amount, limit: Amount) -> list[Cell]:
    return [_cell(name, getattr(used, name), getattr(limit, name)) for name in RESOURCES]


def _cell(name: str, used: int, limit: int) -> Cell:
    state = state_of(used, limit) if used else "ok"
    text = f"{TITLES[name]}: {full(name, used)} of {full(name, limit)}"
    heading = f"{TITLES[name]}, {UNITS[name]}" if UNITS[name] else TITLES[name]
    return Cell(TITLES[name], heading, state, short(name, used), short(name, limit), min(used, limit), limit or 1, text)


def state_of(used: int, limit: int) -> str:
    """over (more used than allowed), full (all of it), near (from 80 %) or ok."""
    if used > limit:
        return "over"
    if used == limit:
        return "full"
    return "near" if used >= 0.8 * limit else "ok"


def worst(used: Amount, limit: Amount) -> str:
    """Of the four; a limit of nothing that is not used troubles nobody."""
    states = {state_of(getattr(used, name), getattr(limit, name)) for name in RESOURCES if getattr(used, name)}
    return next((state for state in ("over", "full", "near") if state in states), "ok")


def room(used: Amount, limit: Amount) -> Mapping[str, int]:
    """How many more stores of each plan there is room for, by the plan's title."""
    return {plan.title: max(0, min(_times(cost(plan), limit - used))) for plan in PLANS.values()}


def _times(one: Amount, left: Amount) -> list[int]:
    return [getattr(left, name) // getattr(one, name) for name in RESOURCES if getattr(one, name)]
