"""New ids."""

from __future__ import annotations

import secrets
from datetime import datetime

from app.domain.naming import format_id


def new_id(now: datetime) -> str:
    """A ULID of that moment."""
    return format_id(int(now.timestamp() * 1000), secrets.token_bytes(10))
