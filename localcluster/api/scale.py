"""The `scale` subresource of workloads: an autoscaling/v1 Scale that shows, and changes, how many replicas there are to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster import jsonpatch, mergepatch
from localcluster.api.decoding import PATCH_FORMS, read_object, read_patch
from localcluster.api.options import WriteOptions, refuse, write_options
from localcluster.api.routes import Target
from localcluster.api.wire import Request, Response, dump
from localcluster.errors import ApiError, Cause, invalid
from localcluster.objects import Store

Body = Mapping[str, Any]
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


class Scales:
    """Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, request: Request, target: Target) -> Response:  # noqa: ARG002
        return Response(200, dump(_scale(self._live(target))))

    def update(self, request: Request, target: Target) -> Response:
        options = write_options(request, "UpdateOptions")
        return self._write(target, read_object("Scale", request.media_type, request.body), options)

    def patch(self, request: Request, target: Target) -> Response:
        form = PATCH_FORMS.get(request.media_type)
        if form is None:
            raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        options = write_options(request, "PatchOptions")
        patch, scale = read_patch(form, request.body), _scale(self._live(target))
        if form != "json":
            # Which version the client has seen is what it says itself, not what is shown now.
            unseen = {**scale, "metadata": {name: value for name, value in scale["metadata"].items() if name != "resourceVersion"}}
            return self._write(target, mergepatch.merge(unseen, patch), options)
        try:
            return self._write(target, jsonpatch.patch(scale, patch), options)
        except jsonpatch.PatchError as error:
            raise (ApiError.bad_request(str(error)) if error.malformed else ApiError.unprocessable()) from error

    def _live(self, target: Target) -> Body:
        return self._store.get(target.kind.name, target.namespace, target.name)

    def _write(self, target: Target, scale: Any, options: WriteOptions) -> Response:
        replicas, version = _asked(scale, target.name)
        meta = {"resourceVersion": version} if version else {}
        new = self._store.patch(
            target.kind.name,
            target.namespace,
            target.name,
            {"metadata": meta, "spec": {"replicas": replicas}},
            form="merge",
            manager=options.manager,
            subresource="scale",
            dry_run=options.dry_run,
        )
        return Response(200, dump(_scale(new)))


def _asked(scale: Any, name: str) -> tuple[int, str]:
    """The replicas, and the version that the client has seen ('' if it says none)."""
    parts: list[Any] = [scale.get(part) or {} if isinstance(scale, Mapping) else None for part in ("metadata", "spec")]
    if not all(isinstance(part, Mapping) for part in parts):
        raise ApiError.bad_request("Scale cannot be handled: json: cannot unmarshal it into a value of type v1.Scale")
    meta, spec = parts
    replicas, version = spec.get("replicas") or 0, meta.get("resourceVersion") or ""
    if isinstance(replicas, bool) or not isinstance(replicas, int) or not isinstance(version, str):
        cause = Cause(
            "FieldValueInvalid", "Invalid value: json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32", "patch"
        )
        raise ApiError(422, "Invalid", f' "" is invalid: patch: {cause.message}', causes=[cause])
    if replicas < 0:
        refuse("Scale", [invalid("spec.replicas", replicas, "must be greater than or equal to 0")], name=name, group="autoscaling")
    return replicas, version


def _scale(body: Body) -> dict[str, Any]:
    replicas = body["spec"].get("replicas", 1)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: body["metadata"][name] for name in _SHOWN if name in body["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": (body.get("status") or {}).get("replicas", 0),
            "selector": selector_text(body["spec"].get("selector") or {}),
        },
    }


def selector_text(selector: Body) -> str:
    """In the form of a list's labelSelector."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule.get("key", ""), f"({','.join(sorted(rule.get('values') or ()))})"
        forms = {"In": f"{key} in {values}", "NotIn": f"{key} notin {values}", "Exists": key, "DoesNotExist": f"!{key}"}
        terms.append(forms.get(rule.get("operator", ""), key))
    return ",".join(terms)
