"""Fields that cannot change once set, per kind. Source: ValidateUpdate of each registry strategy in Kubernetes 1.34."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcluster import quantity
from localcluster.errors import Cause, forbidden, invalid
from localcluster.schema import Kind

Body = Mapping[str, Any]
Rule = Callable[[Body, Body], Iterator[Cause]]


def causes(kind: Kind, old: Body, new: Body) -> list[Cause]:
    """Everything that an update may not change, and does."""
    found: list[Cause] = []
    for name in ("name", "namespace", "uid"):
        value = new["metadata"].get(name)
        if value != old["metadata"].get(name):
            found.append(invalid(f"metadata.{name}", value, "field is immutable"))
    if kind.name in _RULES:
        found.extend(_RULES[kind.name](old, new))
    return found


def _same(*path: str) -> Rule:
    def rule(old: Body, new: Body) -> Iterator[Cause]:
        before, after = _at(old, path), _at(new, path)
        if before != after:
            yield invalid(".".join(path), after, "field is immutable")

    return rule


def _at(body: Body, path: tuple[str, ...]) -> Any:
    value: Any = body
    for part in path:
        value = (value or {}).get(part)
    return value


def _all(*rules: Rule) -> Rule:
    def rule(old: Body, new: Body) -> Iterator[Cause]:
        for each in rules:
            yield from each(old, new)

    return rule


_STATEFUL_SET_MUTABLE = frozenset(
    (
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    )
)


def _stateful_set(old: Body, new: Body) -> Iterator[Cause]:
    before, after = old["spec"], new["spec"]
    if any(before.get(name) != after.get(name) for name in (before.keys() | after.keys()) - _STATEFUL_SET_MUTABLE):
        yield forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )


def _claim(old: Body, new: Body) -> Iterator[Cause]:
    before, after = _requested(old), _requested(new)
    bound = old["status"].get("phase") == "Bound"
    if _without_request(old, keep=not bound) != _without_request(new, keep=not bound):
        yield forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims")
    elif bound and after < before:
        yield forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")


def _requested(body: Body) -> Any:
    return quantity.parse(((body["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0")).value


def _without_request(body: Body, *, keep: bool) -> Body:
    # The binder may still name the volume, and an admission plugin the class.
    spec = {name: value for name, value in body["spec"].items() if name != "volumeName"}
    if not keep:
        resources = dict(spec.get("resources") or {})
        resources["requests"] = {name: value for name, value in (resources.get("requests") or {}).items() if name != "storage"}
        spec["resources"] = resources
    return spec


def _service(old: Body, new: Body) -> Iterator[Cause]:
    before, after = old["spec"], new["spec"]
    if before["type"] == "ExternalName" or after["type"] == "ExternalName":
        return
    for number, (was, now) in enumerate(zip(before.get("clusterIPs") or (), after.get("clusterIPs") or (), strict=False)):
        if was != now:
            yield invalid(f"spec.clusterIPs[{number}]", list(after["clusterIPs"]), "may not change once set")


def _frozen_data(*fields: str) -> Rule:
    def rule(old: Body, new: Body) -> Iterator[Cause]:
        if not old.get("immutable"):
            return
        if not new.get("immutable"):
            yield forbidden("immutable", "field is immutable when `immutable` is set")
        for name in fields:
            if old.get(name) != new.get(name):
                yield forbidden(name, "field is immutable when `immutable` is set")

    return rule


def _role_binding(old: Body, new: Body) -> Iterator[Cause]:
    if old["roleRef"] != new["roleRef"]:
        yield invalid("roleRef", dict(new["roleRef"]), "cannot change roleRef")


def _storage_class(old: Body, new: Body) -> Iterator[Cause]:
    for name in ("parameters", "provisioner", "reclaimPolicy"):
        if old.get(name) != new.get(name):
            yield forbidden(name, f"updates to {name} are forbidden.")


_POD_MUTABLE = frozenset(("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"))


def _pod(old: Body, new: Body) -> Iterator[Cause]:
    def fixed(spec: Body) -> Body:
        kept = {name: value for name, value in spec.items() if name not in _POD_MUTABLE}
        for group in ("containers", "initContainers"):
            if kept.get(group):
                kept[group] = [{name: value for name, value in item.items() if name != "image"} for item in kept[group]]
        return kept

    if fixed(old["spec"]) != fixed(new["spec"]):
        yield forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )


_RULES: Mapping[str, Rule] = {
    "Deployment": _same("spec", "selector"),
    "ReplicaSet": _same("spec", "selector"),
    "DaemonSet": _same("spec", "selector"),
    "StatefulSet": _stateful_set,
    "Job": _all(_same("spec", "completionMode"), _same("spec", "selector"), _same("spec", "template")),
    "PersistentVolumeClaim": _claim,
    "Service": _service,
    "Secret": _all(_same("type"), _frozen_data("data")),
    "ConfigMap": _frozen_data("data", "binaryData"),
    "RoleBinding": _role_binding,
    "Pod": _pod,
    "StorageClass": _all(_storage_class, _same("volumeBindingMode")),
    "EndpointSlice": _same("addressType"),
}
