"""Versions and watches: every write gets the next resourceVersion of the whole store and leaves an event; a watch reads on from a version.

The log is bounded per kind, as the API server's is: whoever asks for a version whose events are dropped gets 410 and must list again.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from localcluster.errors import ApiError
from localcluster.schema import Kind
from localcluster.selectors import Predicate

Body = Mapping[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch."""

    type: EventType
    object: Body


@dataclass(frozen=True, slots=True)
class _Change:
    version: int
    namespace: str
    before: Body | None
    after: Body | None
    object: Body  # what a watcher is shown: for a deletion the last state, with the version of the deletion


class History:
    """The store's version counter and event log. `version` is that of the last write; a number given to a write that failed is lost."""

    def __init__(self, size: int) -> None:
        self.version = 0
        self._given = 0
        self._floor = 0
        self.changed = threading.Condition(threading.RLock())
        self._size = size
        self._logs: dict[str, deque[_Change]] = {}
        self._dropped: dict[str, int] = {}

    def next_version(self) -> str:
        self._given += 1
        return str(self._given)

    def record(self, kind: Kind, before: Body | None, after: Body | None, shown: Body) -> None:
        """Log a write. It has the version given last."""
        self.version = self._given
        log = self._logs.setdefault(kind.name, deque())
        log.append(_Change(self.version, shown["metadata"].get("namespace", ""), before, after, shown))
        while len(log) > self._size:
            self._dropped[kind.name] = log.popleft().version
        self.changed.notify_all()

    def restart(self, version: int) -> None:
        """Begin at a version, with nothing before it."""
        self.version = self._given = self._floor = version
        self._logs.clear()
        self._dropped.clear()
        self.changed.notify_all()

    def forget(self) -> None:
        """Drop all events, as a compaction does: watches from before now get 410."""
        with self.changed:
            for kind in self._logs:
                self._logs[kind].clear()
            self._dropped = dict.fromkeys(self._logs, self.version)

    def since(self, kind: Kind, version: int) -> list[_Change]:
        """The changes of a kind after a version; ApiError 410 where some of them are dropped."""
        dropped = self._dropped.get(kind.name, self._floor)
        if version < dropped:
            raise ApiError.expired(f"too old resource version: {version} ({dropped})")
        return self._after(kind.name, version)[::-1]

    def touched(self, version: int) -> set[str] | None:
        """The namespaces written in after a version, '' for what is in none (a Namespace counts as both). None: too long ago to say."""
        if version < max(self._dropped.values(), default=self._floor):
            return None
        places: set[str] = set()
        for kind in self._logs:
            for change in self._after(kind, version):
                places.add(change.namespace)
                if kind == "Namespace":
                    places.add(change.object["metadata"]["name"])
        return places

    def _after(self, kind: str, version: int) -> list[_Change]:
        """Latest first."""
        return list(itertools.takewhile(lambda change: change.version > version, reversed(self._logs.get(kind, ()))))


class Watch:
    """The events of one kind after a version. Not for several threads at once; the store may be written meanwhile."""

    def __init__(self, history: History, kind: Kind, *, namespace: str, selected: Predicate, version: int, first: list[Event]) -> None:
        self._history = history
        self._kind = kind
        self._namespace = namespace
        self._selected = selected
        self._version = version
        self._first = first
        history.since(kind, version)

    def poll(self) -> list[Event]:
        """What happened since the last poll. ApiError 410 where it fell too far behind."""
        with self._history.changed:
            events, self._first = self._first, []
            for change in self._history.since(self._kind, self._version):
                self._version = change.version
                if (not self._namespace or change.namespace == self._namespace) and (event := self._seen(change)):
                    events.append(event)
            return events

    def wait(self, seconds: float) -> bool:
        """Sleep until there is something to poll; False where `seconds` passed without."""
        with self._history.changed:
            return self._history.changed.wait_for(lambda: bool(self._first or self._history.since(self._kind, self._version)), seconds)

    def bookmark(self) -> Event:
        """The version reached, without an object: everything up to it has been polled."""
        with self._history.changed:
            if not self._history.since(self._kind, self._version):
                self._version = max(self._version, self._history.version)
            metadata = {"resourceVersion": str(self._version)}
            return Event("BOOKMARK", {"kind": self._kind.name, "apiVersion": self._kind.api_version, "metadata": metadata})

    def _seen(self, change: _Change) -> Event | None:
        """As this watch's selector sees it: what stops matching is DELETED, what starts to is ADDED."""
        before = change.before is not None and self._selected(change.before)
        after = change.after is not None and self._selected(change.after)
        if after:
            return Event("MODIFIED" if before else "ADDED", change.object)
        if before and change.before is not None:
            version = {"resourceVersion": str(change.version)}
            return Event("DELETED", {**change.before, "metadata": {**change.before["metadata"], **version}})
        return None
