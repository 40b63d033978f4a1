"""What the store refuses, kind by kind."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.errors import ApiError
from tests.unit.localcluster.shapes import NAMESPACE, Body, deployment, new_store

RESTART_NEVER = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}


def workload(kind: str, **spec: Any) -> Body:
    return {**deployment(), "kind": kind, "spec": {**deployment()["spec"], **spec}}


def body(kind: str, version: str, spec: Body, **rest: Any) -> Body:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec, **rest}


STORAGE_CLASS: Body = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "x"}, "provisioner": "a.test/x"}
ENDPOINTS: Body = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"}, "addressType": "IPv4"}

REFUSED: list[tuple[Body, str]] = [
    (deployment(image=""), "spec.template.spec.containers[0].image"),
    (deployment(name="Up"), "metadata.name"),
    (workload("Deployment", replicas=-1), "spec.replicas"),
    (workload("Deployment", selector=None), "spec.selector"),
    (workload("Deployment", selector={"matchLabels": {"app": "other"}}), "spec.template.metadata.labels"),
    (workload("StatefulSet", template={"metadata": {"labels": {"app": "web"}}, "spec": {}}), "spec.template.spec.containers"),
    (deployment(ports=[{"containerPort": 70000}]), "spec.template.spec.containers[0].ports[0].containerPort"),
    (deployment(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "spec.template.spec.containers[0].volumeMounts[0].name"),
    (
        deployment(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        "spec.template.spec.containers[0].resources.requests",
    ),
    (body("Service", "v1", {}), "spec.ports"),
    (body("Service", "v1", {"ports": [{"port": 1}, {"port": 2, "name": "b"}]}), "spec.ports[0].name"),
    (body("Service", "v1", {"type": "Bogus", "ports": [{"port": 1}]}), "spec.type"),
    (body("PersistentVolumeClaim", "v1", {"accessModes": ["ReadWriteOnce"]}), "spec.resources[storage]"),
    (body("ResourceQuota", "v1", {"hard": {"cpu": "-1"}}), "spec.hard[cpu]"),
    (body("Ingress", "networking.k8s.io/v1", {}), "spec"),
    (
        body("Ingress", "networking.k8s.io/v1", {"rules": [{"host": "A B", "http": {"paths": []}}]}),
        "spec.rules[0].host",
    ),
    (body("Job", "batch/v1", {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}), "spec.template.spec.restartPolicy"),
    (body("CronJob", "batch/v1", {"jobTemplate": {"spec": RESTART_NEVER}}), "spec.schedule"),
    (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "x"},
            "roleRef": {"kind": "Role", "name": ""},
        },
        "roleRef.name",
    ),
    ({**STORAGE_CLASS, "provisioner": ""}, "provisioner"),
    ({**STORAGE_CLASS, "provisioner": "a b"}, "provisioner"),
    ({**STORAGE_CLASS, "reclaimPolicy": "Recycle"}, "reclaimPolicy"),
    ({**STORAGE_CLASS, "volumeBindingMode": "Late"}, "volumeBindingMode"),
    ({**ENDPOINTS, "addressType": ""}, "addressType"),
    ({**ENDPOINTS, "addressType": "MAC"}, "addressType"),
    ({**ENDPOINTS, "endpoints": [{"addresses": []}]}, "endpoints[0].addresses"),
    ({**ENDPOINTS, "ports": [{"port": 1}, {"port": 2}]}, "ports[1].name"),
]


@pytest.mark.parametrize(("manifest", "field"), REFUSED, ids=[f"{manifest['kind']}-{field}" for manifest, field in REFUSED])
def test_a_wrong_manifest_is_refused_with_the_field(manifest: Body, field: str) -> None:
    with pytest.raises(ApiError) as caught:
        new_store().apply(manifest["kind"], NAMESPACE, manifest["metadata"]["name"], manifest, manager="us")
    assert caught.value.code == 422
    assert field in {cause.field for cause in caught.value.causes}


FIXED: list[tuple[Body, Body, str]] = [
    (deployment(), {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "spec.selector"),
    (workload("DaemonSet"), {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "spec.selector"),
    (workload("StatefulSet"), {"spec": {"serviceName": "other"}}, "spec"),
    (body("Job", "batch/v1", {**RESTART_NEVER, "suspend": True}), {"spec": {"template": {"spec": {"hostNetwork": True}}}}, "spec.template"),
    (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "x"},
            "roleRef": {"kind": "Role", "name": "a"},
        },
        {"roleRef": {"name": "b"}},
        "roleRef",
    ),
    (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        {"spec": {"containers": [{"name": "c", "image": "i", "args": ["z"]}]}},
        "spec",
    ),
    (STORAGE_CLASS, {"provisioner": "other.test/x"}, "provisioner"),
    (STORAGE_CLASS, {"parameters": {"a": "b"}}, "parameters"),
    (STORAGE_CLASS, {"reclaimPolicy": "Retain"}, "reclaimPolicy"),
    (STORAGE_CLASS, {"volumeBindingMode": "WaitForFirstConsumer"}, "volumeBindingMode"),
    (ENDPOINTS, {"addressType": "IPv6"}, "addressType"),
]


@pytest.mark.parametrize(("manifest", "change", "field"), FIXED, ids=[f"{manifest['kind']}-{field}" for manifest, _, field in FIXED])
def test_a_fixed_field_is_refused(manifest: Body, change: Body, field: str) -> None:
    store, kind, name = new_store(), manifest["kind"], manifest["metadata"]["name"]
    store.create(kind, manifest, namespace=NAMESPACE, manager="us")
    with pytest.raises(ApiError) as caught:
        store.patch(kind, NAMESPACE, name, change, form="merge", manager="m")
    assert field in {cause.field for cause in caught.value.causes}


def test_the_image_of_a_pod_and_the_replicas_of_a_stateful_set_may_change() -> None:
    store = new_store()
    pod = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    store.create("Pod", pod, namespace=NAMESPACE, manager="us")
    patch = {"spec": {"containers": [{"name": "c", "image": "j"}]}}
    assert store.patch("Pod", NAMESPACE, "x", patch, form="strategic", manager="m")["spec"]["containers"][0]["image"] == "j"
    store.create("StatefulSet", workload("StatefulSet"), namespace=NAMESPACE, manager="us")
    assert store.patch("StatefulSet", NAMESPACE, "web", {"spec": {"replicas": 3}}, form="merge", manager="m")["metadata"]["generation"] == 2
