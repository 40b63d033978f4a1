"""Answers to htmx, all in one place: a page's block instead of the page, messages out of band, redirects that a fragment cannot make.

A fragment is a block of the page's own template, so page and fragment cannot differ. A block rendered alone runs nothing of its template's
top level. Every answer that may be either carries `Vary: HX-Request`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, current_app, get_flashed_messages, render_template, url_for
from htmx_flask import Htmx, make_response, request
from htmx_flask.requests import HtmxHeaders
from markupsafe import Markup

VARY = "HX-Request"


def is_htmx() -> bool:
    """Whether htmx asks for a part of a page. A history restore, a boosted link and a whole body want the page."""
    asked: HtmxHeaders = request.htmx
    # The last one is htmx 4's, which htmx-flask doesn't know yet.
    return bool(asked) and not asked.boosted and not asked.history_restore_request and request.headers.get("HX-Request-Type") != "full"


def page(template: str, *, block: str | None = None, status: int = 200, **context: Any) -> Response:
    """The whole page or, where htmx asks and a block is named, that block alone."""
    if block is not None and is_htmx():
        return fragment(template, block, status=status, **context)
    response = make_response(render_template(template, **context), status)
    response.vary.add(VARY)
    return response


def fragment(template: str, block: str, *, status: int = 200, **context: Any) -> Response:
    """The block, and what there is to say out of band."""
    response = make_response(render_block(template, block, **context) + waiting_messages(), status)
    response.vary.add(VARY)
    return response


def render_block(template: str, block: str, **context: Any) -> Markup:
    """One block of a template, as its page would show it. Raises KeyError where the template itself has no such block."""
    found = current_app.jinja_env.get_template(template)
    current_app.update_template_context(context)
    return Markup("").join(Markup(part) for part in found.blocks[block](found.new_context(context)))  # noqa: S704 - a template's own output


def waiting_messages() -> Markup:
    """Flashed messages as an element that htmx puts in its place; nothing where there are none."""
    if not get_flashed_messages(with_categories=True):
        return Markup("")
    return Markup(render_template("parts/messages.html", oob=True))  # noqa: S704 - a template's own output


def message(kind: str, text: str, *, status: int, request_id: str | None = None) -> Response:
    """Nothing but a message: what an error is to a fragment. Whatever htmx meant to replace stays as it is."""
    body = render_template("parts/message_only.html", kind=kind, text=text, request_id=request_id)
    response = make_response(body, status, retarget="#messages", reswap="innerHTML")
    response.vary.add(VARY)
    return response


def redirect_to(endpoint: str, **values: Any) -> Response:
    return redirect_path(url_for(endpoint, **values))


def redirect_path(path: str) -> Response:
    """On to another page: 303, or what makes htmx load it as a page. Messages wait for that page."""
    if request.htmx:
        response = make_response("", 200, redirect=path)
    else:
        response = make_response("", 303)
        response.headers["Location"] = path
    response.vary.add(VARY)
    return response


def install(app: Flask) -> None:
    """`request.htmx` (htmx-flask), and macros as a global of every template: blocks that are rendered alone have them too."""
    Htmx(app)
    macros: dict[str, Any] = {}
    for part in ("icons", "forms", "dialogs", "ui"):
        macros.update(vars(app.jinja_env.get_template(f"parts/{part}.html").module))
    add_global(app, "ui", SimpleNamespace(**{name: macro for name, macro in macros.items() if not name.startswith("_")}))


def add_global(app: Flask, name: str, value: Any) -> None:
    """Something that every template, and every macro, may name."""
    names: dict[str, Any] = app.jinja_env.globals  # pyright: ignore[reportAssignmentType] - annotated for its own functions only
    names[name] = value
