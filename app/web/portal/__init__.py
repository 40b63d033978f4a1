"""The merchant's stores: list, creation, and each store's pages. Viewers read, members create and change, owners also delete and reveal."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("stores", __name__, url_prefix="/stores")

from app.web.portal import changes, create, index, store  # noqa: E402 - they add their routes to the blueprint

__all__ = ["blueprint", "changes", "create", "index", "store"]
