"""What a visitor sees when something isn't as it should be: a page of the shop, in words; never a trace.

Asked by htmx, the same words come as a message on the page that is open.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, TooManyRequests

from storefront import seo
from storefront.answers import page, wants_fragment
from storefront.client import BackendAway, BackendError, Limited, NotFound
from storefront.services import services, visitor
from storefront.views import ErrorView, Message, ShopView

log = logging.getLogger(__name__)

RETRY_AFTER = 5
NOT_FOUND = (
    "This page doesn't exist",
    "The product may be gone, or the address has a typing error in it.",
    "/products",
    "See all products",
)
WORDS = {
    400: ("That request was not understood", "Please go back and try again.", "/", "Back to the shop"),
    403: (
        "This form could not be accepted",
        "It was open for too long, or your browser keeps no cookies for this shop. Nothing was changed: go back, reload and try again.",
        "/", "Back to the shop",
    ),
    404: NOT_FOUND,
    405: NOT_FOUND,
    413: ("That was too much", "The form holds more than we can take.", "/", "Back to the shop"),
    429: ("One moment, please", "There were many tries from your connection. Please wait a little.", "/", "Back to the shop"),
    500: (
        "Something went wrong on our side",
        "It has been noted. Your cart is kept. Please try again in a moment.", "/", "Back to the shop",
    ),
}  # fmt: skip


def install(app: Flask) -> None:
    app.register_error_handler(BackendAway, away)
    app.register_error_handler(NotFound, lambda _: error(404))
    app.register_error_handler(Limited, lambda limited: limited_answer(limited.retry_after))
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def http_error(problem: HTTPException) -> Response:
    if isinstance(problem, TooManyRequests):
        return limited_answer(int(str(problem.retry_after or 60)))
    code = problem.code or 500
    if code < 400:
        return Response("", code, problem.get_headers())
    response = error(code if code in WORDS else 400 if code < 500 else 500)
    if code == 405:
        response.status_code = 405
        response.headers.update({name: value for name, value in problem.get_headers() if name == "Allow"})
    return response


def unexpected(problem: Exception) -> Response:
    log.error("unexpected", exc_info=problem)
    if isinstance(problem, BackendError):
        return away(BackendAway(str(problem)))
    return error(500)


def limited_answer(seconds: int) -> Response:
    response = error(429)
    response.headers["Retry-After"] = str(seconds)
    return response


def error(code: int) -> Response:
    title, text, url, label = WORDS[code]
    return _answer("error.html", ErrorView(code, title, text, url, label))


def away(_: BackendAway) -> Response:
    """Before Medusa has ever answered the shop is starting; afterwards something is being repaired."""
    if request.path == "/checkout/place":
        title, text = (
            "We have no answer yet",
            "Your order may or may not have been placed. Your cart is kept: place it again in a moment, and it will not be made twice.",
        )
    elif services().api.seen:
        title, text = "We'll be right back", "The shop is being repaired, which takes a moment. Your cart is kept."
    else:
        title, text = "The shop is opening", "It is being started, and will be here in a few seconds."
    response = _answer(
        "closed.html", ErrorView(503, title, text, request.path if request.method == "GET" else "/checkout", "Try again", RETRY_AFTER)
    )
    response.headers["Retry-After"] = str(RETRY_AFTER)
    if request.method == "GET" and not wants_fragment():
        response.headers["Refresh"] = str(RETRY_AFTER)
    return response


def _answer(template: str, view: ErrorView) -> Response:
    if wants_fragment():
        text = services().pages.messages((Message("error", f"{view.title}. {view.text}"),))
        response = Response(text, view.status, content_type="text/html; charset=utf-8")
        response.headers.update({"HX-Retarget": "#messages", "HX-Reswap": "outerSync"})
        return response
    shop = _shop(wait=view.status < 500)
    return page(template, shop, seo.plain(shop, view.title, request.path), status=view.status, path="/", error=view)


def _shop(*, wait: bool) -> ShopView:
    """As much of the shop as is known; `wait` for Medusa, unless it may be what's wrong."""
    current = services()
    try:
        frame = current.catalogue.frame() if wait else current.catalogue.frame_at_hand()
    except BackendError:
        frame = None
    return current.shop(frame, frame.region(visitor().region)) if frame else current.bare()
