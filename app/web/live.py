"""Live updates: one stream of server-sent events per page, which says what to look at again, and never what is to be seen there.

A stream holds one thread and nothing else. A process gives at most two thirds of its threads to streams, so that pages are always served.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue

from app.domain.people import Role
from app.ports import NullLiveEvents
from app.services.auth_sessions import standing_of
from app.services.context import Services
from app.web.current import current
from app.web.htmx import add_global
from app.web.hub import Hub, Listener, Refused
from app.web.tenancy import operators, requires

EXTENSION = "storeyard.live"
STREAMS = 32  # where nobody said how many threads there are

blueprint = Blueprint("live", __name__, url_prefix="/live")


def install(app: Flask, services: Services) -> None:
    """To be called before other hooks are set: what a page shows must not be older than the place it says that it stands at."""

    def standing(listeners: Collection[Listener]) -> Collection[Listener]:
        found = standing_of(services, {listener.session_id for listener in listeners})
        return [
            listener
            for listener in listeners
            if (now := found.get(listener.session_id)) is not None
            and (now.operator if listener.tenant_id is None else now.tenant_id == listener.tenant_id)
        ]

    app.extensions[EXTENSION] = Hub(services.live, standing, limit=STREAMS)
    app.before_request(_note_place)
    add_global(app, "live_offered", _offered)
    add_global(app, "live_since", _since)
    app.register_blueprint(blueprint)


def size(app: Flask, threads: int) -> None:
    """The web server has so many threads per process."""
    hub_of(app).limit = threads * 2 // 3


def hub_of(app: Flask) -> Hub:
    return cast("Hub", app.extensions[EXTENSION])


@blueprint.get("")
@requires(Role.VIEWER)
def tenant() -> ResponseReturnValue:
    """News of the session's tenant."""
    return _stream(current.tenant_id)


@blueprint.get("/platform")
@operators
def platform() -> ResponseReturnValue:
    """News of all tenants, for operators."""
    return _stream(None)


def _stream(tenant_id: str | None) -> Response:
    if not _offered():
        return _refusal("Live updates are off here.", 60)
    who = Listener(current.signed_in.id, current.signed_in.user.id, tenant_id)
    since = request.headers.get("Last-Event-ID") or request.args.get("since")
    connection = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if request.method == "HEAD":
        return Response(content_type="text/event-stream")
    try:
        stream = hub_of(current_app).open(who, since, connection)
    except Refused as refused:
        return _refusal(str(refused), refused.retry_after)
    # Sent on as it comes: no proxy on the way may collect it, nor compress it.
    headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
    return Response(stream, content_type="text/event-stream; charset=utf-8", headers=headers, direct_passthrough=True)


def _refusal(text: str, retry_after: int) -> Response:
    return Response(text + "\n", 503, {"Retry-After": str(retry_after)}, content_type="text/plain; charset=utf-8")


def _offered() -> bool:
    return not isinstance(current.services.live, NullLiveEvents)


def _note_place() -> None:
    g.live_since = hub_of(current_app).position


def _since() -> str:
    """Where a page stands, for its stream to begin there. "" where nobody listened yet: the page is then loaded once more."""
    if _offered():
        hub_of(current_app).start()
    return g.get("live_since") or ""
