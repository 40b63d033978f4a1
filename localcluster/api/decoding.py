"""Bodies of requests: JSON or YAML into plain data, and the fields in it that their kind does not have.

YAML is read as Kubernetes reads it: dates stay text, and 12:30 is no number. Limits: a key that is given twice is not noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import yaml

from localcluster.api.wire import JSON, YAML
from localcluster.errors import ApiError
from localcluster.requests import PatchForm
from localcluster.schema import Kind, Type

APPLY_YAML = "application/apply-patch+yaml"
PATCH_FORMS: Mapping[str, PatchForm] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_UNKNOWN_FORMAT = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"


class _Loader(yaml.SafeLoader):
    """Scalars by the rules of Go's YAML library, as far as they differ."""


_DROPPED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in _DROPPED] for first, rules in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*)\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z"), list("-+.0123456789")
)


def read_object(kind: str, media_type: str, body: bytes) -> dict[str, Any]:
    """An object of a create or update. ApiError 415 for another format, 400 for what is no such thing."""
    if media_type not in ("", JSON, YAML):
        raise ApiError(415, "UnsupportedMediaType", _UNKNOWN_FORMAT)
    try:
        value = read_yaml(body) if media_type == YAML else orjson.loads(body)
    except ValueError as error:
        shown = body[:1024].decode(errors="replace") or "<empty>"
        why = "unexpected end of JSON input" if not body.strip() else str(error)
        raise ApiError.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why} ({shown})"
        ) from error
    return shaped(kind, value)


def shaped(kind: str, value: Any) -> dict[str, Any]:
    """The value, if it has at least an object's outer shape; ApiError 400 otherwise."""
    if not isinstance(value, dict):
        raise ApiError.bad_request(f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind")
    for name, wanted in (("metadata", dict), ("kind", str), ("apiVersion", str)):
        if not isinstance(value.get(name), wanted | None):
            raise ApiError.bad_request(f"{kind} cannot be handled: json: cannot unmarshal {name} into Go struct field {kind}.{name}")
    return value


def read_apply(kind: Kind, body: bytes) -> dict[str, Any]:
    """The configuration of a server-side apply."""
    try:
        value = read_yaml(body)
    except ValueError as error:
        raise ApiError.bad_request(f"error decoding YAML: {error}") from error
    if not isinstance(value, dict) or (value.get("kind"), value.get("apiVersion")) != (kind.name, kind.api_version):
        given = value if isinstance(value, dict) else {}
        group, _, version = str(given.get("apiVersion") or "").rpartition("/")
        raise ApiError.bad_request(f"invalid object type: {group}/{version}, Kind={given.get('kind') or ''}")
    return shaped(kind.name, value)


def read_patch(form: PatchForm, body: bytes) -> Any:
    """A mapping, or a JSON patch's list of operations. ApiError 400 for anything else."""
    try:
        value = orjson.loads(body)
    except ValueError as error:
        why = "unexpected end of JSON input" if not body.strip() else str(error)
        raise ApiError.bad_request(f"error decoding patch: {why}") from error
    wanted = list if form == "json" else dict
    if not isinstance(value, wanted) or (form == "json" and not all(isinstance(each, dict) for each in value)):
        raise ApiError.bad_request("error decoding patch: json: cannot unmarshal it into a value of the patch's type")
    return value


def read_yaml(body: bytes) -> Any:
    """ValueError where it is not YAML, or holds what JSON cannot. JSON is YAML, and read much faster as such."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        value = yaml.load(body, _Loader)  # noqa: S506 - a SafeLoader
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def unknown_fields(kind: Type, value: Any, path: str = "") -> Iterator[str]:
    """The fields that the type does not have, as warnings name them. Directives of a strategic merge patch are none."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            child, below = kind.child(name), f"{path}.{name}" if path else str(name)
            if child is not None:
                yield from unknown_fields(child, item, below)
            elif kind.form == "struct" and not str(name).startswith("$"):
                yield below
    elif isinstance(value, list) and kind.element is not None:
        for position, item in enumerate(value):
            yield from unknown_fields(kind.element, item, f"{path}[{position}]")


def unknown_patched(kind: Type, form: PatchForm, patch: Any) -> Iterator[str]:
    """As `unknown_fields`, of what a patch puts in."""
    if form != "json":
        yield from unknown_fields(kind, patch)
        return
    for operation in patch:
        if operation.get("op") in ("add", "replace"):
            yield from _unknown_at(kind, str(operation.get("path", "")), operation.get("value"))


def _unknown_at(kind: Type, pointer: str, value: Any) -> Iterator[str]:
    path, inner = "", kind
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        child = inner.element if inner.element is not None and inner.form != "map" else inner.child(name)
        path = f"{path}[{name}]" if inner.element is not None and inner.form != "map" else f"{path}.{name}" if path else name
        if child is None:
            if inner.form == "struct":
                yield path
            return
        inner = child
    yield from unknown_fields(inner, value, path)
