"""Requests to the application itself, without a connection."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster.api.application import Application
from localcluster.api.logs import Logs
from localcluster.api.wire import Query, Request, Response
from localcluster.objects import Store

CM = "/api/v1/namespaces/shop/configmaps"
MAP: dict[str, Any] = {"metadata": {"name": "one"}, "data": {"a": "1"}}


class Asker:
    """An application on a store of its own, whose clock moves a second per look."""

    def __init__(self, logs: Logs | None = None) -> None:
        ticks = itertools.count()
        self.store = Store(now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks)))
        self.store.create("Namespace", {"metadata": {"name": "shop"}}, manager="test")
        self.application = Application(self.store, "secret", logs)
        self.gone = False

    def send(self, method: str, address: str, body: Any = None, *, allowed: bool = True, **headers: str) -> Response:
        path, _, query = address.partition("?")
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(
            method=method,
            segments=tuple(part for part in path.split("/") if part),
            query=Query(query),
            headers={"accept": "application/json", "user-agent": "asker/1.0", "content-type": "application/json", **names},
            body=data,
            gone=lambda: self.gone,
        )
        return self.application.answer(request, allowed=allowed)

    def ask(self, method: str, address: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The code, and the body as data."""
        response = self.send(method, address, body, **headers)
        assert isinstance(response.body, bytes)
        return response.code, json.loads(response.body)

    def lines(self, address: str, **headers: str) -> Iterator[Any]:
        """The events of a watch, as they come."""
        response = self.send("GET", address, **headers)
        assert not isinstance(response.body, bytes)
        for piece in response.body:
            yield from (json.loads(line) for line in piece.splitlines())
