"""Discovery: which groups, versions, resources and verbs there are, in the old form (a document per version) and the aggregated one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from localcluster.api import reviews
from localcluster.api.routes import versions
from localcluster.api.wire import Request, Response, dump
from localcluster.schema import KINDS, Kind

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
SCALABLE = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})
_SHORT_NAMES: Mapping[str, list[str]] = {
    "ConfigMap": ["cm"],
    "CronJob": ["cj"],
    "DaemonSet": ["ds"],
    "Deployment": ["deploy"],
    "Event": ["ev"],
    "Ingress": ["ing"],
    "LimitRange": ["limits"],
    "Namespace": ["ns"],
    "NetworkPolicy": ["netpol"],
    "Node": ["no"],
    "PersistentVolumeClaim": ["pvc"],
    "Pod": ["po"],
    "ReplicaSet": ["rs"],
    "ResourceQuota": ["quota"],
    "Secret": [],
    "Service": ["svc"],
    "ServiceAccount": ["sa"],
    "StatefulSet": ["sts"],
    "StorageClass": ["sc"],
}
_IN_ALL = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "Service", "StatefulSet"})
# As the real server orders its own; kubectl takes the first that has a resource of a name.
_ORDER = (
    "apps",
    "authorization.k8s.io",
    "batch",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "coordination.k8s.io",
)
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"

Entry = dict[str, Any]


def subresources(kind: Kind) -> dict[str, Entry]:
    """By name: what a subresource's objects are, and what can be done with it."""
    found: dict[str, Entry] = {}
    if kind.name == "Pod":
        found["eviction"] = {"group": "policy", "version": "v1", "kind": "Eviction", "verbs": ["create"]}
        found["log"] = {"kind": "Pod", "verbs": ["get"]}
    if kind.name in SCALABLE:
        found["scale"] = {"group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]}
    if kind.status:
        found["status"] = {"kind": kind.name, "verbs": ["get", "patch", "update"]}
    return found


class Discovery:
    """The documents, made once: kinds do not come and go."""

    def __init__(self) -> None:
        groups: dict[str, list[str]] = {}
        for version in sorted({*versions(), reviews.API_VERSION}):
            if "/" in version:
                groups.setdefault(version.partition("/")[0], []).append(version)
        self._groups = dict(sorted(groups.items(), key=lambda item: (_ORDER.index(item[0]) if item[0] in _ORDER else len(_ORDER), item[0])))
        self._lists = {version: _resource_list(version) for version in (*versions(), reviews.API_VERSION)}

    def answer(self, request: Request) -> Response | None:
        """None for an address that is none of discovery's."""
        segments = request.segments
        if segments in (("api",), ("apis",)):
            return self._aggregated(request) or Response(200, dump(_CORE if segments == ("api",) else self._group_list()))
        if segments[:1] == ("apis",) and len(segments) == 2 and segments[1] in self._groups:
            return Response(200, dump({"kind": "APIGroup", "apiVersion": "v1", **self._group(segments[1])}))
        version = "/".join(segments[1:])
        is_core = segments == ("api", "v1")
        if version not in self._lists or not (is_core or (segments[0] == "apis" and version != "v1")):
            return None
        return Response(200, dump(self._lists[version]))

    def _group(self, name: str) -> Entry:
        entries = [{"groupVersion": version, "version": version.partition("/")[2]} for version in self._groups[name]]
        return {"name": name, "versions": entries, "preferredVersion": entries[0]}

    def _group_list(self) -> Entry:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(name) for name in self._groups]}

    def _aggregated(self, request: Request) -> Response | None:
        """Everything in one document, if that is what the client likes best."""
        best = next(iter(request.accepted), None)
        if best is None or best.form != "APIGroupDiscoveryList":
            return None
        groups = {"": ["v1"]} if request.segments == ("api",) else self._groups
        items = [
            {"metadata": {"name": name} if name else {}, "versions": [self._version(version) for version in members]}
            for name, members in groups.items()
        ]
        version = f"apidiscovery.k8s.io/{best.version}"
        body = dump({"kind": "APIGroupDiscoveryList", "apiVersion": version, "metadata": {}, "items": items})
        etag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
        headers = [("ETag", etag), ("Vary", "Accept")]
        if request.headers.get("if-none-match") == etag:
            return Response(304, b"", _AGGREGATED.format(best.version), headers)
        return Response(200, body, _AGGREGATED.format(best.version), headers)

    def _version(self, version: str) -> Entry:
        found: list[Entry] = []
        for entry in self._lists[version]["resources"]:
            name, _, part = entry["name"].partition("/")
            kind = {"group": entry.get("group", ""), "version": entry.get("version", ""), "kind": entry["kind"]}
            if part:
                sub = {"subresource": part, "responseKind": kind, "verbs": entry["verbs"]}
                found[-1].setdefault("subresources", []).append(sub)
                continue
            extra = {key: entry[key] for key in ("shortNames", "categories") if key in entry}
            scope = "Namespaced" if entry["namespaced"] else "Cluster"
            singular = entry["singularName"]
            found.append(
                {"resource": name, "responseKind": kind, "scope": scope, "singularResource": singular, "verbs": entry["verbs"], **extra}
            )
        return {"version": version.rpartition("/")[2], "resources": found, "freshness": "Current"}


_CORE = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _resource_list(version: str) -> Entry:
    found = [entry for kind in KINDS.values() if kind.api_version == version for entry in _entries(kind)]
    if version == reviews.API_VERSION:
        singular = reviews.KIND.lower()
        found.append({"name": reviews.PLURAL, "singularName": singular, "namespaced": False, "kind": reviews.KIND, "verbs": ["create"]})
    found.sort(key=lambda entry: entry["name"])
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}


def _entries(kind: Kind) -> list[Entry]:
    # A namespace is deleted by its name only.
    verbs = [verb for verb in VERBS if verb != "deletecollection" or kind.name != "Namespace"]
    main: Entry = {
        "name": kind.plural, "singularName": kind.name.lower(), "namespaced": kind.namespaced, "kind": kind.name, "verbs": verbs
    }  # fmt: skip
    if names := _SHORT_NAMES.get(kind.name):
        main["shortNames"] = names
    if kind.name in _IN_ALL:
        main["categories"] = ["all"]
    parts = [
        {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, **sub}
        for name, sub in subresources(kind).items()
    ]
    return [main, *parts]
