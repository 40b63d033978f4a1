"""A tenant's log: who did what to which store, when and from where. Read by everybody in the tenant; as a page and as CSV."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("activity", __name__)

from app.web.activity import export, index  # noqa: E402 - they add their routes to the blueprint

__all__ = ["blueprint", "export", "index"]
