"""Use against limits as bars: how much is used, of how much, and what is left. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.quotas import RESOURCES, Amount
from app.services.views import QuotaView
from app.web.portal import words

_TITLES = {"stores": "Stores", "cpu": "CPU", "memory": "Memory", "disk": "Disk"}


@dataclass(frozen=True, slots=True)
class Bar:
    """`text` is use and limit, `left` what that leaves."""

    title: str
    used: int
    limit: int
    text: str
    left: str


def bars(quota: QuotaView) -> list[Bar]:
    return [bar(name, getattr(quota.used, name), getattr(quota.limit, name)) for name in RESOURCES]


def bar(name: str, used: int, limit: int) -> Bar:
    over, left = used - limit, max(0, limit - used)
    rest = f"{figure(name, over)} over the limit" if over > 0 else "nothing left" if left == 0 else f"{figure(name, left)} left"
    return Bar(_TITLES[name], used, limit, f"{figure(name, used, unit=False)} of {figure(name, limit)}", rest)


def figure(name: str, value: int, *, unit: bool = True) -> str:
    """A number as people read it, such as "1.5 cores"."""
    if name == "memory":
        return f"{value / 1024:.1f}".removesuffix(".0") + " GiB" if value >= 1024 else f"{value} MiB"
    text = words.cores(value) if name == "cpu" else str(value)
    names = {"cpu": "cores", "disk": "GiB", "stores": "stores"}
    return f"{text} {names[name].removesuffix('s') if text == '1' else names[name]}" if unit else text


def figures(amount: Amount) -> dict[str, str]:
    """What one store takes, by resource."""
    return {name: figure(name, getattr(amount, name)) for name in ("cpu", "memory", "disk")}
