"""The verbs on objects and collections: each request is one call of the store, whose lock is free again before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcluster.api.decoding import (
    APPLY_YAML,
    PATCH_FORMS,
    read_apply,
    read_object,
    read_patch,
    unknown_fields,
    unknown_patched,
)
from localcluster.api.discovery import subresources
from localcluster.api.logs import Logs
from localcluster.api.options import DeleteOptions, delete_options, strict_error, write_options
from localcluster.api.podlog import read_log
from localcluster.api.representation import Representation, representation
from localcluster.api.routes import Target
from localcluster.api.scale import Scales
from localcluster.api.watching import watch_lines
from localcluster.api.wire import JSON, Request, Response, dump
from localcluster.errors import ApiError, Cause
from localcluster.listing import Listing
from localcluster.objects import Store
from localcluster.schema import Kind

Body = Mapping[str, Any]
Handler = Callable[[Request, Target], Response]

# Their deletion is answered with the object, as the real server's registries differ; all others with a Status.
_RETURNED = frozenset({"Namespace", "Node", "PersistentVolumeClaim", "Pod", "ResourceQuota", "Service", "ServiceAccount"})


class Resources:
    """All kinds alike. Thread-safe."""

    def __init__(self, store: Store, logs: Logs | None) -> None:
        self._store = store
        self._logs = logs
        self._scales = Scales(store)
        self._on_collection: Mapping[str, Handler] = {"GET": self._list, "POST": self._create, "DELETE": self._delete_all}
        self._on_object: Mapping[str, Handler] = {"GET": self._get, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete}
        self._on_part: Mapping[tuple[str, str], Handler] = {
            ("log", "GET"): lambda request, target: read_log(self._store, self._logs, request, target),
            ("eviction", "POST"): self._evict,
            ("scale", "GET"): self._scales.get,
            ("scale", "PUT"): self._scales.update,
            ("scale", "PATCH"): self._scales.patch,
            ("status", "GET"): self._get,
            ("status", "PUT"): self._update,
            ("status", "PATCH"): self._patch,
        }

    def answer(self, request: Request, target: Target) -> Response:
        """ApiError 405 for what cannot be done with a resource."""
        return self._handler(request.method, target)(request, target)

    def _handler(self, method: str, target: Target) -> Handler:
        if target.subresource:
            if target.subresource not in subresources(target.kind):
                raise ApiError.unknown_resource()
            handler = self._on_part.get((target.subresource, method))
        elif target.name:
            handler = self._on_object.get(method)
        else:
            handler = self._on_collection.get(method)
            everywhere = target.kind.namespaced and not target.namespace
            if method != "GET" and (everywhere or (method == "DELETE" and target.kind.name == "Namespace")):
                handler = None
        if handler is None:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return handler

    # Reading

    def _get(self, request: Request, target: Target) -> Response:
        shape = self._shape(request, target.kind)
        self._check_version(request, exact=False)
        return shape.response(shape.object(self._store.get(target.kind.name, target.namespace, target.name)))

    def _list(self, request: Request, target: Target) -> Response:
        query, shape = request.query, self._shape(request, target.kind)
        fields, labels = query.text("fieldSelector"), query.text("labelSelector")
        if query.flag("watch"):
            return Response(200, watch_lines(self._store, query, shape, target.namespace, fields), JSON)
        query.number("timeoutSeconds")
        self._check_version(request, exact=True)
        page = self._store.list(
            target.kind.name,
            namespace=target.namespace,
            label_selector=labels,
            field_selector=fields,
            limit=max(0, query.number("limit") or 0),
            token=query.text("continue"),
        )
        return shape.response(shape.listing(page))

    def _check_version(self, request: Request, *, exact: bool) -> None:
        """Reads are always of now: fresh enough for every version that there was, and refused where exactly an older one is wanted."""
        asked = request.query.text("resourceVersion")
        if not asked or request.query.text("continue"):
            return
        if not asked.isdigit():
            why = f'resourceVersion: Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
            raise ApiError.bad_request(f"invalid resource version: {why}")
        current = int(self._store.version)
        if int(asked) > current:
            cause = Cause("ResourceVersionTooLarge", "Too large resource version", "")
            message = f"Timeout: Too large resource version: {asked}, current: {current}"
            raise ApiError(504, "Timeout", message, details={"retryAfterSeconds": 1}, causes=[cause])
        if exact and request.query.text("resourceVersionMatch") == "Exact" and int(asked) < current:
            raise ApiError.expired("The resourceVersion for the provided list is too old.")

    # Writing

    def _create(self, request: Request, target: Target) -> Response:
        kind, shape = target.kind, self._shape(request, target.kind)
        options = write_options(request, "CreateOptions")
        body = read_object(kind.name, request.media_type, request.body)
        unknown = list(unknown_fields(kind.type, body))
        strict_error(kind, options, unknown)
        made = self._store.create(kind.name, body, manager=options.manager, namespace=target.namespace, dry_run=options.dry_run)
        return shape.response(shape.object(made), 201, options.unknown(unknown))

    def _update(self, request: Request, target: Target) -> Response:
        kind, shape = target.kind, self._shape(request, target.kind)
        options = write_options(request, "UpdateOptions")
        body = read_object(kind.name, request.media_type, request.body)
        unknown = list(unknown_fields(kind.type, body))
        strict_error(kind, options, unknown)
        new = self._store.update(
            kind.name,
            target.namespace,
            target.name,
            body,
            manager=options.manager,
            subresource=target.subresource,
            dry_run=options.dry_run,
        )
        return shape.response(shape.object(new), 200, options.unknown(unknown))

    def _patch(self, request: Request, target: Target) -> Response:
        if request.media_type == APPLY_YAML:
            return self._apply(request, target)
        kind, shape = target.kind, self._shape(request, target.kind)
        form = PATCH_FORMS.get(request.media_type)
        if form is None:
            raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        options = write_options(request, "PatchOptions")
        patch = read_patch(form, request.body)
        unknown = list(unknown_patched(kind.type, form, patch))
        strict_error(kind, options, unknown, patch=request.body)
        new = self._store.patch(
            kind.name,
            target.namespace,
            target.name,
            patch,
            form=form,
            manager=options.manager,
            subresource=target.subresource,
            dry_run=options.dry_run,
        )
        return shape.response(shape.object(new), 200, options.unknown(unknown))

    def _apply(self, request: Request, target: Target) -> Response:
        kind, shape = target.kind, self._shape(request, target.kind)
        options = write_options(request, "PatchOptions", applies=True)
        config = read_apply(kind, request.body)
        existed = self._exists(target)
        new = self._store.apply(
            kind.name,
            target.namespace,
            target.name,
            config,
            manager=options.manager,
            force=options.force,
            subresource=target.subresource,
            dry_run=options.dry_run,
        )
        return shape.response(shape.object(new), 200 if existed else 201)

    def _exists(self, target: Target) -> bool:
        try:
            self._store.get(target.kind.name, target.namespace, target.name)
        except ApiError:
            return False
        return True

    # Deleting

    def _delete(self, request: Request, target: Target) -> Response:
        kind, shape = target.kind, self._shape(request, target.kind)
        options = delete_options(request, kind)
        last = self._store.get(kind.name, target.namespace, target.name)
        left = self._delete_one(target, options)
        if left is not None and not options.dry_run:
            return shape.response(shape.object(left))
        if kind.name in _RETURNED:
            return shape.response(shape.object(last))
        group = {"group": kind.group} if kind.group else {}
        details = {"name": target.name, **group, "kind": kind.plural, "uid": last["metadata"]["uid"]}
        return Response(200, dump(_success(details=details)))

    def _delete_one(self, target: Target, options: DeleteOptions) -> Body | None:
        return self._store.delete(
            target.kind.name,
            target.namespace,
            target.name,
            uid=options.uid,
            resource_version=options.resource_version,
            propagation=options.propagation,
            grace_seconds=options.grace_seconds,
            dry_run=options.dry_run,
        )

    def _delete_all(self, request: Request, target: Target) -> Response:
        kind, query, shape = target.kind, request.query, self._shape(request, target.kind)
        options = delete_options(request, kind)
        labels, fields = query.text("labelSelector"), query.text("fieldSelector")
        page = self._store.list(kind.name, namespace=target.namespace, label_selector=labels, field_selector=fields)
        for body in page.items:
            try:
                self._delete_one(Target(kind, target.namespace, body["metadata"]["name"]), options)
            except ApiError as error:
                if error.code != 404:  # gone meanwhile
                    raise
        return shape.response(shape.listing(Listing(page.items, self._store.version)))

    def _evict(self, request: Request, target: Target) -> Response:
        """There are no disruption budgets: an eviction is a deletion."""
        body = read_object("Eviction", request.media_type, request.body)
        nested = body.get("deleteOptions") or {}
        options = delete_options(Request(request.method, (), request.query, {}, dump(nested) if nested else b""), target.kind)
        self._delete_one(target, options)
        return Response(201, dump(_success(code=201)))

    def _shape(self, request: Request, kind: Kind) -> Representation:
        return representation(request, kind, self._store.now())


def _success(**rest: Any) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", **rest}
