"""The words of the pages: what phases, steps, events and drift are called for a merchant. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.domain.conditions import NAMESPACE_READY, READY, STALLED, SYNCED, Condition, Status, by_type
from app.domain.drift import DriftClass
from app.domain.engines import Engine
from app.domain.stores import DesiredState, DriftMode, Phase
from app.services.store_drift import DriftView
from app.services.views import AuditView, EventView, PlatformView, RunView, StoreView

VALUE_MAX = 160


class Pill(NamedTuple):
    """`tone` is the phase whose colour it has."""

    text: str
    tone: str


def pill(store: StoreView) -> Pill:
    """One word for a store. A change that no pass has seen yet is on its way, whatever was seen before it."""
    if store.phase in (Phase.READY, Phase.SUSPENDED) and store.generation != store.observed_generation:
        target = {DesiredState.SUSPENDED: "Suspending", DesiredState.PRESENT: "Updating"}.get(store.desired_state, "Updating")
        return Pill(
            "Resuming" if store.phase is Phase.SUSPENDED and store.desired_state is DesiredState.PRESENT else target, "provisioning"
        )
    if store.phase is Phase.PROVISIONING and store.first_ready_at is not None:
        return Pill("Suspending" if store.desired_state is DesiredState.SUSPENDED else "Updating", "provisioning")
    return _PILLS[store.phase]


_PILLS = {
    Phase.PENDING: Pill("Pending", "pending"),
    Phase.PROVISIONING: Pill("Setting up", "provisioning"),
    Phase.READY: Pill("Ready", "ready"),
    Phase.DEGRADED: Pill("Needs attention", "degraded"),
    Phase.SUSPENDED: Pill("Suspended", "suspended"),
    Phase.DELETING: Pill("Deleting", "deleting"),
    Phase.DELETED: Pill("Deleted", "deleted"),
    Phase.FAILED: Pill("Failed", "failed"),
}


def in_motion(store: StoreView, platform: PlatformView, *, now: datetime) -> bool:
    """Whether something about the store is about to change by itself, so that looking again soon is worth it."""
    if store.gone_at is not None or store.quarantined_at is not None or pause_of(store, platform, now=now):
        return False
    stalled = by_type(store.conditions).get(STALLED)
    if stalled is not None and stalled.status is Status.TRUE and stalled.observed_generation == store.generation:
        return False
    return not store.settled


def pause_of(store: StoreView, platform: PlatformView, *, now: datetime) -> str:
    """Why nobody looks at the store at present; "" where somebody does."""
    for whose, row in (("this store", store), ("all stores", platform)):
        if row.paused_until is not None and row.paused_until > now:
            until = row.paused_until.strftime("%-d %B, %H:%M UTC")
            return f"Work on {whose} is paused until {until}: {row.paused_reason}. Changes you make are kept and carried out afterwards."
    return ""


def closed_because(store: StoreView) -> str:
    """Why the shop cannot be opened at present; "" where it can."""
    if store.desired_state is DesiredState.ABSENT:
        return "The store has been deleted." if store.gone_at is not None else "The store is being deleted."
    if store.desired_state is DesiredState.SUSPENDED or store.phase is Phase.SUSPENDED:
        return "The store is suspended." if store.desired_state is DesiredState.SUSPENDED else "The store is being resumed."
    ready = by_type(store.conditions).get(READY)
    if ready is not None and ready.status is Status.TRUE:
        return ""
    if store.phase is Phase.PENDING or ready is None:
        return "The store is about to be set up."
    if store.phase in (Phase.DEGRADED, Phase.FAILED):
        return "It opens once the problem is solved."
    return "The store is still being set up." if store.first_ready_at is None else "The store is being updated."


def problem_of(store: StoreView) -> str:
    """What stands in the way, in a sentence; "" where nothing does."""
    if store.quarantined_at is not None:
        return "Work on this store failed several times in a row, so it has been set aside. Try again; if that does not help, ask support."
    known = by_type(store.conditions)
    stalled, ready = known.get(STALLED), known.get(READY)
    if stalled is not None and stalled.status is Status.TRUE:
        return stalled.message
    if store.phase in (Phase.DEGRADED, Phase.FAILED) and ready is not None and ready.status is not Status.TRUE:
        return ready.message
    return ""


class Mark(NamedTuple):
    """A coloured sign; `text` is what it says to those who do not see it."""

    colour: str
    icon: str
    text: str


_GOOD, _WAIT, _BAD = Mark("good", "check", "good"), Mark("info", "clock", "waiting"), Mark("bad", "alert", "problem")
_UNKNOWN, _DRIFT = Mark("", "help", "unknown"), Mark("warn", "drift", "changed by hand")


class Fact(NamedTuple):
    """A condition as people read it."""

    title: str
    mark: Mark
    text: str
    since: datetime


def facts(store: StoreView, engine: Engine) -> tuple[Fact, ...]:
    """The conditions in plain words, as far as they are known."""
    titles = {READY: "Shop", SYNCED: "Configuration", STALLED: "Needs a person", NAMESPACE_READY: "Its own space"}
    titles |= {component.condition: component.title for component in engine.components} | {
        "AddressReady": "Address",
        "CredentialsRotated": "Credentials",
    }
    return tuple(_fact(titles.get(condition.type, condition.type), condition, store) for condition in store.conditions)


def _fact(title: str, condition: Condition, store: StoreView) -> Fact:
    if condition.type == STALLED:
        mark = _BAD if condition.status is Status.TRUE else _GOOD
    elif condition.status is Status.TRUE:
        mark = _GOOD
    elif condition.status is Status.UNKNOWN:
        mark = _UNKNOWN
    elif store.phase is Phase.SUSPENDED:
        mark = Mark("", "pause", "resting")
    else:
        mark = _BAD if store.phase in (Phase.DEGRADED, Phase.FAILED) else _WAIT
    return Fact(title, mark, condition.message, condition.last_transition_at)


_EVENT_TITLES = {
    "Synced": "Configuration",
    "Ready": "Shop",
    "Stalled": "Needs a person",
    "NamespaceReady": "Its own space",
    "DatabaseReady": "Database",
    "BackendReady": "Shop server",
    "StorefrontReady": "Storefront",
    "AddressReady": "Address",
    "CredentialsRotated": "Credentials",
    "Drift": "Put right",
}


def step_title(title: str) -> str:
    return "Its own space" if title == "Namespace" else title


def event_title(event: EventView) -> str:
    return _EVENT_TITLES.get(event.type, spaced(event.type))


def event_mark(event: EventView) -> Mark:
    if event.type == "Drift":
        return _DRIFT
    if event.data.get("status") == ("False" if event.type == "Stalled" else "True"):
        return _GOOD
    return _BAD if event.type == "Stalled" else _WAIT


def spaced(word: str) -> str:
    """`NamespaceReady` as "Namespace ready"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", word)
    return words[:1].upper() + words[1:].lower()


_KINDS = {
    "Deployment": "Program",
    "StatefulSet": "Database program",
    "Service": "Connection",
    "Ingress": "Address",
    "Secret": "Credentials",
    "NetworkPolicy": "Firewall rule",
    "PersistentVolumeClaim": "Disk",
    "ResourceQuota": "Size limit",
    "LimitRange": "Size limit",
    "ServiceAccount": "Service account",
    "RoleBinding": "Permission",
    "ConfigMap": "Configuration",
    "Namespace": "Its own space",
    "Pod": "Process",
    "Job": "Task",
}


def kind_word(kind: str) -> str:
    return _KINDS.get(kind, spaced(kind))


def drift_word(drift: DriftView) -> str:
    """What happened to the object."""
    return {
        DriftClass.MISSING: "removed",
        DriftClass.EXTRA: "added to",
        DriftClass.FOREIGN: "put here by somebody else",
        DriftClass.IMMUTABLE: "changed for good",
    }.get(drift.drift_class, "changed")


def who(manager: str | None) -> str:
    """A field manager in words. Names are the client's to choose, so this is what it calls itself and no proof."""
    if not manager:
        return "somebody in the cluster"
    return f"somebody with kubectl ({manager})" if manager.startswith("kubectl") else manager


def side(value: Any) -> str:
    """One side of a difference, short. Secrets were replaced by digests before they were recorded."""
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


_OUTCOMES = {
    "changed": Pill("Changes made", "ready"),
    "observed": Pill("Looked, nothing to change", "deleted"),
    "deleted": Pill("Removed", "deleted"),
    "conflict": Pill("Looked again", "deleted"),
    "failed": Pill("Interrupted, tried again", "provisioning"),
    "refused": Pill("Refused by the cluster", "failed"),
    "crashed": Pill("Failed", "failed"),
}


def outcome(run: RunView) -> Pill:
    return _OUTCOMES.get(run.outcome or "", Pill("Under way", "provisioning"))


def effective(run: RunView) -> tuple[Mapping[str, Any], ...]:
    """The parts of a change set that did or will do something, without those left as they were."""
    return tuple(change for change in run.changes if change.get("action") != "unchanged")


_ACTIONS = {"created": "made", "configured": "updated", "deleted": "removed", "skipped": "left alone"}


def action_word(action: str) -> str:
    return _ACTIONS.get(action, action)


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody else changed meanwhile."""

    who: str
    at: datetime
    text: str


_DEEDS = {
    "store.suspend": "suspended the store",
    "store.resume": "resumed the store",
    "store.restart": "restarted the store",
    "store.rotate_credentials": "asked for new credentials",
    "store.delete": "asked for the store to be deleted",
}


def deed(entry: AuditView) -> Done:
    """An audit entry as a sentence's end: "renamed the store from A to B"."""
    before, after = entry.before or {}, entry.after or {}
    if entry.action == "store.rename":
        text = f"renamed the store from “{before.get('name', '')}” to “{after.get('name', '')}”"
    elif entry.action == "store.plan":
        text = f"changed the plan from {before.get('plan', '')} to {after.get('plan', '')}"
    elif entry.action == "store.settings":
        old, new = before.get("settings") or {}, after.get("settings") or {}
        parts = [f"{name} to “{new.get(name, '')}”" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        text = "changed the look: " + ", ".join(parts)
    elif entry.action == "store.drift_mode":
        text = f"set how hand-made changes are treated to {after.get('drift_mode', DriftMode.REPAIR)}"
    else:
        text = _DEEDS.get(entry.action, "changed the store")
    return Done(entry.actor_name, entry.at, text)


def lasted(duration: timedelta | float) -> str:
    """A duration: "420 ms", "3.2 s", "2 min 5 s"."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else _span(round(seconds))


def _span(seconds: int) -> str:
    for size, unit, plural in ((86400, "day", "days"), (3600, "h", "h"), (60, "min", "min")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit if number == 1 else plural}"
    return f"{seconds} s"


def memory(mebibytes: int) -> str:
    return f"{round(mebibytes / 1024, 2):g} GiB" if mebibytes >= 1024 else f"{mebibytes} MiB"


def cores(millicores: int) -> str:
    return f"{millicores / 1000:g}"
