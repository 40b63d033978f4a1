"""The plans as cards: what each gives, and why it cannot be had where it cannot. The use cases decide; this only tells."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.plans import PLANS, Plan
from app.domain.quotas import RESOURCES, Amount, cost
from app.services.views import QuotaView
from app.web.portal import words

_WORDS = {"stores": "stores", "cpu": "CPU", "memory": "memory", "disk": "disk"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One resource: use, limit, and what would be used with the plan in question."""

    title: str
    used: int
    limit: int
    text: str


def cards(quota: QuotaView, *, present: Plan | None = None) -> list[dict[str, object]]:
    """For `ui.choices`. With a present plan: changes to the others."""
    return [_card(plan, quota, present) for plan in PLANS.values()]


def first_that_fits(quota: QuotaView) -> str:
    """The plan that a new form proposes; "" where there is room for none."""
    return next((name for name, plan in PLANS.items() if not obstacle(plan, quota)), "")


def obstacle(plan: Plan, quota: QuotaView, present: Plan | None = None) -> str:
    """Why the plan cannot be had; "" where it can."""
    if present is not None:
        for name, size in present.components.items():
            if name in plan.components and plan.components[name].disk < size.disk:
                return "Its disk is smaller than yours, and a disk cannot shrink."
    wanted = cost(plan) - (cost(present) if present is not None else Amount())
    short = [
        name for name in RESOURCES if (more := getattr(wanted, name)) > 0 and getattr(quota.used, name) + more > getattr(quota.limit, name)
    ]
    if not short:
        return ""
    if "stores" in short:
        return f"All {quota.limit.stores} stores of your account are in use."
    return f"Your account has not enough {' and '.join(_WORDS[name] for name in short)} left."


def bars(quota: QuotaView) -> list[Bar]:
    """What is used of the account's limits, each with what is left in words."""
    return [_bar(name, getattr(quota.used, name), getattr(quota.limit, name)) for name in RESOURCES]


def gives(plan: Plan) -> str:
    return f"{words.cores(plan.cpu)} CPU guaranteed · {words.memory(plan.memory)} memory · {plan.disk} GiB disk"


def _card(plan: Plan, quota: QuotaView, present: Plan | None) -> dict[str, object]:
    reason = "" if present is plan else obstacle(plan, quota, present)
    meta = f"{gives(plan)} · your present plan" if present is plan else gives(plan)
    return {"value": plan.name, "title": plan.title, "text": reason or plan.summary, "meta": meta, "disabled": bool(reason)}


def _bar(name: str, used: int, limit: int) -> Bar:
    left = max(0, limit - used)
    text = {
        "stores": f"{used} of {limit}, {left} left",
        "cpu": f"{words.cores(used)} of {words.cores(limit)} cores",
        "memory": f"{words.memory(used)} of {words.memory(limit)}",
        "disk": f"{used} of {limit} GiB",
    }[name]
    return Bar({"stores": "Stores", "cpu": "CPU", "memory": "Memory", "disk": "Disk"}[name], used, limit, text)
