"""Who asks. Every use case takes an actor, and its audit entry names it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    USER = "user"
    OPERATOR = "operator"
    TOKEN = "token"  # noqa: S105
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A user or token by id, an operator at a shell by login name, or a part of the platform itself."""

    kind: ActorKind
    id: str
    name: str
    ip: str | None = None
    request_id: str | None = None
