"""The scheduler: who gets the node, and what is said to those who don't."""

from __future__ import annotations

from typing import Any

from tests.unit.localcluster.shapes import deployment
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


def web(name: str, memory: str, replicas: int = 1) -> Body:
    body = deployment(name=name, resources={"requests": {"memory": memory}})
    return {**body, "spec": {**body["spec"], "replicas": replicas}}


def bound(shop: Workshop) -> list[str]:
    return sorted(pod["metadata"]["labels"]["app"] for pod in shop.all("Pod") if pod["spec"].get("nodeName") == "local")


def test_a_pod_is_bound_and_told_so() -> None:
    shop = Workshop()
    shop.apply(web("web", "1Gi"))
    (pod,) = shop.all("Pod")
    assert pod["spec"]["nodeName"] == "local"
    assert shop.condition("Pod", pod["metadata"]["name"], "PodScheduled") == ("True", "", "")
    assert shop.told("Scheduled") == [f"Successfully assigned home/{pod['metadata']['name']} to local"]


def test_a_pod_beyond_the_memory_waits_and_says_why() -> None:
    shop = Workshop(memory="1Gi")
    shop.apply(web("first", "700Mi"))
    shop.apply(web("second", "400Mi"))
    assert bound(shop) == ["first"]
    (name,) = [name for name in shop.pods() if name.startswith("second")]
    words = (
        "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    assert shop.condition("Pod", name, "PodScheduled") == ("False", "Unschedulable", words)
    shop.settle(60)
    (event,) = [each for each in shop.all("Event") if each["reason"] == "FailedScheduling"]
    assert event["message"] == words
    assert event["type"] == "Warning"
    assert event["count"] == 2
    assert event["lastTimestamp"] > event["firstTimestamp"]


def test_room_that_comes_back_goes_to_the_oldest_that_fits() -> None:
    shop = Workshop(memory="1Gi")
    shop.apply(web("first", "1Gi"))
    for name, memory in (("second", "600Mi"), ("third", "600Mi"), ("fourth", "200Mi")):
        shop.now = shop.now.replace(second=shop.now.second + 1)
        shop.apply(web(name, memory))
    assert bound(shop) == ["first"]
    shop.delete("Deployment", "first")
    assert bound(shop) == ["fourth", "second"]


def test_pods_of_all_namespaces_share_the_node() -> None:
    shop = Workshop(memory="1Gi")
    shop.store.create("Namespace", {"metadata": {"name": "other"}}, manager="tests")
    shop.apply(web("web", "600Mi"))
    body = web("web", "600Mi")
    shop.store.create("Deployment", body, namespace="other", manager="tests")
    shop.settle()
    (other,) = shop.store.all("Pod", "other")
    assert "nodeName" not in other["spec"]
    shop.delete("Deployment", "web")
    (other,) = shop.store.all("Pod", "other")
    assert other["spec"]["nodeName"] == "local"


def test_too_many_pods_is_a_reason_as_well() -> None:
    shop = Workshop(pods="1")
    shop.apply(web("web", "1Mi", replicas=2))
    assert len(bound(shop)) == 1
    assert shop.told("FailedScheduling")[0].startswith("0/1 nodes are available: 1 Too many pods. ")


def test_a_pod_waits_for_its_claim() -> None:
    shop = Workshop()
    body = web("web", "1Mi")
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    shop.apply(body)
    assert bound(shop) == []
    assert shop.told("FailedScheduling")[0].startswith('0/1 nodes are available: persistentvolumeclaim "data" not found.')
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}
    shop.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec})
    unbound = (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    )
    assert unbound in shop.told("FailedScheduling")
    assert shop.told("ProvisioningFailed") == ['storageclass.storage.k8s.io "slow" not found']
    shop.store.create("StorageClass", {"metadata": {"name": "slow"}, "provisioner": "example.test/slow"}, manager="tests")
    shop.settle()
    assert bound(shop) == ["web"]
    notes = shop.get("PersistentVolumeClaim", "data")["metadata"]["annotations"]
    assert notes["volume.kubernetes.io/storage-provisioner"] == "example.test/slow"


def test_a_cordoned_node_takes_none() -> None:
    shop = Workshop()
    shop.store.patch("Node", "", "local", {"spec": {"unschedulable": True}}, form="merge", manager="tests")
    shop.apply(web("web", "1Mi"))
    assert bound(shop) == []
    assert "1 node(s) were unschedulable" in shop.told("FailedScheduling")[0]


def test_without_a_node_pods_wait() -> None:
    shop = Workshop()
    shop.store.delete("Node", "", "local")
    shop.apply(web("web", "1Mi"))
    assert shop.told("FailedScheduling") == ["no nodes available to schedule pods"]


def test_a_claim_that_grows_shows_its_new_capacity() -> None:
    shop = Workshop()
    grows = {"metadata": {"name": "grows"}, "provisioner": "example.test/grows", "allowVolumeExpansion": True}
    shop.store.create("StorageClass", grows, manager="tests")
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "grows", "resources": {"requests": {"storage": "1Gi"}}}
    shop.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec})
    claim = shop.get("PersistentVolumeClaim", "data")
    assert claim["spec"]["volumeName"] == f"pvc-{claim['metadata']['uid']}"
    shop.edit("PersistentVolumeClaim", "data", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    assert shop.get("PersistentVolumeClaim", "data")["status"] == {
        "phase": "Bound",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "2Gi"},
    }
