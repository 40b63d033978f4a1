"""New passwords: generated where none is given, else checked; hashed before a transaction is open, for a hash takes its time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from app.domain.people import check_password
from app.services.context import Services

# Without those that are read as one another: 0 and o, 1, i and l.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 5


@dataclass(frozen=True, slots=True)
class NewPassword:
    """`generated` is to be shown once; None where the person chose it."""

    hashed: str = field(repr=False)
    generated: str | None = field(repr=False)


def new_password(services: Services, chosen: str | None, *, email: str) -> NewPassword:
    """Raises InvalidIntent (password)."""
    if chosen is None:
        generated = generate_password()
        return NewPassword(services.passwords.hash(generated), generated)
    return NewPassword(services.passwords.hash(check_password(chosen, email=email)), None)


def generate_password() -> str:
    """Twenty random characters in groups of five (99 bits), to be read aloud and typed."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
