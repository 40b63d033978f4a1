"""What the API server fills in: one function per struct, run over the whole object, parents first.

Source: pkg/apis/*/v1/defaults.go of Kubernetes 1.34. Limits: the kinds of `localcluster.schema` only; no defaults that admission plugins
set on pods (LimitRanger, ServiceAccount).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from localcluster import quantity
from localcluster.schema import Kind, Type

Body = dict[str, Any]

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def apply_defaults(kind: Kind, body: Body) -> None:
    """Fill in, in place. `body` is canonical (`marshal.decode`) and nobody else's."""
    _walk(kind.type, body)


def _walk(kind: Type, value: Any) -> None:
    if kind.form == "struct":
        for name, field in kind.fields.items():
            if field.default is not None and not value.get(name):
                value[name] = field.default
        if defaulter := _DEFAULTERS.get(kind.name):
            defaulter(value)
        for name, field in kind.fields.items():
            if name in value and value[name] is not None:
                _walk(field.type, value[name])
    elif kind.form == "map" and kind.element is not None and kind.element.name == "quantity":
        for key in value:
            value[key] = str(quantity.parse(value[key]).rounded_up(-3))
    elif kind.element is not None and (kind.element.form != "leaf"):
        for item in value.values() if kind.form == "map" else value:
            _walk(kind.element, item)


def _fill(body: Body, **defaults: Any) -> None:
    for name, value in defaults.items():
        if body.get(name) in (None, ""):
            body[name] = value


def _pull_policy(image: str) -> str:
    name = image.rpartition("/")[2]
    if "@" in name:
        return "IfNotPresent"
    tag = name.partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _container(body: Body) -> None:
    _fill(
        body,
        imagePullPolicy=_pull_policy(body.get("image", "")),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )


def _probe(body: Body) -> None:
    for name, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not body.get(name):
            body[name] = value
    if isinstance(body.get("grpc"), dict):
        body["grpc"].setdefault("service", "")


def _pod_spec(body: Body) -> None:
    _fill(body, dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler")
    body.setdefault("securityContext", {})
    body.setdefault("terminationGracePeriodSeconds", 30)
    # The deprecated name is kept in step with the new one.
    if name := body.get("serviceAccountName") or body.get("serviceAccount"):
        body["serviceAccountName"] = body["serviceAccount"] = name
    if body.get("hostNetwork"):
        for container in (*(body.get("containers") or ()), *(body.get("initContainers") or ())):
            for port in container.get("ports") or ():
                _fill(port, hostPort=port["containerPort"])


def _pod(body: Body) -> None:
    spec = body["spec"]
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}
    spec.setdefault("enableServiceLinks", True)


def _volume(body: Body) -> None:
    if set(body) == {"name"}:
        body["emptyDir"] = {}


def _mode(body: Body) -> None:
    body.setdefault("defaultMode", 420)


def _deployment(body: Body) -> None:
    spec = body["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _stateful_set(body: Body) -> None:
    spec = body["spec"]
    _fill(spec, podManagementPolicy="OrderedReady")
    strategy = spec["updateStrategy"]
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        strategy["rollingUpdate"].setdefault("partition", 0)
    _fill(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain")
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    for claim in spec.get("volumeClaimTemplates") or ():
        _fill(claim, apiVersion="v1", kind="PersistentVolumeClaim")


def _daemon_set(body: Body) -> None:
    annotations = body["metadata"].setdefault("annotations", {})
    annotations.setdefault(TEMPLATE_GENERATION, "0")
    strategy = body["spec"]["updateStrategy"]
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    body["spec"].setdefault("revisionHistoryLimit", 10)


def _replica_set(body: Body) -> None:
    body["spec"].setdefault("replicas", 1)


def _job(body: Body) -> None:
    spec = body["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 2147483647 if "backoffLimitPerIndex" in spec else 6)
    labels = spec["template"]["metadata"].get("labels")
    if labels and not body["metadata"].get("labels"):
        body["metadata"]["labels"] = dict(labels)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)


def _cron_job(body: Body) -> None:
    spec = body["spec"]
    _fill(spec, concurrencyPolicy="Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def _service(body: Body) -> None:
    spec = body["spec"]
    _fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    else:
        _fill(spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}), timeoutSeconds=10800)
    for port in spec.get("ports") or ():
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port["port"]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer", "ClusterIP"):
        _fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _namespace(body: Body) -> None:
    if name := body["metadata"].get("name"):
        body["metadata"]["labels"] = {**(body["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}


def _limit_range_item(body: Body) -> None:
    if body["type"] != "Container":
        return
    default = {**(body.get("max") or {}), **(body.get("default") or {})}
    request = {**(body.get("min") or {}), **default, **(body.get("defaultRequest") or {})}
    for name, value in (("default", default), ("defaultRequest", request)):
        if value:
            body[name] = value


def _network_policy(body: Body) -> None:
    spec = body["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _storage_class(body: Body) -> None:
    body.setdefault("reclaimPolicy", "Delete")
    body.setdefault("volumeBindingMode", "Immediate")


def _node_status(body: Body) -> None:
    if "allocatable" not in body and "capacity" in body:
        body["allocatable"] = dict(body["capacity"])


def _endpoint_port(body: Body) -> None:
    body.setdefault("name", "")
    body.setdefault("protocol", "TCP")


def _role_ref(body: Body) -> None:
    _fill(body, apiGroup="rbac.authorization.k8s.io")


def _subject(body: Body) -> None:
    if body["kind"] in ("User", "Group"):
        _fill(body, apiGroup="rbac.authorization.k8s.io")


def _secret(body: Body) -> None:
    _fill(body, type="Opaque")
    if plain := body.pop("stringData", None):
        body["data"] = {**(body.get("data") or {}), **{key: _encoded(value) for key, value in plain.items()}}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_DEFAULTERS: dict[str, Callable[[Body], None]] = {
    "Container": _container,
    "EphemeralContainer": _container,
    "Probe": _probe,
    "HTTPGetAction": lambda body: _fill(body, path="/", scheme="HTTP"),
    "PodSpec": _pod_spec,
    "Pod": _pod,
    "Volume": _volume,
    "SecretVolumeSource": _mode,
    "ConfigMapVolumeSource": _mode,
    "DownwardAPIVolumeSource": _mode,
    "ProjectedVolumeSource": _mode,
    "ServiceAccountTokenProjection": lambda body: _fill(body, expirationSeconds=3600),
    "HostPathVolumeSource": lambda body: _fill(body, type=""),
    "ObjectFieldSelector": lambda body: _fill(body, apiVersion="v1"),
    "PersistentVolumeClaimSpec": lambda body: _fill(body, volumeMode="Filesystem"),
    "PersistentVolumeClaimStatus": lambda body: _fill(body, phase="Pending"),
    "NamespaceStatus": lambda body: _fill(body, phase="Active"),
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replica_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "Namespace": _namespace,
    "LimitRangeItem": _limit_range_item,
    "NetworkPolicyPort": lambda body: _fill(body, protocol="TCP"),
    "NetworkPolicy": _network_policy,
    "RoleRef": _role_ref,
    "Subject": _subject,
    "Secret": _secret,
    "StorageClass": _storage_class,
    "NodeStatus": _node_status,
    "EndpointPort": _endpoint_port,
}
