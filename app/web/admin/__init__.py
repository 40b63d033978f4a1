"""The operators' console: the fleet, tenants with their limits, stores of all tenants, and the platform's switches. Operators only."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

from app.web.admin import bulk, overview, platform, stores, tenant, tenants  # noqa: E402 - they add their routes to the blueprint

__all__ = ["blueprint", "bulk", "overview", "platform", "stores", "tenant", "tenants"]
