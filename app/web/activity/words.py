"""Entries of the audit as people read them: a sentence about who did what, and what was so before and after. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.actors import ActorKind
from app.domain.plans import PLANS
from app.services.views import AuditView
from app.web.look import exact
from app.web.portal import words as store_words

# What a filter offers, in groups; the first word of an action is the whole group.
KINDS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (
        "store",
        "Stores",
        {
            "store.create": "New stores",
            "store.delete": "Deleted stores",
            "store.suspend": "Suspended",
            "store.resume": "Resumed",
            "store.restart": "Restarted",
            "store.plan": "Plan changed",
            "store.rename": "Renamed",
            "store.settings": "Look changed",
            "store.credentials": "Sign-in looked at",
            "store.rotate_credentials": "New passwords",
        },
    ),
    (
        "member",
        "Team",
        {"member.invite": "Invited", "member.invite_revoke": "Invite taken back", "member.role": "Joined, left, role changed"},
    ),
    ("tenant", "Account", {"tenant.act_as": "Platform staff acting", "tenant.freeze": "Frozen", "tenant.rename": "Renamed"}),
    ("quota", "Limits", {"quota.change": "Limits changed"}),
)

_DEEDS = {
    "store.create": "made the store",
    "store.delete": "asked for the deletion of",
    "store.suspend": "suspended",
    "store.resume": "resumed",
    "store.restart": "restarted",
    "store.plan": "changed the plan of",
    "store.rename": "renamed",
    "store.settings": "changed the look of",
    "store.credentials": "looked at the admin sign-in of",
    "store.rotate_credentials": "asked for new passwords for",
    "store.pause": "paused work on",
    "store.unpause": "ended the pause of",
    "store.drift_mode": "changed how hand-made changes are treated in",
    "store.reconcile": "asked for a check of",
    "tenant.create": "opened the account",
    "tenant.rename": "renamed the team",
    "tenant.freeze": "froze the account",
    "tenant.unfreeze": "ended the freeze of the account",
    "tenant.act_as": "began to act for this team",
    "tenant.act_as_end": "stopped acting for this team",
    "quota.change": "changed the limits of the account",
}
_ROLES = {"owner": "an owner", "member": "a member", "viewer": "a viewer"}
_NAMES = {
    "name": "Name",
    "host": "Address",
    "plan": "Plan",
    "accent": "Colour",
    "tagline": "Tagline",
    "announcement": "Announcement",
    "initial": "Letter",
    "drift_mode": "Hand-made changes",
    "paused_until": "Paused until",
    "paused_reason": "Why paused",
    "stores": "Stores",
    "cpu": "CPU",
    "memory": "Memory",
    "disk": "Disk",
    "expires_at": "Until",
    "until": "Until",
    "frozen": "Frozen",
    "shown": "Shown",
    "operator": "Operator",
}
# Nobody asks for these: they follow from the deed, or the sentence says them.
_SILENT = frozenset(
    {"generation", "restarted_generation", "rotation", "desired_state", "reason", "email", "role", "slug", "since", "engine", "release"}
)
_OF_A_NEW_STORE = ("host", "plan")
_WITHOUT_CHANGES = frozenset({"tenant.create", "tenant.freeze", "tenant.unfreeze", "member.role", "member.invite", "member.invite_revoke"})


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None where something was new."""

    title: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Deed:
    """`text` goes on after the person's name; `store` is the store's name, "" where it speaks of none; `reason` is as somebody wrote it."""

    text: str
    store: str
    changes: tuple[Change, ...]
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.text} {self.store}".strip()


def deed(entry: AuditView, store_names: Mapping[str, str]) -> Deed:
    before, after = entry.before or {}, entry.after or {}
    store = _store_name(entry, store_names) if entry.target_type == "store" else ""
    reason = after.get("reason") or (before.get("reason") if entry.action != "tenant.unfreeze" else "") or ""
    return Deed(_text(entry), store, _changes(entry), str(reason))


def is_operator(entry: AuditView) -> bool:
    """Whether somebody who runs the platform did it, in the tenant's name or not."""
    return entry.actor_kind == ActorKind.OPERATOR


def actor_tag(entry: AuditView) -> str:
    """What kind of actor it was where it was no person of the tenant; else ""."""
    return {ActorKind.OPERATOR: "platform staff", ActorKind.TOKEN: "token", ActorKind.SYSTEM: "platform"}.get(
        ActorKind(entry.actor_kind), ""
    )


def _store_name(entry: AuditView, names: Mapping[str, str]) -> str:
    """As it is called now; of a store that is forgotten, as it was called then."""
    told = entry.after or entry.before or {}
    return names.get(entry.target_id) or str(told.get("name") or told.get("slug") or "a store that is gone")


def _text(entry: AuditView) -> str:
    told = entry.after or entry.before or {}
    email, role = str(told.get("email", "somebody")), _ROLES.get(str((entry.after or {}).get("role")), "")
    if entry.action == "member.invite":
        return f"invited {email} as {role}"
    if entry.action == "member.invite_revoke":
        return f"took back the invite of {email}"
    if entry.action == "member.role":
        own = entry.actor_id == entry.target_id
        if not role:
            return "left the team" if own else f"removed {email} from the team"
        if not entry.before:
            return f"joined the team as {role}" if own else f"took {email} into the team as {role}"
        was = _ROLES.get(str(entry.before.get("role")), "")
        return f"made {'themselves' if own else email} {role} instead of {was}"
    if entry.action in _DEEDS:
        return _DEEDS[entry.action]
    whose, _, what = entry.action.partition(".")
    return f"did “{what.replace('_', ' ')}”" + {"store": " on", "member": " in the team"}.get(whose, "")


def _changes(entry: AuditView) -> tuple[Change, ...]:
    if entry.action in _WITHOUT_CHANGES:
        return ()
    before, after = _flat(entry.before), _flat(entry.after)
    if entry.action == "store.create":
        return tuple(Change(_NAMES[name], None, _value(name, after[name])) for name in _OF_A_NEW_STORE if name in after)
    changed = [name for name in {**before, **after} if name not in _SILENT and before.get(name) != after.get(name)]
    return tuple(_change(name, before, after, new=entry.before is None) for name in changed)


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any], *, new: bool) -> Change:
    title = _NAMES.get(name) or name.replace("_", " ").capitalize()
    return Change(title, None if new else _value(name, before.get(name)), _value(name, after.get(name)))


def _flat(side: Mapping[str, Any] | None) -> dict[str, Any]:
    """A store's settings beside the other fields."""
    given = dict(side or {})
    settings = given.pop("settings", None) or {}
    return {**given, **settings}


def _value(name: str, value: Any) -> str:
    if name in ("stores", "cpu", "memory", "disk"):
        return "usual" if value is None else _amount(name, value)
    if value in (None, "", {}, []):
        return "never" if name == "expires_at" else "not set"
    if name == "plan":
        return PLANS[value].title if value in PLANS else str(value)
    if name == "shown" and isinstance(value, list):
        return ", ".join(str(part).replace("_", " ") for part in value)
    if name in ("expires_at", "until", "paused_until"):
        return _moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return store_words.side(value)


def _amount(name: str, value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    written = {"cpu": f"{store_words.cores(value)} cores", "memory": store_words.memory(value), "disk": f"{value} GiB"}
    return written.get(name, str(value))


def _moment(value: Any) -> str:
    try:
        return exact(datetime.fromisoformat(str(value)))
    except ValueError:
        return str(value)
