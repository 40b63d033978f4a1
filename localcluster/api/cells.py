"""What kubectl's columns hold, kind by kind. Source: the print functions in Kubernetes' pkg/printers/internalversion.

Each takes an object, of which any part may be missing, and the time; the cells are in the order of the kind's columns (`tables`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from localcluster.api.ages import UNKNOWN, age, duration, moment
from localcluster.api.scale import selector_text

Body = Mapping[str, Any]
Cells = Sequence[Any]
NONE, UNSET = "<none>", "<unset>"
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_ROLE = "node-role.kubernetes.io/"


def _name(body: Body) -> str:
    return body["metadata"].get("name", "")


def _age(body: Body, now: datetime) -> str:
    return age(body["metadata"].get("creationTimestamp"), now)


def _part(body: Body, *path: str) -> Body:
    for name in path:
        body = body.get(name) or {}
    return body


def _pod_parts(spec: Body) -> list[str]:
    """Containers and images of a pod's spec."""
    found = spec.get("containers") or ()
    return [",".join(each["name"] for each in found), ",".join(each.get("image", "") for each in found)]


def _selector(selector: Any) -> str:
    return (selector_text(selector) if selector is not None else "") or NONE


def _pairs(found: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or NONE


def plain(body: Body, now: datetime) -> Cells:
    return [_name(body), _age(body, now)]


def created_at(body: Body, now: datetime) -> Cells:  # noqa: ARG001
    return [_name(body), body["metadata"].get("creationTimestamp") or UNKNOWN]


def config_map(body: Body, now: datetime) -> Cells:
    return [_name(body), len(body.get("data") or ()) + len(body.get("binaryData") or ()), _age(body, now)]


def secret(body: Body, now: datetime) -> Cells:
    return [_name(body), body.get("type", ""), len(body.get("data") or ()), _age(body, now)]


def service_account(body: Body, now: datetime) -> Cells:
    return [_name(body), len(body.get("secrets") or ()), _age(body, now)]


def namespace(body: Body, now: datetime) -> Cells:
    return [_name(body), _part(body, "status").get("phase", ""), _age(body, now)]


def deployment(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    counts = [ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [_name(body), *counts, _age(body, now), *_pod_parts(_part(spec, "template", "spec")), _selector(spec.get("selector"))]


def replica_set(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [_name(body), *counts, _age(body, now), *_pod_parts(_part(spec, "template", "spec")), _selector(spec.get("selector"))]


def stateful_set(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [_name(body), ready, _age(body, now), *_pod_parts(_part(spec, "template", "spec"))]


def daemon_set(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    names = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable")
    template = _part(spec, "template", "spec")
    where = _pairs(template.get("nodeSelector"))
    counts = [status.get(name, 0) for name in names]
    return [_name(body), *counts, where, _age(body, now), *_pod_parts(template), _selector(spec.get("selector"))]


def job(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    wanted, parallel, done = spec.get("completions"), spec.get("parallelism") or 0, status.get("succeeded", 0)
    completions = f"{done}/{wanted}" if wanted is not None else f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    begun, ended = moment(status.get("startTime")), moment(status.get("completionTime"))
    took = duration((ended or now) - begun) if begun else ""
    parts = _pod_parts(_part(spec, "template", "spec"))
    return [_name(body), _job_status(body), completions, took, _age(body, now), *parts, _selector(spec.get("selector"))]


def _job_status(body: Body) -> str:
    true = {each["type"] for each in _part(body, "status").get("conditions") or () if each["status"] == "True"}
    for condition in ("Complete", "Failed"):
        if condition in true:
            return condition
    if "deletionTimestamp" in body["metadata"]:
        return "Terminating"
    return next((each for each in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if each in true), "Running")


def cron_job(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    last = age(status.get("lastScheduleTime"), now) if status.get("lastScheduleTime") else NONE
    suspended = str(bool(spec.get("suspend")))
    shown = [spec.get("schedule", ""), spec.get("timeZone") or NONE, suspended, len(status.get("active") or ()), last, _age(body, now)]
    job_spec = _part(spec, "jobTemplate", "spec")
    return [_name(body), *shown, *_pod_parts(_part(job_spec, "template", "spec")), _selector(job_spec.get("selector"))]


def service(body: Body, now: datetime) -> Cells:
    spec = _part(body, "spec")
    ports = ",".join(_service_port(port) for port in spec.get("ports") or ()) or NONE
    address = spec.get("clusterIP") or NONE
    return [_name(body), spec.get("type", ""), address, _external(body), ports, _age(body, now), _pairs(spec.get("selector"))]


def _service_port(port: Body) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def _external(body: Body) -> str:
    spec = _part(body, "spec")
    if spec.get("type") == "ExternalName":
        return spec.get("externalName", "")
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        given = [each.get("ip") or each.get("hostname", "") for each in _part(body, "status", "loadBalancer").get("ingress") or ()]
        return ",".join([*given, *addresses]) or "<pending>"
    return ",".join(addresses) or NONE


def ingress(body: Body, now: datetime) -> Cells:
    spec = _part(body, "spec")
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    shown = ",".join(hosts) if len(hosts) <= 3 else f"{','.join(hosts[:3])} + {len(hosts) - 3} more..."
    given = _part(body, "status", "loadBalancer").get("ingress") or ()
    address = ",".join(each.get("ip") or each.get("hostname", "") for each in given)
    ports = "80, 443" if spec.get("tls") else "80"
    return [_name(body), spec.get("ingressClassName") or NONE, shown or "*", address, ports, _age(body, now)]


def volume_claim(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    phase = "Terminating" if "deletionTimestamp" in body["metadata"] else status.get("phase", "")
    volume, capacity, modes = spec.get("volumeName", ""), "", ""
    if volume:
        capacity = _part(status, "capacity").get("storage", "")
        modes = ",".join(_MODES[mode] for mode in status.get("accessModes") or ())
    classes = [spec.get("storageClassName", ""), spec.get("volumeAttributesClassName") or UNSET]
    return [_name(body), phase, volume, capacity, modes, *classes, _age(body, now), spec.get("volumeMode", UNSET)]


def resource_quota(body: Body, now: datetime) -> Cells:
    status = _part(body, "status")
    used = _part(status, "used")
    shown: dict[bool, list[str]] = {True: [], False: []}
    for name, hard in sorted(_part(status, "hard").items()):
        shown[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard}")
    return [_name(body), ", ".join(shown[False]), ", ".join(shown[True]), _age(body, now)]


def network_policy(body: Body, now: datetime) -> Cells:
    return [_name(body), _selector(_part(body, "spec").get("podSelector")), _age(body, now)]


def role_binding(body: Body, now: datetime) -> Cells:
    reference, subjects = _part(body, "roleRef"), body.get("subjects") or ()
    named = {kind: [each["name"] for each in subjects if each.get("kind") == kind] for kind in ("User", "Group")}
    accounts = [f"{each.get('namespace', '')}/{each['name']}" for each in subjects if each.get("kind") == "ServiceAccount"]
    shown = [", ".join(names) for names in (named["User"], named["Group"], accounts)]
    return [_name(body), f"{reference.get('kind', '')}/{reference.get('name', '')}", _age(body, now), *shown]


def lease(body: Body, now: datetime) -> Cells:
    return [_name(body), _part(body, "spec").get("holderIdentity", ""), _age(body, now)]


def event(body: Body, now: datetime) -> Cells:
    about, source, series = _part(body, "involvedObject"), _part(body, "source"), _part(body, "series")
    first = age(body.get("firstTimestamp") or body.get("eventTime"), now)
    last = age(body["lastTimestamp"], now) if body.get("lastTimestamp") else first
    count = body.get("count") or 1
    if series:
        last, count = age(series.get("lastObservedTime"), now), series.get("count", 0)
    kind = about.get("kind", "").lower()
    target = f"{kind}/{about['name']}" if about.get("name") else kind
    said = [source.get("component") or body.get("reportingComponent"), source.get("host") or body.get("reportingInstance")]
    who = [str(each) for each in said if each]
    shown = [
        last,
        body.get("type", ""),
        body.get("reason", ""),
        target,
        about.get("fieldPath", ""),
        ", ".join(who),
    ]
    return [*shown, body.get("message", "").strip(), first, count, _name(body)]


def storage_class(body: Body, now: datetime) -> Cells:
    default = (body["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    name = f"{_name(body)} (default)" if default else _name(body)
    policy, binding = body.get("reclaimPolicy", "Delete"), body.get("volumeBindingMode", "Immediate")
    return [name, body.get("provisioner", ""), policy, binding, bool(body.get("allowVolumeExpansion")), _age(body, now)]


def endpoint_slice(body: Body, now: datetime) -> Cells:
    ports = [str(port["port"]) for port in body.get("ports") or () if port.get("port")]
    addresses = [address for each in body.get("endpoints") or () for address in each.get("addresses") or ()]
    return [_name(body), body.get("addressType", ""), _some(ports), _some(addresses), _age(body, now)]


def _some(values: list[str]) -> str:
    if not values:
        return UNSET
    return ",".join(values[:3]) + (f" + {len(values) - 3} more..." if len(values) > 3 else "")


def node(body: Body, now: datetime) -> Cells:
    spec, status = _part(body, "spec"), _part(body, "status")
    ready = {each["type"]: each["status"] for each in status.get("conditions") or ()}.get("Ready")
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    labels = body["metadata"].get("labels") or {}
    roles = ",".join(sorted(label.removeprefix(_ROLE) for label in labels if label.startswith(_ROLE))) or NONE
    info = _part(status, "nodeInfo")
    addresses = {each["type"]: each["address"] for each in status.get("addresses") or ()}
    wide = [addresses.get(type_, NONE) for type_ in ("InternalIP", "ExternalIP")]
    wide += [info.get(field) or UNKNOWN for field in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    return [_name(body), ",".join(words), roles, _age(body, now), info.get("kubeletVersion", ""), *wide]
