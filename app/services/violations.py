"""Which named constraint a write ran into."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError


def violated(error: IntegrityError) -> str | None:
    """The constraint's or unique index's name, as the driver reports it."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None)
