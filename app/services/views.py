"""What use cases answer: frozen, complete, safe to show to the tenant they belong to. Never a row.

Secrets are in `CredentialsView` and `NewUserView` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.conditions import Condition, Status
from app.domain.people import Role
from app.domain.quotas import Amount
from app.domain.stores import DesiredState, DriftMode, Phase, Rotation


@dataclass(frozen=True, slots=True)
class TenantView:
    id: str
    slug: str
    name: str
    frozen: bool
    frozen_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MembershipView:
    """`tenant` is the slug."""

    tenant_id: str
    tenant: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserView:
    """`password_set_at` is None where nobody can log in. `memberships` are those that the asker may see, by slug."""

    id: str
    email: str
    name: str
    operator: bool
    password_set_at: datetime | None
    created_at: datetime
    memberships: tuple[MembershipView, ...]


@dataclass(frozen=True, slots=True)
class NewUserView:
    """A user whose password was set just now. `password` is what was generated, to be shown once; None where it was chosen."""

    user: UserView
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store as its tenant sees it. `observed_at` tells how old what is said of it is. `replayed`: an earlier answer, given again."""

    id: str
    tenant_id: str
    cluster_id: str
    slug: str
    name: str
    host: str
    url: str
    namespace: str
    engine: str
    release: str
    plan: str
    desired_state: DesiredState
    phase: Phase
    generation: int
    observed_generation: int
    drift_mode: DriftMode
    paused_until: datetime | None
    paused_reason: str | None
    created_at: datetime
    observed_at: datetime | None
    first_ready_at: datetime | None
    provisioning_since: datetime
    deletion_requested_at: datetime | None
    gone_at: datetime | None
    next_reconcile_at: datetime | None
    failure_count: int
    quarantined_at: datetime | None
    settings: Mapping[str, Any]
    conditions: tuple[Condition, ...]
    rotation: Rotation | None = None
    replayed: bool = field(default=False, compare=False)

    @property
    def settled(self) -> bool:
        """Whether the present intent has been observed to be met."""
        return self.generation == self.observed_generation and self.phase in (Phase.READY, Phase.SUSPENDED, Phase.DELETED)

    def as_dict(self) -> dict[str, Any]:
        """As JSON data: times in ISO 8601."""
        plain = {name: value for name, value in asdict(self).items() if name != "replayed"}
        return _plain(plain)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, replayed: bool = False) -> StoreView:
        """The inverse of `as_dict`."""
        values = dict(data)
        for name in _STORE_TIMES:
            values[name] = _time(values[name])
        values["desired_state"] = DesiredState(values["desired_state"])
        values["phase"] = Phase(values["phase"])
        values["rotation"] = Rotation(values["rotation"]) if values.get("rotation") else None
        values["drift_mode"] = DriftMode(values["drift_mode"])
        values["conditions"] = tuple(_condition(condition) for condition in values["conditions"])
        return cls(**values, replayed=replayed)


_STORE_TIMES = (
    "paused_until", "created_at", "observed_at", "first_ready_at", "provisioning_since", "deletion_requested_at", "gone_at",
    "next_reconcile_at", "quarantined_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CredentialsView:
    """What the merchant signs in with: (name, title, value). Shown once asked for, never stored in an answer."""

    store_id: str
    url: str
    admin_url: str
    entries: tuple[tuple[str, str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventView:
    id: int
    store_id: str
    at: datetime
    type: str
    reason: str
    message: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunView:
    """One pass of the reconciler."""

    id: str
    store_id: str
    generation: int
    started_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    outcome: str | None
    error: str | None
    worker: str | None
    changes: tuple[Any, ...]
    counts: Mapping[str, Any]
    steps: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AuditView:
    id: int
    at: datetime
    tenant_id: str | None
    actor_kind: str
    actor_id: str
    actor_name: str
    actor_ip: str | None
    request_id: str | None
    action: str
    target_type: str
    target_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class OverrideView:
    """A limit an operator set: in force while neither superseded nor expired."""

    id: str
    stores: int | None
    cpu: int | None
    memory: int | None
    disk: int | None
    reason: str
    actor_name: str
    created_at: datetime
    expires_at: datetime | None
    superseded_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuotaView:
    """Use against the limit in force. `over` names the resources used beyond it. `tenant` is None for the platform."""

    tenant: TenantView | None
    limit: Amount
    used: Amount
    over: tuple[str, ...]
    override: OverrideView | None


@dataclass(frozen=True, slots=True)
class PlatformView:
    """The platform's own switches. `no_new_stores` and `read_only` are what people are told while it is so."""

    drift_mode: DriftMode
    paused_until: datetime | None
    paused_reason: str | None
    no_new_stores: str | None = None
    read_only: str | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _condition(data: Mapping[str, Any]) -> Condition:
    values: dict[str, Any] = {**data, "status": Status(data["status"]), "last_transition_at": _time(data["last_transition_at"])}
    return Condition(**values)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
