"""What the API server refuses, in its own words where they help: metadata, and per kind the rules that a wrong manifest is likely to break.

Far from all of its rules: what passes here may still be refused there. Immutable fields are in `localcluster.immutable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcluster import quantity
from localcluster.errors import Cause, forbidden, invalid, required, unsupported
from localcluster.schema import Kind
from localcluster.selectors import matches

Body = Mapping[str, Any]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
NAME_RULES: Mapping[str, tuple[re.Pattern[str], int, str]] = {
    "label": (_LABEL, 63, _LABEL_RULE),
    "label-1035": (_LABEL_1035, 63, _LABEL_1035_RULE),
    "subdomain": (_SUBDOMAIN, 253, _SUBDOMAIN_RULE),
    "path": (re.compile(r"(?!\.{1,2}$)[^/%]+"), 253, "may not contain '/' or '%'"),
}

_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def causes(kind: Kind, body: Body) -> list[Cause]:
    """Everything wrong with an object as it would be stored."""
    return [*metadata(kind, body.get("metadata") or {}), *_RULES.get(kind.name, _nothing)(body)]


def _nothing(body: Body) -> Iterator[Cause]:
    del body
    return iter(())


def metadata(kind: Kind, meta: Body) -> Iterator[Cause]:
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from _name("metadata.name", name, kind.name_rule)
    for field in ("labels", "annotations"):
        yield from _keys(f"metadata.{field}", meta.get(field) or {}, values=field == "labels")
    for finalizer in meta.get("finalizers") or ():
        if not _qualified(finalizer):
            yield invalid("metadata.finalizers", finalizer, _KEY_RULE)
        elif "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            yield invalid("metadata.finalizers", finalizer, "name is neither a standard finalizer name nor is it fully qualified")


def _name(field: str, value: str, rule: str) -> Iterator[Cause]:
    pattern, longest, why = NAME_RULES[rule]
    if len(value) > longest:
        yield invalid(field, value, f"must be no more than {longest} characters")
    if not pattern.fullmatch(value):
        yield invalid(field, value, why)


def _qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_QUALIFIED.fullmatch(name)) and len(name) <= 63 and (not slash or bool(_SUBDOMAIN.fullmatch(prefix)))


def _keys(field: str, pairs: Mapping[str, str], *, values: bool) -> Iterator[Cause]:
    for key, value in pairs.items():
        if not _qualified(key.lower() if not values else key):
            yield invalid(field, key, _KEY_RULE)
        if values and value and not _QUALIFIED.fullmatch(value):
            yield invalid(field, value, _VALUE_RULE)
        elif values and len(value) > 63:
            yield invalid(field, value, "must be no more than 63 characters")


def _workload(body: Body, restart: str = "Always") -> Iterator[Cause]:
    spec = body["spec"]
    if spec.get("replicas", 0) < 0:
        yield invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    labels = spec["template"]["metadata"].get("labels")
    if not spec.get("selector"):
        yield required("spec.selector")
    operators = [rule.get("operator", "") for rule in (spec.get("selector") or {}).get("matchExpressions") or ()]
    wrong = [position for position, operator in enumerate(operators) if operator not in ("In", "NotIn", "Exists", "DoesNotExist")]
    for position in wrong:
        yield invalid(f"spec.selector.matchExpressions[{position}].operator", operators[position], "not a valid selector operator")
    if wrong:
        yield invalid("spec.selector", spec["selector"], "invalid label selector")
    elif not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec")
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy != restart:
        yield unsupported("spec.template.spec.restartPolicy", policy, [restart])


def _pod_spec(spec: Body, path: str) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        yield required(f"{path}.containers")
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    seen: set[str] = set()
    for group in ("containers", "initContainers"):
        for position, container in enumerate(spec.get(group) or ()):
            at = f"{path}.{group}[{position}]"
            yield from _container(container, at, volumes)
            if container["name"] in seen:
                yield Cause("FieldValueDuplicate", f'Duplicate value: "{container["name"]}"', f"{at}.name")
            seen.add(container["name"])


def _container(container: Body, at: str, volumes: set[str]) -> Iterator[Cause]:
    if not container["name"]:
        yield required(f"{at}.name")
    else:
        yield from _name(f"{at}.name", container["name"], "label")
    if not container.get("image"):
        yield required(f"{at}.image")
    for position, port in enumerate(container.get("ports") or ()):
        if not 0 < port["containerPort"] < 65536:
            yield invalid(f"{at}.ports[{position}].containerPort", port["containerPort"], "must be between 1 and 65535, inclusive")
    for position, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            yield required(f"{at}.env[{position}].name")
        if variable.get("value") and variable.get("valueFrom"):
            yield invalid(f"{at}.env[{position}].valueFrom", "", "may not be specified when `value` is not empty")
    for position, mount in enumerate(container.get("volumeMounts") or ()):
        if mount["name"] not in volumes:
            yield Cause("FieldValueNotFound", f'Not found: "{mount["name"]}"', f"{at}.volumeMounts[{position}].name")
    yield from _resources(container.get("resources") or {}, f"{at}.resources")


def _resources(resources: Body, at: str) -> Iterator[Cause]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        yield from _amounts(amounts, f"{at}.{field}")
    for name, amount in requests.items():
        if name in limits and quantity.parse(amount).value > quantity.parse(limits[name]).value:
            yield invalid(f"{at}.requests", amount, f"must be less than or equal to {name} limit of {limits[name]}")


def _amounts(amounts: Mapping[str, str], at: str) -> Iterator[Cause]:
    for name, amount in amounts.items():
        if quantity.parse(amount).value < 0:
            yield invalid(f"{at}[{name}]", amount, "must be greater than or equal to 0")


def _job(body: Body, at: str = "spec") -> Iterator[Cause]:
    spec = body["spec"]
    template = spec["template"]["spec"]
    yield from _pod_spec(template, f"{at}.template.spec")
    if template.get("restartPolicy") not in ("OnFailure", "Never"):
        yield required(f"{at}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _cron_job(body: Body) -> Iterator[Cause]:
    if len(body["metadata"].get("name", "")) > 52:
        yield invalid("metadata.name", body["metadata"]["name"], "must be no more than 52 characters")
    if not body["spec"].get("schedule"):
        yield required("spec.schedule")
    yield from _job(body["spec"]["jobTemplate"], "spec.jobTemplate.spec")


def _service(body: Body) -> Iterator[Cause]:
    spec = body["spec"]
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        yield required("spec.ports")
    for position, port in enumerate(ports):
        at = f"spec.ports[{position}]"
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{at}.name")
        if not 0 < port["port"] < 65536:
            yield invalid(f"{at}.port", port["port"], "must be between 1 and 65535, inclusive")
    if spec["type"] not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        yield unsupported("spec.type", spec["type"], ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])


def _claim(body: Body) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    storage = (spec["resources"].get("requests") or {}).get("storage")
    if storage is None:
        yield required("spec.resources[storage]")
    elif quantity.parse(storage).value <= 0:
        yield invalid("spec.resources[storage]", storage, "must be greater than zero")


def _quota(body: Body) -> Iterator[Cause]:
    yield from _amounts(body["spec"].get("hard") or {}, "spec.hard")


def _ingress(body: Body) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    for position, rule in enumerate(spec.get("rules") or ()):
        at = f"spec.rules[{position}]"
        host = rule.get("host", "")
        if host and not _SUBDOMAIN.fullmatch(host.removeprefix("*.")):
            yield invalid(f"{at}.host", host, NAME_RULES["subdomain"][2])
        for number, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            if not path.get("pathType"):
                yield required(f"{at}.http.paths[{number}].pathType", "pathType must be specified")


def _role_binding(body: Body) -> Iterator[Cause]:
    reference = body["roleRef"]
    if reference["kind"] not in ("Role", "ClusterRole"):
        yield unsupported("roleRef.kind", reference["kind"], ["ClusterRole", "Role"])
    if not reference["name"]:
        yield required("roleRef.name")


def _pod(body: Body) -> Iterator[Cause]:
    yield from _pod_spec(body["spec"], "spec")


def _data(body: Body) -> Iterator[Cause]:
    for key in body.get("data") or ():
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key) or key in (".", ".."):
            yield invalid(f"data[{key}]", key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
                          "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')")  # fmt: skip


def _event(body: Body) -> Iterator[Cause]:
    namespace = body["involvedObject"].get("namespace", "")
    # Events about cluster-scoped objects live in `default`.
    if namespace != body["metadata"].get("namespace") and (namespace or body["metadata"].get("namespace") != "default"):
        yield invalid("involvedObject.namespace", namespace, "does not match event.namespace")


def _storage_class(body: Body) -> Iterator[Cause]:
    provisioner = body["provisioner"]
    if not provisioner:
        yield required("provisioner")
    elif not _qualified(provisioner.lower()):
        yield invalid("provisioner", provisioner.lower(), _KEY_RULE)
    for field, allowed in (("reclaimPolicy", ("Delete", "Retain")), ("volumeBindingMode", ("Immediate", "WaitForFirstConsumer"))):
        if body[field] not in allowed:
            yield unsupported(field, body[field], allowed)


def _endpoint_slice(body: Body) -> Iterator[Cause]:
    kind, allowed = body["addressType"], ("FQDN", "IPv4", "IPv6")
    if not kind:
        yield required("addressType")
    elif kind not in allowed:
        yield unsupported("addressType", kind, allowed)
    for position, endpoint in enumerate(body.get("endpoints") or ()):
        if not endpoint.get("addresses"):
            yield required(f"endpoints[{position}].addresses", "must contain at least 1 address")
    names: set[str] = set()
    for position, port in enumerate(body.get("ports") or ()):
        if port["name"] in names:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{port["name"]}"', f"ports[{position}].name")
        names.add(port["name"])


_RULES: Mapping[str, Callable[[Body], Iterator[Cause]]] = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "ReplicaSet": _workload,
    "Job": _job,
    "CronJob": _cron_job,
    "Pod": _pod,
    "Event": _event,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "ResourceQuota": _quota,
    "Ingress": _ingress,
    "RoleBinding": _role_binding,
    "Secret": _data,
    "ConfigMap": _data,
    "StorageClass": _storage_class,
    "EndpointSlice": _endpoint_slice,
}


def no_new_finalizers(old: Body, new: Body) -> Iterator[Cause]:
    """An object that is being deleted may only lose finalizers."""
    before = set(old.get("finalizers") or ())
    extra = [name for name in new.get("finalizers") or () if name not in before]
    if old.get("deletionTimestamp") and extra:
        listed = ", ".join(f'"{name}"' for name in extra)
        yield forbidden(
            "metadata.finalizers",
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}",
        )
