"""Lists in pages. All pages of a list show the store as it was when the first was read, however long the reader takes - within limits.

The store keeps the few snapshots that unfinished lists need; the oldest goes first, and its continue token then gets 410.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.errors import ApiError
from localcluster.schema import Kind
from localcluster.selectors import Predicate

Body = Mapping[str, Any]
Position = tuple[str, str]

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token "
    "results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and "
    "now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. `next` continues, '' on the last; `remaining` is how many follow, None where a selector makes that unknown."""

    items: tuple[Body, ...]
    resource_version: str
    next: str = ""
    remaining: int | None = None


class Pager:
    """Cuts sorted snapshots into pages."""

    def __init__(self, keep: int = 64) -> None:
        self._keep = keep
        self._snapshots: OrderedDict[tuple[str, str, int], Sequence[Body]] = OrderedDict()

    def first(
        self, kind: Kind, objects: Sequence[Body], version: int, *, selected: Predicate | None, namespace: str, limit: int
    ) -> Listing:
        return self._cut(kind, objects, version, selected=selected, namespace=namespace, limit=limit, after=("", ""))

    def further(self, kind: Kind, token: str, *, selected: Predicate | None, namespace: str, limit: int) -> Listing:
        """ApiError 400 for a token that is none, 410 for one whose snapshot is gone."""
        version, after = _read_token(token)
        objects = self._snapshots.get((kind.name, namespace, version))
        if objects is None:
            raise ApiError.expired(_TOO_OLD)
        return self._cut(kind, objects, version, selected=selected, namespace=namespace, limit=limit, after=after)

    def forget(self) -> None:
        self._snapshots.clear()

    def _cut(
        self, kind: Kind, objects: Sequence[Body], version: int, *, selected: Predicate | None, namespace: str, limit: int, after: Position
    ) -> Listing:
        wanted = [body for body in objects if position(body) > after and (selected is None or selected(body))]
        if not limit or len(wanted) <= limit:
            return Listing(tuple(wanted), str(version))
        self._snapshots[kind.name, namespace, version] = objects
        self._snapshots.move_to_end((kind.name, namespace, version))
        while len(self._snapshots) > self._keep:
            self._snapshots.popitem(last=False)
        page = tuple(wanted[:limit])
        remaining = len(wanted) - limit if selected is None else None
        return Listing(page, str(version), _token(version, position(page[-1])), remaining)


def position(body: Body) -> Position:
    """The order of lists: namespace, then name."""
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _token(version: int, after: Position) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(after)})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Position]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = parts["start"]
        return int(parts["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise ApiError.bad_request("invalid continue token: continue key is not valid") from error
