"""The objects themselves: in memory, with their history, and with a keeper who has them on disk first.

Everything here but `version` is done under `lock`, which may be taken again by who holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from localcluster.errors import ApiError
from localcluster.history import History
from localcluster.listing import position
from localcluster.schema import KINDS, Kind

Body = dict[str, Any]


class Keeper(Protocol):
    """Keeps what is written, before the store shows it to anybody. An OSError refuses the write."""

    def put(self, kind: str, body: Body) -> None: ...

    def drop(self, kind: str, body: Body) -> None:
        """`body` is the last state, with the version of the deletion."""
        ...


class Memory:
    """All objects, by kind, namespace ('' for what is in none) and name."""

    def __init__(self, *, history: int, keeper: Keeper | None) -> None:
        self.history = History(history)
        self.lock = self.history.changed
        self._keeper = keeper
        self._shelves: dict[str, dict[str, dict[str, Body]]] = {name: {} for name in KINDS}

    @property
    def version(self) -> int:
        """That of the last write."""
        return self.history.version

    def find(self, kind: Kind, namespace: str, name: str) -> Body | None:
        return self._shelves[kind.name].get(namespace if kind.namespaced else "", {}).get(name)

    def live(self, kind: Kind, namespace: str, name: str) -> Body:
        """ApiError 404 where there is none."""
        body = self.find(kind, namespace, name)
        if body is None:
            raise ApiError.not_found(kind, name)
        return body

    def held(self, kind: Kind, namespace: str) -> Sequence[Body]:
        """In the order of lists; empty namespace: all of them."""
        shelves = self._shelves[kind.name]
        chosen = [shelves.get(namespace, {})] if namespace and kind.namespaced else shelves.values()
        return sorted((body for shelf in chosen for body in shelf.values()), key=position)

    def put(self, kind: Kind, live: Mapping[str, Any] | None, new: Body) -> Body:
        """The object as it is stored, with its version."""
        body = {**new, "metadata": {**new["metadata"], "resourceVersion": self.history.next_version()}}
        namespace, name = position(body)
        self._keep(kind, body, gone=False)
        self._shelves[kind.name].setdefault(namespace, {})[name] = body
        self.history.record(kind, live, body, body)
        return body

    def drop(self, kind: Kind, live: Body) -> None:
        namespace, name = position(live)
        shown = {**live, "metadata": {**live["metadata"], "resourceVersion": self.history.next_version()}}
        self._keep(kind, shown, gone=True)
        shelf = self._shelves[kind.name][namespace]
        del shelf[name]
        if not shelf:
            del self._shelves[kind.name][namespace]
        self.history.record(kind, live, None, shown)

    def restore(self, objects: Iterable[Body], version: int) -> None:
        self._shelves = {name: {} for name in KINDS}
        for body in objects:
            namespace, name = position(body)
            self._shelves[body["kind"]].setdefault(namespace, {})[name] = body
        self.history.restart(version)

    def touched(self, version: int) -> set[str]:
        """See `Store.touched`."""
        places = self.history.touched(version)
        if places is None:
            places = {"", *self._shelves["Namespace"].get("", {})}.union(*self._shelves.values())
        return places

    def _keep(self, kind: Kind, body: Body, *, gone: bool) -> None:
        if self._keeper is None:
            return
        try:
            if gone:
                self._keeper.drop(kind.name, body)
            else:
                self._keeper.put(kind.name, body)
        except OSError as error:
            what = "removed" if gone else "written"
            raise ApiError(500, "InternalError", f"the object could not be {what}: {error.strerror or error}") from error
