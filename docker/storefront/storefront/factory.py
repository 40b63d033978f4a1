"""The application: routes, the checks before each form, what each answer carries.

The log has a line for each form and for whatever waited for Medusa; pages from the cache leave none.
"""

from __future__ import annotations

import logging
import time

import httpx
from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from storefront import errors
from storefront.limits import Limiter
from storefront.routes import cart, checkout, meta, orders, shop
from storefront.security import MOST_BYTES, from_elsewhere, harden
from storefront.services import NAME, Services, build, client_address, services, visitor
from storefront.settings import Settings

log = logging.getLogger("storefront.access")


def create_app(settings: Settings, *, transport: httpx.BaseTransport | None = None, reload: bool = False) -> Flask:
    """`transport` stands in for the network; `reload` reads templates and assets anew, for whoever designs them."""
    # assets are served by a route of our own
    app = Flask(NAME, static_folder=None, template_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MOST_BYTES, MAX_FORM_MEMORY_SIZE=MOST_BYTES, MAX_FORM_PARTS=100)
    # one proxy in front, the ingress, whose word on address and scheme is taken
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    made = build(settings, transport=transport, reload=reload)
    app.extensions[NAME] = made
    made.pages.compile()
    for routes in (shop, cart, checkout, orders, meta):
        app.register_blueprint(routes.blueprint)
    app.before_request(_check)
    app.after_request(_finish)
    errors.install(app)
    return app


def _check() -> None:
    g.began = time.monotonic()
    if request.method != "POST":
        return
    limiter = _limiter(services())
    if limiter is not None and (wait := limiter.hit(client_address())):
        raise TooManyRequests(retry_after=wait)
    if from_elsewhere(request) or not services().visitors.csrf_fits(visitor(), request.form.get("csrf", "")):
        abort(403)


def _limiter(current: Services) -> Limiter | None:
    limits = current.limits
    return {"cart": limits.cart, "shop": limits.cart, "checkout": limits.checkout, "orders": limits.lookup}.get(request.blueprint or "")


def _finish(response: Response) -> Response:
    who = g.get("visitor")
    if who is not None and who.changed:
        services().visitors.write(who, request, response)
    waited = g.get("waited", 0.0)
    if request.method == "POST" or response.status_code >= 500 or waited:
        took = time.monotonic() - g.get("began", time.monotonic())
        log.info(
            "%s %s %d %.1f ms, of which the backend %.1f ms",
            request.method, request.path, response.status_code, took * 1000, waited * 1000,
        )  # fmt: skip
    return harden(response)
