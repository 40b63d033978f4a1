"""The web as it is served, and in each answer how long it took and how many statements it sent: for the benchmark alone.

    Server-Timing: app;dur=4.2, cpu;dur=3.9, sql;desc="7"

`cpu` is what of it the thread itself was at work. Time is from the request's arrival in the application to its answer being ready to
send; a stream's is to its beginning.
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
    begun, worked, _request.statements = time.perf_counter(), time.thread_time(), 0

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        spent, busy = (time.perf_counter() - begun) * 1000, (time.thread_time() - worked) * 1000
        told = f'app;dur={spent:.3f}, cpu;dur={busy:.3f}, sql;desc="{_request.statements}"'
        return start_response(status, [*headers, ("Server-Timing", told)], *rest)

    return _inner(environ, start)


event.listen(Engine, "before_cursor_execute", _count)
app.wsgi_app = _measured  # type: ignore[method-assign]
