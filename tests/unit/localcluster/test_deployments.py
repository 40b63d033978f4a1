"""Deployments: what `kubectl rollout` and the control plane read of them, and in which order pods come and go."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.controllers import rollout
from localcluster.controllers.shapes import template_hash
from tests.unit.localcluster.shapes import deployment
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def web(image: str = "example.test/web:1", **spec: Any) -> Body:
    body = deployment(image=image)
    return {**body, "spec": {**body["spec"], **spec}}


def sizes(shop: Workshop) -> dict[str, int]:
    """Of ReplicaSets, by image."""
    return {each["spec"]["template"]["spec"]["containers"][0]["image"][-1]: each["spec"]["replicas"] for each in shop.all("ReplicaSet")}


def images(shop: Workshop) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"][-1] for pod in shop.all("Pod"))


def status(shop: Workshop) -> Body:
    return shop.get("Deployment", "web")["status"]


def test_a_roll_out_ends_with_the_words_of_the_real_controller(shop: Workshop) -> None:
    shop.apply(web())
    (replica_set,) = shop.all("ReplicaSet")
    name = replica_set["metadata"]["name"]
    progressing = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    assert shop.condition("Deployment", "web", "Progressing") == progressing
    available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    assert shop.condition("Deployment", "web", "Available") == available
    found = {key: value for key, value in status(shop).items() if key != "conditions"}
    assert found == {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    assert shop.told("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 1"]


def test_recreate_makes_no_new_pod_while_an_old_one_is_there(shop: Workshop) -> None:
    shop.apply(web(strategy={"type": "Recreate"}))
    shop.clinging = {"web-"}
    shop.apply(web("example.test/web:2", strategy={"type": "Recreate"}))
    (old,) = shop.all("Pod")
    assert "deletionTimestamp" in old["metadata"]
    assert images(shop) == ["1"]
    assert sizes(shop) == {"1": 0}
    assert shop.condition("Deployment", "web", "Available") == (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )
    shop.clinging = set()
    shop.settle()
    assert images(shop) == ["2"]
    assert status(shop)["availableReplicas"] == 1


def test_a_rolling_update_keeps_to_surge_and_unavailability(shop: Workshop) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    shop.apply(web(replicas=4, strategy=rolling))
    shop.broken = {f"web-{template_hash(template)}" for template in [_template(shop, "example.test/web:2")]}
    shop.apply(web("example.test/web:2", replicas=4, strategy=rolling))
    assert sizes(shop) == {"1": 3, "2": 2}, "one more in sum, one fewer available"
    assert status(shop)["unavailableReplicas"] == 2
    shop.broken = set()
    shop.settle()
    assert sizes(shop) == {"1": 0, "2": 4}


def _template(shop: Workshop, image: str) -> Body:
    template = shop.get("Deployment", "web")["spec"]["template"]
    (main,) = template["spec"]["containers"]
    return {**template, "spec": {**template["spec"], "containers": [{**main, "image": image}]}}


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected", "reason"),
    [
        ("25%", "25%", 1, (1, 0), "surge is rounded up, unavailability down"),
        ("25%", "25%", 4, (1, 1), "whole shares"),
        ("30%", "30%", 10, (3, 3), "whole shares"),
        (0, "25%", 1, (0, 1), "with neither nothing would move"),
        (2, 5, 3, (2, 3), "no more can be missing than there are"),
    ],
)
def test_shares_are_rounded_so_that_a_roll_out_moves(
    surge: Any, unavailable: Any, replicas: int, expected: tuple[int, int], reason: str
) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    assert rollout.fence({"spec": {"replicas": replicas, "strategy": strategy}}) == expected, reason


def test_going_back_to_an_older_template_finds_its_replica_set_again(shop: Workshop) -> None:
    for image in ("1", "2", "1"):
        shop.apply(web(f"example.test/web:{image}"))
    assert sizes(shop) == {"1": 1, "2": 0}
    notes = {
        each["spec"]["template"]["spec"]["containers"][0]["image"][-1]: each["metadata"]["annotations"] for each in shop.all("ReplicaSet")
    }
    assert notes["1"]["deployment.kubernetes.io/revision"] == "3"
    assert notes["1"]["deployment.kubernetes.io/revision-history"] == "1"
    assert shop.get("Deployment", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_old_replica_sets_are_forgotten_beyond_the_limit(shop: Workshop) -> None:
    for image in "1234":
        shop.apply(web(f"example.test/web:{image}", revisionHistoryLimit=1))
    assert sizes(shop) == {"3": 0, "4": 1}


def test_a_restart_by_kubectl_replaces_the_pods(shop: Workshop) -> None:
    shop.apply(web())
    before = shop.pods()
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}}
    shop.edit("Deployment", "web", restart)
    assert len(shop.pods()) == 1
    assert shop.pods() != before


def test_no_progress_in_time_is_said_and_a_new_template_gets_its_own_time(shop: Workshop) -> None:
    shop.broken = {"web-"}
    shop.apply(web(progressDeadlineSeconds=60))
    name = shop.all("ReplicaSet")[0]["metadata"]["name"]
    assert shop.condition("Deployment", "web", "Progressing") == ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    shop.settle(61)
    late = ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    assert shop.condition("Deployment", "web", "Progressing") == late
    shop.apply(web("example.test/web:2", progressDeadlineSeconds=60))
    condition = shop.condition("Deployment", "web", "Progressing")
    assert condition is not None
    assert condition[:2] == ("True", "ReplicaSetUpdated")


def test_a_pod_that_fails_later_does_not_undo_a_finished_roll_out(shop: Workshop) -> None:
    shop.apply(web(progressDeadlineSeconds=60))
    shop.broken = {"web-"}
    shop.settle(3600)
    condition = shop.condition("Deployment", "web", "Progressing")
    assert condition is not None
    assert condition[1] == "NewReplicaSetAvailable"
    assert status(shop).get("availableReplicas", 0) == 0


def test_a_name_that_is_another_s_is_avoided(shop: Workshop) -> None:
    shop.apply(web())
    template = _template(shop, "example.test/web:2")
    stranger = {"metadata": {"name": f"web-{template_hash(template)}"}, "spec": {"replicas": 0, **_other_template()}}
    shop.store.create("ReplicaSet", stranger, namespace="home", manager="tests")
    shop.apply(web("example.test/web:2"))
    assert images(shop) == ["2"]
    assert status(shop)["collisionCount"] == 1


def _other_template() -> Body:
    labels = {"app": "other"}
    containers = [{"name": "main", "image": "example.test/other:1"}]
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}


def test_scaling_is_followed_to_none_and_back(shop: Workshop) -> None:
    for replicas in (3, 0, 2):
        shop.apply(web(replicas=replicas))
        assert len(shop.pods()) == replicas
        assert status(shop).get("replicas", 0) == replicas
        assert status(shop)["observedGeneration"] == shop.get("Deployment", "web")["metadata"]["generation"]


def test_a_pod_is_available_only_after_it_was_ready_for_a_while(shop: Workshop) -> None:
    shop.apply(web(minReadySeconds=10))
    assert status(shop)["readyReplicas"] == 1
    assert "availableReplicas" not in status(shop)
    shop.settle(11)
    assert status(shop)["availableReplicas"] == 1


def test_a_pod_whose_label_is_taken_off_is_let_go_and_replaced(shop: Workshop) -> None:
    shop.apply(web())
    (name,) = shop.pods()
    shop.edit("Pod", name, {"metadata": {"labels": {"pod-template-hash": None}}})
    assert len(shop.pods()) == 2
    assert "ownerReferences" not in shop.get("Pod", name)["metadata"]


def test_orphans_are_adopted(shop: Workshop) -> None:
    shop.apply(web())
    before = shop.pods()
    shop.delete("Deployment", "web", propagation="Orphan")
    assert shop.pods() == before
    shop.apply(web())
    assert shop.pods() == before
    assert len(shop.all("ReplicaSet")) == 1


def test_a_paused_deployment_scales_but_does_not_roll(shop: Workshop) -> None:
    shop.apply(web())
    shop.apply(web("example.test/web:2", paused=True, replicas=2))
    assert images(shop) == ["1", "1"]
    assert shop.condition("Deployment", "web", "Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")
    shop.apply(web("example.test/web:2", replicas=2))
    assert images(shop) == ["2", "2"]


def test_a_roll_out_that_is_resized_half_way_goes_on(shop: Workshop) -> None:
    shop.apply(web(replicas=4))
    shop.broken = {f"web-{template_hash(_template(shop, 'example.test/web:2'))}"}
    shop.apply(web("example.test/web:2", replicas=4))
    shop.apply(web("example.test/web:2", replicas=8))
    assert sum(sizes(shop).values()) == 10
    shop.broken = set()
    shop.settle()
    assert sizes(shop) == {"1": 0, "2": 8}


def test_pods_that_end_at_once_are_neither_made_in_a_rush_nor_kept_for_ever(shop: Workshop) -> None:
    shop.ended = {"web-": "Failed"}
    shop.apply(web())
    assert len(shop.pods()) == 1
    for number in range(2, 12):
        shop.settle(11)
        assert len(shop.pods()) == min(number, 5)


def test_what_is_settled_is_not_written_again(shop: Workshop) -> None:
    shop.apply(web(replicas=3))
    version = shop.store.version
    shop.settle(3)
    assert shop.store.version == version
