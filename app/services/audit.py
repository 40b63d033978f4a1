"""Audit entries: who did what, with before and after, in the transaction of the deed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.actors import Actor, ActorKind
from app.domain.errors import Forbidden
from app.models import AuditEntry


def record(
    session: Session,
    actor: Actor,
    action: str,
    *,
    now: datetime,
    target: tuple[str, str],
    tenant_id: str | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry. `target` is (type, id). `before` and `after` are JSON data of what changed; never a secret."""
    kind, target_id = target
    session.add(
        AuditEntry(
            at=now,
            tenant_id=tenant_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            actor_ip=actor.ip,
            request_id=actor.request_id,
            action=action,
            target_type=kind,
            target_id=target_id,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
        )
    )


def require_operator(actor: Actor, action: str) -> None:
    """Raise Forbidden unless the actor runs the platform. The second line of defence: the edge has asked before."""
    if actor.kind not in (ActorKind.OPERATOR, ActorKind.SYSTEM):
        raise Forbidden("Only an operator of the platform may do this.", action=action)
