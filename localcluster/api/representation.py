"""Objects and lists in the form that a client asked for: themselves, a Table of what kubectl prints, or metadata alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import yaml

from localcluster.api.tables import columns, row
from localcluster.api.wire import JSON, YAML, Accepted, Form, Request, Response, dump
from localcluster.errors import ApiError
from localcluster.listing import Listing
from localcluster.schema import Kind

Body = Mapping[str, Any]
_SUPPORTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch"


@dataclass(frozen=True, slots=True)
class Representation:
    """How one request is answered. `include`: what of its object a Table's row carries: Metadata, Object or None."""

    kind: Kind
    form: Form
    version: str
    media_type: str
    include: str
    now: datetime

    def object(self, body: Body) -> Body:
        if self.form == "Table":
            return self._table([body], {"resourceVersion": body["metadata"].get("resourceVersion", "")})
        return self._partial(body) if self.form else whole(self.kind, body)

    def listing(self, page: Listing) -> Body:
        meta: dict[str, Any] = {"resourceVersion": page.resource_version}
        if page.next:
            meta["continue"] = page.next
            if page.remaining is not None:
                meta["remainingItemCount"] = page.remaining
        if self.form == "Table":
            return self._table(page.items, meta)
        if self.form:
            items = [self._partial(body) for body in page.items]
            return {"kind": "PartialObjectMetadataList", "apiVersion": self._meta, "metadata": meta, "items": items}
        items = [{name: value for name, value in body.items() if name not in ("kind", "apiVersion")} for body in page.items]
        return {"kind": f"{self.kind.name}List", "apiVersion": self.kind.api_version, "metadata": meta, "items": items}

    def event(self, type_: str, body: Body, *, first: bool) -> Body:
        """A watch's. Only its `first` Table says what the columns are."""
        shown = dict(self.object(body))
        if self.form == "Table" and not first:
            shown["columnDefinitions"] = None
        return {"type": type_, "object": shown}

    def response(self, body: Body, code: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
        if self.media_type == YAML:
            return Response(code, yaml.safe_dump(orjson.loads(orjson.dumps(body))).encode(), YAML, headers)
        return Response(code, dump(body), JSON, headers)

    @property
    def _meta(self) -> str:
        return f"meta.k8s.io/{self.version}"

    def _partial(self, body: Body) -> Body:
        return {"kind": "PartialObjectMetadata", "apiVersion": self._meta, "metadata": body["metadata"]}

    def _table(self, bodies: Sequence[Body], meta: Mapping[str, Any]) -> Body:
        rows: list[Body] = []
        for body in bodies:
            shown = None if self.include == "None" else whole(self.kind, body) if self.include == "Object" else self._partial(body)
            rows.append({**row(self.kind, body, self.now), "object": shown})
        return {"kind": "Table", "apiVersion": self._meta, "metadata": meta, "columnDefinitions": columns(self.kind), "rows": rows}


def whole(kind: Kind, body: Body) -> Body:
    """The object, its kind first."""
    return {"kind": kind.name, "apiVersion": kind.api_version, **body}


def representation(request: Request, kind: Kind, now: datetime) -> Representation:
    """ApiError 406 where the client takes nothing that can be served, 400 for a part of an object that there is not."""
    include = request.query.text("includeObject") or "Metadata"
    if include not in ("Metadata", "Object", "None"):
        raise ApiError.bad_request(f'invalid includeObject value: "{include}"')
    chosen = next((each for each in request.accepted if each.form != "APIGroupDiscoveryList"), None)
    if chosen is None:
        raise ApiError(406, "NotAcceptable", f"406: Not Acceptable\n\nAvailable representations: {_SUPPORTED}")
    return _of(kind, chosen, include, now)


def _of(kind: Kind, chosen: Accepted, include: str, now: datetime) -> Representation:
    return Representation(kind, chosen.form, chosen.version or "v1", chosen.media_type, include, now)
