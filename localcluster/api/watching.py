"""A watch: the events of a kind after a version, line by line, until its time is up or nobody listens any more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from localcluster.api.representation import Representation
from localcluster.api.wire import Query, dump
from localcluster.errors import ApiError
from localcluster.history import Event, Watch
from localcluster.objects import Store

DEFAULT_SECONDS = 1800
BOOKMARK_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How long a watch sleeps at most before it looks whether its client is still there."""
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


def watch_lines(store: Store, query: Query, shape: Representation, namespace: str, fields: str) -> Iterator[bytes]:
    """Opens the watch (ApiError where that is refused), and yields its lines; b"" at least every second when there is nothing to say.

    A version that is too old, or that this store never had, is an ERROR event, as after a restart without the old state: list again.
    """
    version, labels = query.text("resourceVersion"), query.text("labelSelector")
    seconds = query.number("timeoutSeconds")
    initial = query.flag("sendInitialEvents")
    try:
        if version.isdigit() and int(version) > int(store.version):
            raise ApiError.expired(f"too large resource version: {version}, current: {store.version}")
        start = "" if initial else version
        watch = store.watch(shape.kind.name, namespace=namespace, label_selector=labels, field_selector=fields, resource_version=start)
    except ApiError as error:
        if error.code != 410:
            raise
        return iter([_error(error)])
    bookmarks = query.flag("allowWatchBookmarks")
    return _Lines(watch, shape, bookmarks=bookmarks).run(DEFAULT_SECONDS if not seconds else max(0, seconds), initial=initial and bookmarks)


class _Lines:
    def __init__(self, watch: Watch, shape: Representation, *, bookmarks: bool) -> None:
        self._watch = watch
        self._shape = shape
        self._bookmarks = bookmarks
        self._first = True

    def run(self, seconds: float, *, initial: bool) -> Iterator[bytes]:
        deadline = time.monotonic() + seconds
        due = time.monotonic() + BOOKMARK_SECONDS
        try:
            yield self._encoded(self._watch.poll())
            if initial:
                yield self._bookmark(_INITIAL_END)
            while (now := time.monotonic()) < deadline:
                if self._watch.wait(max(0.0, min(deadline - now, LOOK_SECONDS))):
                    yield self._encoded(self._watch.poll())
                    continue
                yield b""
                if self._bookmarks and now >= due:
                    due = now + BOOKMARK_SECONDS
                    yield self._bookmark()
            if self._bookmarks:
                yield self._bookmark()
        except ApiError as error:
            yield _error(error)

    def _encoded(self, events: list[Event]) -> bytes:
        return b"".join([self._line(event.type, event.object) for event in events])

    def _bookmark(self, annotations: Mapping[str, str] | None = None) -> bytes:
        body = self._watch.bookmark().object
        if annotations:
            body = {**body, "metadata": {**body["metadata"], "annotations": annotations}}
        return self._line("BOOKMARK", body)

    def _line(self, type_: str, body: Mapping[str, Any]) -> bytes:
        first, self._first = self._first, False
        return dump(self._shape.event(type_, body, first=first))


def _error(error: ApiError) -> bytes:
    return dump({"type": "ERROR", "object": error.status()})
