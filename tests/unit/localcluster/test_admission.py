"""What a quota or a limit range says to a pod that a controller would make, in the words that the control plane explains."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.localcluster.shapes import deployment
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]
SMALL = {"requests": {"memory": "100Mi", "cpu": "10m"}, "limits": {"memory": "200Mi", "cpu": "100m"}}


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def quota(**hard: str) -> Body:
    named = {name.replace("_", "."): amount for name, amount in hard.items()}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "store"}, "spec": {"hard": named}}


def limits(**item: Any) -> Body:
    spec = {"limits": [{"type": "Container", **item}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "store"}, "spec": spec}


def web(replicas: int = 1, *, resources: Body | None = None, name: str = "web") -> Body:
    body = deployment(name=name, **({"resources": resources} if resources else {}))
    return {**body, "spec": {**body["spec"], "replicas": replicas}}


def test_a_refused_pod_shows_in_condition_and_event(shop: Workshop) -> None:
    shop.apply(quota(pods="5", requests_memory="250Mi"))
    shop.apply(web(3, resources=SMALL))
    assert len(shop.pods()) == 2
    condition = shop.condition("Deployment", "web", "ReplicaFailure")
    assert condition is not None
    status, reason, message = condition
    assert (status, reason) == ("True", "FailedCreate")
    words = (
        "is forbidden: exceeded quota: store, requested: requests.memory=100Mi, used: requests.memory=200Mi, limited: requests.memory=250Mi"
    )
    assert message.startswith('pods "web-')
    assert message.endswith(words)
    assert shop.told("FailedCreate") == [f"Error creating: {message}"]
    replica_set = shop.all("ReplicaSet")[0]
    assert shop.condition("ReplicaSet", replica_set["metadata"]["name"], "ReplicaFailure") == condition


def test_room_that_is_made_is_taken_and_the_failure_forgotten(shop: Workshop) -> None:
    shop.apply(quota(pods="1"))
    shop.apply(web(2))
    shop.edit("ResourceQuota", "store", {"spec": {"hard": {"pods": "2"}}})
    assert len(shop.pods()) == 2
    assert shop.condition("Deployment", "web", "ReplicaFailure") is None
    assert shop.get("ResourceQuota", "store")["status"]["used"] == {"pods": "2"}


def test_a_stateful_set_says_it_in_an_event(shop: Workshop) -> None:
    shop.apply(quota(pods="0"))
    shop.apply({**web(), "kind": "StatefulSet"})
    message = 'pods "web-0" is forbidden: exceeded quota: store, requested: pods=1, used: pods=0, limited: pods=0'
    assert shop.told("FailedCreate") == [f"create Pod web-0 in StatefulSet web failed error: {message}"]


def test_a_refusal_that_lasts_is_told_again_in_growing_intervals(shop: Workshop) -> None:
    shop.apply(quota(pods="0"))
    shop.apply(web())
    for _ in range(240):
        shop.settle(30)
    (event,) = [each for each in shop.all("Event") if each["reason"] == "FailedCreate"]
    assert 8 <= event["count"] <= 20
    assert event["lastTimestamp"] > event["firstTimestamp"]


def test_what_a_quota_limits_must_be_stated(shop: Workshop) -> None:
    shop.apply(quota(limits_cpu="1", requests_memory="1Gi"))
    shop.apply(web())
    condition = shop.condition("Deployment", "web", "ReplicaFailure")
    assert condition is not None
    assert condition[2].endswith("is forbidden: failed quota: store: must specify limits.cpu for: main; requests.memory for: main")


def test_a_limit_range_states_it_for_those_that_do_not(shop: Workshop) -> None:
    shop.apply(limits(default={"cpu": "250m", "memory": "128Mi"}, defaultRequest={"cpu": "10m", "memory": "32Mi"}))
    shop.apply(quota(limits_cpu="1", requests_memory="1Gi"))
    shop.apply(web())
    (pod,) = shop.all("Pod")
    resources = {"limits": {"cpu": "250m", "memory": "128Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}}
    assert pod["spec"]["containers"][0]["resources"] == resources
    note = "LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main"
    assert pod["metadata"]["annotations"] == {"kubernetes.io/limit-ranger": note}
    assert shop.get("ResourceQuota", "store")["status"]["used"] == {"limits.cpu": "250m", "requests.memory": "32Mi"}


def test_what_is_stated_stays_and_a_limit_alone_is_asked_for_in_full(shop: Workshop) -> None:
    shop.apply(limits(default={"memory": "128Mi"}, defaultRequest={"memory": "32Mi", "cpu": "10m"}))
    shop.apply(web(resources={"limits": {"memory": "64Mi"}}))
    (pod,) = shop.all("Pod")
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi", "cpu": "10m"}}


def test_more_than_a_limit_range_allows_is_refused(shop: Workshop) -> None:
    shop.apply(limits(max={"memory": "150Mi"}))
    shop.apply(web(resources=SMALL))
    condition = shop.condition("Deployment", "web", "ReplicaFailure")
    assert condition is not None
    assert condition[2].endswith("is forbidden: maximum memory usage per Container is 150Mi, but limit is 200Mi")


def test_pods_that_have_ended_leave_their_room(shop: Workshop) -> None:
    shop.apply(quota(pods="1"))
    shop.ended = {"bare": "Succeeded"}
    bare = {"metadata": {"name": "bare"}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}}
    shop.store.create("Pod", bare, namespace="home", manager="tests")
    shop.settle()
    shop.apply(web())
    assert len(shop.pods()) == 2


def test_the_hungriest_init_container_counts(shop: Workshop) -> None:
    shop.apply(quota(requests_memory="1Gi"))
    body = web(resources=SMALL)
    first = {"name": "first", "image": "i", "resources": {"requests": {"memory": "300Mi"}}}
    body["spec"]["template"]["spec"]["initContainers"] = [first]
    shop.apply(body)
    assert shop.get("ResourceQuota", "store")["status"]["used"] == {"requests.memory": "300Mi"}


def test_claims_and_other_objects_are_counted(shop: Workshop) -> None:
    shop.apply(quota(persistentvolumeclaims="3", requests_storage="10Gi", **{"count/deployments_apps": "4"}))
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    shop.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec})
    shop.apply(web())
    used = {"persistentvolumeclaims": "1", "requests.storage": "2Gi", "count/deployments.apps": "1"}
    assert shop.get("ResourceQuota", "store")["status"]["used"] == used
