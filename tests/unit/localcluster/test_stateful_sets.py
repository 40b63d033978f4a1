"""StatefulSets: names that stay, and the order of making, updating and ending."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.localcluster.shapes import deployment
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def database(image: str = "example.test/db:1", **spec: Any) -> Body:
    body = deployment(name="db", image=image)
    return {**body, "kind": "StatefulSet", "spec": {**body["spec"], "serviceName": "db", **spec}}


def images(shop: Workshop) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"][-1] for pod in shop.all("Pod")}


def test_pods_bear_names_labels_and_host_names(shop: Workshop) -> None:
    shop.apply(database(replicas=2))
    assert shop.pods() == ["db-0", "db-1"]
    pod, status = shop.get("Pod", "db-1"), shop.get("StatefulSet", "db")["status"]
    assert pod["metadata"]["labels"] == {
        "app": "db",
        "apps.kubernetes.io/pod-index": "1",
        "controller-revision-hash": status["updateRevision"],
        "statefulset.kubernetes.io/pod-name": "db-1",
    }
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    assert status["currentRevision"] == status["updateRevision"]
    counts = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")
    assert [status[name] for name in counts] == [2] * 5
    assert shop.told("SuccessfulCreate")[0].startswith("create Pod db-")


@pytest.mark.parametrize(("policy", "expected"), [("OrderedReady", ["db-0"]), ("Parallel", ["db-0", "db-1", "db-2"])])
def test_in_order_a_pod_waits_for_the_one_before_it(shop: Workshop, policy: str, expected: list[str]) -> None:
    shop.broken = {"db-0"}
    shop.apply(database(replicas=3, podManagementPolicy=policy))
    assert shop.pods() == expected
    shop.broken = set()
    shop.settle()
    assert shop.pods() == ["db-0", "db-1", "db-2"]


def test_a_deleted_pod_is_replaced_under_its_name_once_it_is_gone(shop: Workshop) -> None:
    shop.apply(database())
    before = shop.get("Pod", "db-0")["metadata"]["uid"]
    shop.clinging = {"db-0"}
    shop.delete("Pod", "db-0")
    assert shop.get("Pod", "db-0")["metadata"]["uid"] == before
    assert "readyReplicas" not in shop.get("StatefulSet", "db")["status"]
    shop.clinging = set()
    shop.settle()
    assert shop.get("Pod", "db-0")["metadata"]["uid"] != before


def test_an_update_goes_from_the_highest_and_stops_at_one_that_is_not_ready(shop: Workshop) -> None:
    shop.apply(database(replicas=3))
    shop.broken = {"db-2"}
    before = shop.get("StatefulSet", "db")["status"]["currentRevision"]
    shop.apply(database("example.test/db:2", replicas=3))
    assert images(shop) == {"db-0": "1", "db-1": "1", "db-2": "2"}
    status = shop.get("StatefulSet", "db")["status"]
    assert status["currentRevision"] == before != status["updateRevision"]
    shop.broken = set()
    shop.settle()
    assert set(images(shop).values()) == {"2"}
    status = shop.get("StatefulSet", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"] != before


def test_a_partition_keeps_the_lower_pods_as_they_are(shop: Workshop) -> None:
    shop.apply(database(replicas=3))
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    shop.apply(database("example.test/db:2", replicas=3, updateStrategy=strategy))
    assert images(shop) == {"db-0": "1", "db-1": "1", "db-2": "2"}
    assert shop.get("StatefulSet", "db")["status"]["updatedReplicas"] == 1
    shop.apply(database("example.test/db:2", replicas=3))
    assert set(images(shop).values()) == {"2"}


def test_on_delete_leaves_pods_to_be_deleted_by_hand(shop: Workshop) -> None:
    shop.apply(database(updateStrategy={"type": "OnDelete"}))
    shop.apply(database("example.test/db:2", updateStrategy={"type": "OnDelete"}))
    assert images(shop) == {"db-0": "1"}
    shop.delete("Pod", "db-0")
    assert images(shop) == {"db-0": "2"}


def test_in_parallel_a_pod_that_was_never_ready_is_replaced_when_its_template_is_put_right(shop: Workshop) -> None:
    shop.broken = {"db-"}
    shop.apply(database(podManagementPolicy="Parallel"))
    shop.apply(database("example.test/db:2", podManagementPolicy="Parallel"))
    assert images(shop) == {"db-0": "2"}


def test_pods_end_from_the_highest_and_in_order_one_at_a_time(shop: Workshop) -> None:
    shop.apply(database(replicas=3))
    shop.clinging = {"db-"}
    shop.apply(database(replicas=0))
    ending = [pod["metadata"]["name"] for pod in shop.all("Pod") if "deletionTimestamp" in pod["metadata"]]
    assert ending == ["db-2"]
    shop.clinging = set()
    shop.settle()
    assert shop.pods() == []
    assert shop.get("StatefulSet", "db")["status"]["replicas"] == 0


def test_claims_of_templates_are_made_and_outlive_their_pods(shop: Workshop) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    shop.apply(database(volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": spec}]))
    (volume,) = shop.get("Pod", "db-0")["spec"]["volumes"]
    assert volume == {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    shop.delete("StatefulSet", "db")
    assert shop.pods() == []
    assert shop.get("PersistentVolumeClaim", "data-db-0")["status"]["phase"] == "Bound"


def test_a_pod_that_has_ended_is_made_anew_but_not_at_once_if_it_was_young(shop: Workshop) -> None:
    shop.apply(database())
    before = shop.get("Pod", "db-0")["metadata"]["uid"]
    shop.store.patch("Pod", "home", "db-0", {"status": {"phase": "Failed"}}, form="merge", manager="kubelet", subresource="status")
    shop.settle()
    assert shop.get("Pod", "db-0")["metadata"]["uid"] == before
    shop.settle(11)
    assert shop.get("Pod", "db-0")["metadata"]["uid"] != before
