"""Kinds and their types: how each is addressed, marshalled and merged.

`types.json` holds the Go types of the kinds below, as struct tags and OpenAPI describe them (`typegen/main.go` prints it). A field reads
"[ptr|always] TYPE [merge=KEY] [retain] [required] [default=VALUE]":

- `ptr`: an explicit zero is kept; `always`: the zero is written even when unset; neither: left out when empty.
- TYPE: `string int bool float quantity intstr time microtime bytes any`, a struct's name, `map T`, `list T` (atomic), `set T`,
  `keyed(k1,k2) T`; `frozen` before a map or struct makes it atomic for server-side apply.
- `merge=KEY`: how a strategic merge patch addresses the list's items (no KEY: by value).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

LEAVES = frozenset({"string", "int", "bool", "float", "quantity", "intstr", "time", "microtime", "bytes", "any"})


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `form` is leaf, struct, map, list, set or keyed; `name` that of a leaf or struct; `keys` those of a keyed list."""

    form: str
    name: str = ""
    element: Type | None = None
    keys: tuple[str, ...] = ()
    frozen: bool = False

    @property
    def atomic(self) -> bool:
        """Whether server-side apply takes the value as a whole."""
        return self.frozen or self.form in ("leaf", "list")

    @property
    def item(self) -> Type:
        """The type of a container's elements."""
        if self.element is None:
            raise TypeError(f"{self.form} {self.name} has no elements")
        return self.element

    @property
    def fields(self) -> Mapping[str, Field]:
        """A struct's fields; none for other forms."""
        return struct(self.name) if self.form == "struct" else {}

    def child(self, name: str) -> Type | None:
        """The type of a member of a struct or map."""
        if self.form == "map":
            return self.element
        field = self.fields.get(name)
        return field.type if field else None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct; see the module's docstring."""

    type: Type
    pointer: bool = False
    always: bool = False
    merge_key: str | None = None
    retain_keys: bool = False
    required: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. `generation`: the server counts changes of spec; `name_rule`: see `validate.NAME_RULES`."""

    name: str
    api_version: str
    plural: str
    namespaced: bool = True
    status: bool = False
    generation: bool = False
    name_rule: str = "subdomain"

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def resource(self) -> str:
        """As error messages name it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def type(self) -> Type:
        return Type("struct", self.name)


_NETWORKING, _RBAC, _COORDINATION = "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", "coordination.k8s.io/v1"

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Namespace", "v1", "namespaces", namespaced=False, status=True, name_rule="label"),
        Kind("Secret", "v1", "secrets"),
        Kind("ConfigMap", "v1", "configmaps"),
        Kind("Service", "v1", "services", status=True, name_rule="label-1035"),
        Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims", status=True),
        Kind("ResourceQuota", "v1", "resourcequotas", status=True),
        Kind("LimitRange", "v1", "limitranges"),
        Kind("ServiceAccount", "v1", "serviceaccounts"),
        Kind("Pod", "v1", "pods", status=True, generation=True),
        Kind("Event", "v1", "events"),
        Kind("Deployment", "apps/v1", "deployments", status=True, generation=True),
        Kind("ReplicaSet", "apps/v1", "replicasets", status=True, generation=True),
        Kind("StatefulSet", "apps/v1", "statefulsets", status=True, generation=True),
        Kind("DaemonSet", "apps/v1", "daemonsets", status=True, generation=True),
        Kind("Job", "batch/v1", "jobs", status=True, generation=True),
        Kind("CronJob", "batch/v1", "cronjobs", status=True, generation=True),
        Kind("NetworkPolicy", _NETWORKING, "networkpolicies", generation=True),
        Kind("Ingress", _NETWORKING, "ingresses", status=True, generation=True),
        Kind("Role", _RBAC, "roles", name_rule="path"),
        Kind("RoleBinding", _RBAC, "rolebindings", name_rule="path"),
        Kind("Lease", _COORDINATION, "leases"),
        Kind("Node", "v1", "nodes", namespaced=False, status=True),
        Kind("StorageClass", "storage.k8s.io/v1", "storageclasses", namespaced=False),
        Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices", generation=True),
    )
}


@cache
def _structs() -> Mapping[str, Mapping[str, str]]:
    return json.loads(resources.files("localcluster").joinpath("types.json").read_text(encoding="utf-8"))


@cache
def struct(name: str) -> Mapping[str, Field]:
    """The fields of a struct by their JSON names."""
    return {field: _field(text) for field, text in _structs()[name].items()}


def _field(text: str) -> Field:
    words = text.split()
    flags = {word for word in words if word in ("ptr", "always", "retain", "required")}
    options = dict(word.split("=", 1) for word in words if "=" in word)
    expression = [word for word in words if word not in flags and "=" not in word]
    return Field(
        type=_type(expression),
        pointer="ptr" in flags,
        always="always" in flags,
        merge_key=options.get("merge"),
        retain_keys="retain" in flags,
        required="required" in flags,
        default=options.get("default"),
    )


def _type(words: list[str]) -> Type:
    head, rest = words[0], words[1:]
    if head == "frozen":
        inner = _type(rest)
        return Type(inner.form, inner.name, inner.element, inner.keys, frozen=True)
    if head in ("map", "list", "set"):
        return Type(head, element=_type(rest))
    if head.startswith("keyed("):
        return Type("keyed", element=_type(rest), keys=tuple(head[len("keyed(") : -1].split(",")))
    return Type("leaf", head) if head in LEAVES else Type("struct", head)
