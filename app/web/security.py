"""Cookies, CSRF and the headers that every answer carries.

Two cookies. The log-in's holds a random token that only the database knows the meaning of. The other, signed, holds what a visitor has
before a log-in (a CSRF token) and messages on their way to the next page. Both are `__Host-` under https. A CSRF token belongs to the
session's row or, before there is one, to the visitor's cookie; every unsafe method needs it, in a field or a header.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, session
from htmx_flask import request
from werkzeug.exceptions import BadRequest

from app.services.account_views import LoggedIn
from app.web.current import current

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
BODY_MAX = 1_000_000
CSP = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CSRF = "csrf"


class CsrfFailed(BadRequest):
    description = "This page was open for too long, or was not opened here. Load it again, and repeat what you did."


def configure(app: Flask, *, key: str, https: bool) -> None:
    """Cookies by whether the portal's own address is https. `key` signs the visitor's cookie: derived, so that it opens nothing else."""
    prefix = "__Host-" if https else ""
    app.secret_key = hmac.new(key.encode(), b"storeyard: the visitor's cookie", hashlib.sha256).digest()
    app.config.update(
        LOGIN_COOKIE=f"{prefix}storeyard_session",
        SESSION_COOKIE_NAME=f"{prefix}storeyard_visitor",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=BODY_MAX,
        MAX_FORM_MEMORY_SIZE=BODY_MAX,
    )
    app.after_request(add_headers)


def remember(response: Response, logged_in: LoggedIn) -> Response:
    """Give the browser its new session. What the visitor's cookie held is forgotten: nothing from before a log-in counts after it."""
    session.clear()
    current.become(logged_in.session)
    lifetime = max(0, int((logged_in.session.expires_at - current.now).total_seconds()))
    response.set_cookie(
        current_app.config["LOGIN_COOKIE"],
        logged_in.token,
        max_age=lifetime,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def forget(response: Response) -> Response:
    current.become(None)
    response.delete_cookie(
        current_app.config["LOGIN_COOKIE"], secure=current_app.config["SESSION_COOKIE_SECURE"], httponly=True, samesite="Lax"
    )
    return response


def csrf_token() -> str:
    """For the page's forms. On a page that asked for no session none is asked for here."""
    signed_in = g.get("signed_in")
    if signed_in is not None:
        return str(signed_in.csrf)
    if _CSRF not in session:
        session[_CSRF] = secrets.token_urlsafe(24)
    return str(session[_CSRF])


def check_csrf() -> None:
    """Before each view. Raises CsrfFailed."""
    if request.method in SAFE or request.endpoint is None:
        return
    signed_in = current.session
    wanted = signed_in.csrf if signed_in is not None else session.get(_CSRF)
    given = request.headers.get("X-CSRF-Token") or request.form.get(_CSRF, "")
    if not wanted or not hmac.compare_digest(str(wanted).encode(), given.encode()):
        raise CsrfFailed


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-store")
    response.headers.setdefault("X-Request-Id", current.request_id)
    return response


def local_path(text: str | None, fallback: str = "/") -> str:
    """The text, if it is a path of this site and nothing a browser could take for another's address; else the fallback."""
    if not text or not text.startswith("/") or len(text) > 2000:
        return fallback
    if text[1:2] in ("/", "\\") or any(ord(character) <= 32 or character in "\\\x7f" for character in text):
        return fallback
    parts = urlsplit(text)
    return fallback if parts.scheme or parts.netloc else text


def page_to_come_back_to() -> str:
    """After a log-in: this page or, where something was sent, the page that it was sent from."""
    if request.htmx:
        return _own_path(request.htmx.current_url)
    if request.method in ("GET", "HEAD"):
        return local_path(request.full_path.rstrip("?"))
    return _own_path(request.referrer)


def _own_path(address: str | None) -> str:
    parts = urlsplit(address or "")
    if parts.netloc != request.host:
        return "/"
    return local_path(parts.path + (f"?{parts.query}" if parts.query else ""))
