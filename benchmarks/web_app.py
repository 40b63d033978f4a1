"""The web as it is served, and in each answer how long it took and how many statements it sent: for the benchmark alone.

    Server-Timing: app;dur=4.2, sql;desc="7"

Time is from the request's arrival in the application to its answer being ready to send; a stream's is to its beginning.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, event

from wsgi import app

__all__ = ["app"]

_request = threading.local()
_inner = app.wsgi_app


def _count(*_: Any) -> None:
    _request.statements = getattr(_request, "statements", 0) + 1


def _measured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    begun, _request.statements = time.perf_counter(), 0

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        spent = (time.perf_counter() - begun) * 1000
        return start_response(status, [*headers, ("Server-Timing", f'app;dur={spent:.3f}, sql;desc="{_request.statements}"')], *rest)

    return _inner(environ, start)


event.listen(Engine, "before_cursor_execute", _count)
app.wsgi_app = _measured  # type: ignore[method-assign]
