"""Requests, before anything is done: are they addressed to the object they speak of, are preconditions met, what would they make of it.

Each raises the ApiError with which the API server would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from localcluster import jsonpatch, marshal, mergepatch, typed
from localcluster.errors import ApiError, Cause, invalid
from localcluster.schema import KINDS, Kind
from localcluster.selectors import Predicate, both, fields, labels

Body = dict[str, Any]
PatchForm = Literal["json", "merge", "strategic"]


def known_kind(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        raise ApiError.unknown_resource()
    return kind


def selection(kind: Kind, label_selector: str, field_selector: str) -> Predicate | None:
    if not label_selector and not field_selector:
        return None
    return both(labels(label_selector) if label_selector else None, fields(kind, field_selector) if field_selector else None)


def check_address(kind: Kind, body: Mapping[str, Any], namespace: str, name: str | None) -> None:
    """What the body says of itself must fit the address it is sent to."""
    version = kind.api_version.rpartition("/")[2]
    if body.get("kind", kind.name) != kind.name or body.get("apiVersion", kind.api_version) != kind.api_version:
        given, given_version = body.get("kind", ""), str(body.get("apiVersion", "")).rpartition("/")[2]
        raise ApiError.bad_request(f'{given} in version "{given_version or version}" cannot be handled as a {kind.name}')
    meta = body.get("metadata") or {}
    if kind.namespaced and meta.get("namespace", namespace) != namespace:
        raise ApiError.bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if name is not None and meta.get("name", name) != name:
        raise ApiError.bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")


def check_apply(kind: Kind, config: Mapping[str, Any], namespace: str, name: str, manager: str) -> None:
    if not manager:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        details = {"group": "meta.k8s.io", "kind": "PatchOptions"}
        raise ApiError(422, "Invalid", message, details=details, causes=[cause])
    if (config.get("metadata") or {}).get("managedFields") is not None:
        raise ApiError.bad_request("metadata.managedFields must be nil")
    check_address(kind, config, namespace, name)
    try:
        typed.check(kind.type, config)
    except typed.TypeMismatch as error:
        gvk = f"/{kind.api_version}" if not kind.group else kind.api_version
        where = f"{(config.get('metadata') or {}).get('namespace', '')}/{name}"
        raise ApiError.internal(f"failed to create typed patch object ({where}; {gvk}, Kind={kind.name}): {error}") from error


def check_preconditions(kind: Kind, live: Body, uid: str | None, resource_version: str | None) -> None:
    meta = live["metadata"]
    for title, asked, found, guess in (
        ("UID", uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", resource_version, meta["resourceVersion"], "modified"),
    ):
        if asked is not None and asked != found:
            why = f"the {title} in the precondition ({asked}) does not match the {title} in record ({found}). "
            raise ApiError.precondition(kind, meta["name"], f"{why}The object might have been {guess}")


def patched(kind: Kind, live: Body, patch: Any, form: PatchForm) -> Body:
    """The patched object, still as it came. The server answers a result that is no such object with the whole of it in the message."""
    try:
        if form == "json":
            body = jsonpatch.patch(live, patch)
        else:
            body = mergepatch.merge(live, patch) if form == "merge" else mergepatch.strategic(kind.type, live, patch)
    except (TypeError, AttributeError) as error:  # of shapes that neither a directive nor a keyed list has
        raise _undecodable(patch, "cannot restore struct from it") from error
    except jsonpatch.PatchError as error:
        raise (ApiError.bad_request(str(error)) if error.malformed else ApiError.unprocessable()) from error
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict | None):
        raise _undecodable(body, f"json: cannot unmarshal it into Go struct field {kind.name}.metadata of type v1.ObjectMeta")
    meta, name = body.get("metadata") or {}, live["metadata"]["name"]
    if not meta.get("name"):
        raise ApiError.bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if kind.namespaced and not meta.get("namespace"):
        body = {**body, "metadata": {**meta, "namespace": live["metadata"]["namespace"]}}
    if (body.get("kind"), body.get("apiVersion")) != (kind.name, kind.api_version):
        raise _undecodable(body, f"unable to decode: {body.get('apiVersion')}, Kind={body.get('kind')}")
    try:
        marshal.decode(kind, body)
    except marshal.DecodeError as error:
        raise _undecodable(body, str(error)) from error
    return body


def _undecodable(body: Any, why: str) -> ApiError:
    cause = invalid("patch", json.dumps(body), why)
    return ApiError(422, "Invalid", f' "" is invalid: patch: {cause.message}', causes=[cause])
