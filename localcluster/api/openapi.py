"""OpenAPI v3, as far as kubectl needs it: that writes take `fieldValidation`, `fieldManager`, `dryRun` and `force`.

Types of objects are not described: `kubectl explain` has nothing to show.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from localcluster.api.routes import resources, versions
from localcluster.api.wire import dump
from localcluster.schema import Kind


@cache
def index() -> bytes:
    """Where the documents are. The hash lets clients keep them."""
    paths: dict[str, Any] = {}
    for version in sorted(versions()):
        path = _path(version)
        digest = hashlib.sha512(document(path) or b"").hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return dump({"paths": paths})


@cache
def document(path: str) -> bytes | None:
    """The description of one version (`api/v1`, `apis/apps/v1`); None where there is none such."""
    kinds = [kind for kind in resources().values() if _path(kind.api_version) == path]
    if not kinds:
        return None
    described: dict[str, Any] = {}
    for kind in kinds:
        base = f"/{path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{path}/{kind.plural}"
        described[base] = {"post": _operation(kind, "post")}
        described[f"{base}/{{name}}"] = {"put": _operation(kind, "put"), "patch": _operation(kind, "patch")}
    info = {"title": "Storeyard pocket cluster", "version": "v1.34.0"}
    return dump({"openapi": "3.0.0", "info": info, "paths": described})


def _path(version: str) -> str:
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _operation(kind: Kind, action: str) -> dict[str, Any]:
    names = ["dryRun", "fieldManager", "fieldValidation"]
    parameters: list[dict[str, Any]] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    if action == "patch":
        parameters.append({"name": "force", "in": "query", "schema": {"type": "boolean"}})
    group, _, version = kind.api_version.rpartition("/")
    return {
        "operationId": f"{action}{kind.name}",
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind.name},
    }
