"""Accounts: signing up, in and out, passwords, invites, one's profile and sessions, and for which tenant one works."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("auth", __name__)

from app.web.auth import account, entry, invites, passwords, tenants  # noqa: E402 - they add their routes to the blueprint

__all__ = ["account", "blueprint", "entry", "invites", "passwords", "tenants"]
