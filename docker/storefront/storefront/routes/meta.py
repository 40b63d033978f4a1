"""What machines ask for: health, sitemap, robots, the shop's colour and icon, and the files of its pages."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, jsonify, request
from markupsafe import Markup

from storefront import seo, theme
from storefront.answers import surroundings
from storefront.services import services

blueprint = Blueprint("meta", __name__)

LATELY = 10.0
PATIENCE = 1.0


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return jsonify(ok=True)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 as soon as pages can be shown, with or without Medusa: only a ready shop can say that it is being repaired.

    `?backend=1` asks for more: 503 unless Medusa has answered lately or does so within a second.
    """
    if request.args.get("backend") != "1":
        return jsonify(ready=True), 200
    reached = services().api.answered_within(LATELY) or services().api.ping(PATIENCE)
    return jsonify(ready=reached, reason="" if reached else "BackendUnavailable"), 200 if reached else 503


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    _, region, shop = surroundings()
    return _public(seo.sitemap(shop, services().catalogue.handles(region.id if region else "")), "application/xml", 3600)


@blueprint.get("/robots.txt")
def robots() -> Response:
    return _public(seo.robots(services().bare()), "text/plain", 3600)


@blueprint.get("/theme.css")
def colours() -> Response:
    return _public(theme.stylesheet(services().settings.accent), "text/css", 300)


@blueprint.get("/icon.svg")
def icon() -> Response:
    settings = services().settings
    return _public(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="{}"/>'
            '<text x="32" y="44" font-family="system-ui, sans-serif" font-size="36" font-weight="700" text-anchor="middle"'
            ' fill="{}">{}</text></svg>'
        ).format(settings.accent, theme.ink(settings.accent), settings.initial),
        "image/svg+xml", 3600,
    )  # fmt: skip


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    return Response("", 301, {"Location": "/icon.svg", "Cache-Control": "public, max-age=86400"})


@blueprint.get("/assets/<path:name>")
def asset(name: str) -> Response:
    return services().assets.respond(name, request)


def _public(text: str, kind: str, seconds: int) -> Response:
    response = Response(text, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:16])
    response.make_conditional(request)
    return response
