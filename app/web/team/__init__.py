"""A tenant's own page: its people, invites, and what it uses of its limits. Everybody in it reads; owners change."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("team", __name__, url_prefix="/team")

from app.web.team import index, invites, members  # noqa: E402 - they add their routes to the blueprint

__all__ = ["blueprint", "index", "invites", "members"]
