"""Errors as answers, translated once: a page, or a message where htmx asked for a fragment, or problem+json where a program asked.

Sentences of domain errors are for people and are shown; of anything unexpected only the request's id is, which the log has too. Error pages
ask the database for nothing, since it may be what is away.
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, g, make_response, render_template, url_for
from htmx_flask import request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.domain.errors import StoreyardError
from app.web import htmx
from app.web.current import current

STATUS = {
    "invalid_intent": 422,
    "idempotency_mismatch": 422,
    "quota_exceeded": 409,
    "name_taken": 409,
    "outdated": 409,
    "ambiguous": 409,
    "forbidden": 403,
    "sign_ups_off": 403,
    "log_in_refused": 401,
    "not_found": 404,
    "link_invalid": 404,
    "too_many_attempts": 429,
}
RETRY_AFTER = 5  # seconds, while the database is away
TITLES = {
    400: "That request makes no sense here",
    401: "Please log in",
    403: "You may not do this",
    404: "There is nothing here",
    405: "Not this way",
    409: "That is not possible now",
    413: "That is too large",
    422: "Something in the form is not right",
    429: "Too many attempts",
    500: "Something broke on our side",
    503: "Back in a moment",
}
TEXTS = {
    404: "The page may have moved, or what it showed is gone or not yours.",
    405: "This address does not take such a request. Go back and use the page's buttons.",
    413: "What was sent is larger than anything this page needs.",
    500: "It is not your fault, and nothing was half done. We have the details under the number below.",
    503: "The database does not answer just now. Your stores are not touched by this; the page tries again by itself.",
}
log: Any = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(StoreyardError, _domain)
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _domain(error: StoreyardError) -> Response:
    status = _status(error)
    if status is None:
        return _unexpected(error)
    seconds = error.data.get("seconds")
    return problem(status, text=error.message, code=error.code, retry_after=int(seconds) if seconds is not None else None)


def _status(error: StoreyardError) -> int | None:
    """A refinement of an error is answered as what it refines."""
    codes = (getattr(kind, "code", "") for kind in type(error).__mro__)
    return next((STATUS[code] for code in codes if code in STATUS), None)


def _database(error: SQLAlchemyError) -> Response:
    """Away, or too slow to wait for: a 503. Any other error of a statement is ours."""
    away = isinstance(error, (OperationalError, InterfaceError, PoolTimeout)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    if not away:
        return _unexpected(error)
    log.warning("the database does not answer", endpoint=request.endpoint, error=type(error).__name__)
    return problem(503, retry_after=RETRY_AFTER, code="unavailable")


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    own = type(error).description if type(error).__module__.startswith("app.") else None
    answer = problem(error.code, text=own)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    return answer


def _unexpected(error: Exception) -> Response:
    # The path may hold a link's secret: the endpoint says enough.
    log.error("request failed", endpoint=request.endpoint, method=request.method, exc_info=error)
    return problem(500)


def problem(status: int, *, text: str | None = None, code: str | None = None, retry_after: int | None = None) -> Response:
    """The answer, in the asker's form."""
    title = TITLES.get(status, TITLES[400] if status < 500 else TITLES[500])
    text = text or TEXTS.get(status, "Go back and try it again.")
    if wants_json():
        body = {"type": "about:blank", "title": title, "status": status, "detail": text, "code": code, "request_id": current.request_id}
        response = make_response({name: value for name, value in body.items() if value is not None}, status)
        response.content_type = "application/problem+json"
    elif request.htmx:
        response = htmx.message("error", text, status=status, request_id=current.request_id if status >= 500 else None)
    else:
        way_back = url_for("auth.log_in") if status == 401 else "/"
        body = render_template(
            "errors/problem.html", status=status, problem_title=title, text=text, way_back=way_back, retry_after=retry_after
        )
        response = make_response(body, status)
        if status == 503 and retry_after and request.method == "GET":
            response.headers["Refresh"] = str(retry_after)
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, retry_after))
    return response


def wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"], default="text/html")
    return best != "text/html"


def bind_request() -> None:
    """Every line logged on behalf of this request bears its id."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=current.request_id)
    g.setdefault("now", current.services.clock.now())
