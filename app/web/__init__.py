"""The pages. `install` puts them into an application; what the parts share is said in their own modules:

signed_in and current (who asks), tenancy (who may), security (cookies, CSRF, headers), htmx (fragments), live and hub (what to look at
again), forms, errors, assets.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from app.services.context import Services
from app.web import assets, errors, htmx, ids, live, look, security, signed_in, tenancy
from app.web.auth import blueprint as accounts
from app.web.current import current
from app.web.portal import blueprint as stores

BLUEPRINTS: tuple[Blueprint, ...] = (accounts, stores)


def install(app: Flask, services: Services, *, key: str) -> None:
    """`key` is what the visitor's cookie is signed with, by way of a derived one. Every answer of the app gets the headers."""
    app.extensions["storeyard"] = services
    security.configure(app, key=key, https=services.portal.public_url.startswith("https://"))
    signed_in.install(app)
    ids.install(app.url_map)
    assets.install(app)
    htmx.add_global(app, "current", current)
    htmx.add_global(app, "csrf_token", security.csrf_token)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    live.install(app, services)
    look.install(app)
    htmx.install(app)
    errors.install(app)
    app.before_request(errors.bind_request)
    app.before_request(tenancy.enforce)
    app.before_request(security.check_csrf)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
