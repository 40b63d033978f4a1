"""Retried requests: the same key gives the same answer, another request under it is refused.

The answer is written in the transaction of its intent, so there is never one without the other. Secrets shown once are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.errors import IdempotencyMismatch, InvalidIntent
from app.domain.manifests import digest
from app.models import IdempotencyKey
from app.services.context import Services

KEY_MAX = 255


@dataclass(frozen=True, slots=True)
class Request:
    """One request under a key. `body` is all that makes it this request and no other, as JSON data."""

    tenant_id: str
    actor_id: str
    operation: str
    key: str
    body_hash: str

    @classmethod
    def of(cls, actor: Actor, *, tenant_id: str, operation: str, key: str, body: Mapping[str, Any]) -> Request:
        if not 1 <= len(key) <= KEY_MAX:
            raise InvalidIntent(f"An idempotency key has 1 to {KEY_MAX} characters.", field="idempotency_key", rule="length")
        return cls(tenant_id, actor.id, operation, key, digest(body))


def earlier_answer(session: Session, request: Request, *, now: datetime) -> Mapping[str, Any] | None:
    """What was answered to this request before; None where it is new. IdempotencyMismatch where the key stands for another.

    The caller holds the tenant's lock: of two requests at once, the second waits and then finds the first one's answer.
    """
    row = session.get(IdempotencyKey, (request.tenant_id, request.actor_id, request.operation, request.key))
    if row is None:
        return None
    if row.expires_at <= now:
        session.delete(row)
        session.flush()
        return None
    if row.request_hash != request.body_hash:
        raise IdempotencyMismatch(
            "This idempotency key was used for a different request. Use a new key, or repeat the request unchanged.", key=request.key
        )
    return row.answer


def remember(session: Session, services: Services, request: Request, answer: Mapping[str, Any], *, now: datetime) -> None:
    """Keep the answer for as long as the policy says."""
    session.merge(
        IdempotencyKey(
            tenant_id=request.tenant_id,
            actor_id=request.actor_id,
            operation=request.operation,
            key=request.key,
            request_hash=request.body_hash,
            answer=dict(answer),
            created_at=now,
            expires_at=now + timedelta(hours=services.policy.idempotency_hours),
        )
    )
