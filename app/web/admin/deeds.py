"""What was done to a tenant, a store or the platform, as people read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.quotas import RESOURCES
from app.services.views import AuditView
from app.web.admin import figures
from app.web.look import exact

_TITLES = {
    "quota.change": "Limits changed",
    "tenant.create": "Tenant made",
    "tenant.freeze": "Frozen",
    "tenant.unfreeze": "Unfrozen",
    "tenant.act_as": "Began to act for the tenant",
    "tenant.act_as_end": "No longer acts for the tenant",
    "platform.drift_mode": "Drift mode changed",
    "platform.pause": "Reconciling paused",
    "platform.unpause": "Reconciling resumed",
    "platform.no_new_stores": "New stores",
    "platform.read_only": "Read-only",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """`parts`: what changed, each as (what, before, after). `reason` is what was given for it."""

    at: datetime
    who: str
    title: str
    parts: tuple[tuple[str, str, str], ...]
    reason: str


def deed(entry: AuditView) -> Deed:
    before, after = entry.before or {}, entry.after or {}
    title = _TITLES.get(entry.action, entry.action.replace(".", " ").replace("_", " ").capitalize())
    reason = str(after.get("reason") or after.get("paused_reason") or "")
    parts = _limits(before, after) if entry.action == "quota.change" else _others(entry.action, before, after)
    return Deed(entry.at, entry.actor_name, title, parts, reason)


def _limits(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    parts = [
        (figures.TITLES[name], _limit(name, before.get(name)), _limit(name, after.get(name)))
        for name in RESOURCES
        if before.get(name) != after.get(name)
    ]
    if before.get("expires_at") != after.get("expires_at"):
        parts.append(("Until", _until(before.get("expires_at")), _until(after.get("expires_at"))))
    return tuple(parts)


def _limit(name: str, value: Any) -> str:
    return figures.full(name, value) if isinstance(value, int) else "default"


def _until(value: Any) -> str:
    return exact(datetime.fromisoformat(value)) if isinstance(value, str) else "for good"


_HIDDEN = ("reason", "paused_reason", "frozen", "operator", "since", "until", "generation")


def _others(action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    if action.startswith("tenant."):
        return ()
    names = [name for name in dict.fromkeys((*before, *after)) if name not in _HIDDEN and before.get(name) != after.get(name)]
    return tuple((name.replace("_", " ").capitalize(), _side(before.get(name)), _side(after.get(name))) for name in names)


def _side(value: Any) -> str:
    return "off" if value is None else "on" if value is True else str(value)
