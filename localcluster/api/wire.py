"""Requests and answers, as the parts of the API server hand them to each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs

import orjson

from localcluster.errors import ApiError

JSON = "application/json"
YAML = "application/yaml"
TEXT = "text/plain; charset=utf-8"


class Query:
    """The parameters of an address, as Go reads them: of several, the first counts."""

    def __init__(self, text: str) -> None:
        self._values: Mapping[str, Sequence[str]] = parse_qs(text, keep_blank_values=True) if text else {}

    @property
    def names(self) -> Collection[str]:
        return self._values.keys()

    def text(self, name: str) -> str:
        return self._values.get(name, ("",))[0]

    def all(self, name: str) -> Sequence[str]:
        return self._values.get(name, ())

    def number(self, name: str) -> int | None:
        """None where it is not given; ApiError 400 where it is no number."""
        given = self.text(name)
        if not given:
            return None
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", given):
            raise ApiError.bad_request(f'strconv.ParseInt: parsing "{given}": invalid syntax')
        return int(given)

    def flag(self, name: str) -> bool:
        """Given, even without a value, is true, unless it says false."""
        return name in self._values and self.text(name).lower() not in ("false", "0")


@dataclass(frozen=True, slots=True)
class Request:
    """`segments`: the parts of the path, decoded. `headers` by their names in lower case. `gone` says whether anybody still listens."""

    method: str
    segments: tuple[str, ...]
    query: Query
    headers: Mapping[str, str]
    body: bytes = b""
    gone: Callable[[], bool] = lambda: False

    @property
    def media_type(self) -> str:
        """What the body is said to be, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def accepted(self) -> list[Accepted]:
        return accepted(self.headers.get("accept", ""))


@dataclass(frozen=True, slots=True)
class Response:
    """A body that is an iterator is sent piece by piece, as it comes. An exception from it breaks the connection off."""

    code: int
    body: bytes | Iterator[bytes]
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = field(default=())


Form = Literal["", "Table", "PartialObjectMetadata", "APIGroupDiscoveryList"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One form of answer that a client takes: a media type, and what an object is to be turned into ('': itself)."""

    media_type: str
    form: Form
    version: str = ""


_FORMS: Mapping[str, Form] = {
    "": "",
    "Table": "Table",
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadata",
    "APIGroupDiscoveryList": "APIGroupDiscoveryList",
}
_VERSIONS: Mapping[Form, frozenset[str]] = {
    "Table": frozenset({"v1", "v1beta1"}),
    "PartialObjectMetadata": frozenset({"v1", "v1beta1"}),
    "APIGroupDiscoveryList": frozenset({"v2", "v2beta1"}),
}


def accepted(header: str) -> list[Accepted]:
    """Those of an Accept header that can be served, best first; everything that is not JSON or YAML is passed over."""
    found: list[tuple[float, Accepted]] = []
    for clause in (header or "*/*").split(","):
        media_type, *rest = (part.strip() for part in clause.split(";"))
        options = dict(part.split("=", 1) for part in rest if "=" in part)
        form = _FORMS.get(options.get("as", ""))
        known = {"*/*": JSON, "application/*": JSON, "application/yaml": YAML, "application/x-yaml": YAML, JSON: JSON}.get(media_type)
        if known is None or form is None or (form and options.get("v") not in _VERSIONS[form]):
            continue
        found.append((_weight(options.get("q", "1")), Accepted(known, form, options.get("v", ""))))
    return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0


def dump(value: Any) -> bytes:
    """As JSON with a line end, as the API server sends it."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def plain(code: int, text: str) -> Response:
    return Response(code, text.encode(), TEXT)


def refusal(error: ApiError) -> Response:
    """An error as its `Status`."""
    body = error.status()
    if error.code in (404, 405, 406) and error.reason and "details" not in body:
        body["details"] = {}  # what the server's generic errors carry
    headers = [("Retry-After", str(error.details["retryAfterSeconds"]))] if "retryAfterSeconds" in error.details else []
    return Response(error.code, dump(body), headers=headers)
