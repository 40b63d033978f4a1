"""The fake cluster's own helpers: injected errors, the call log, the controllers that a test cranks."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.errors import ObjectNotFound, Transient
from app.domain.manifests import LiveObject, Manifest, ObjectKey
from localcluster.controllers.shapes import template_hash
from tests.fakes.cluster import FakeCluster
from tests.unit.localcluster.shapes import config_map, deployment

HOME = "home"
WEB = ObjectKey("Deployment", HOME, "web")


def manifest(body: dict[str, Any]) -> Manifest:
    return Manifest.of({**body, "metadata": {"namespace": HOME, **body["metadata"]}})


@pytest.fixture
def cluster() -> FakeCluster:
    fake = FakeCluster()
    fake.create(Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}))
    return fake


def pods(cluster: FakeCluster) -> list[LiveObject]:
    return cluster.objects("Pod", HOME)


def conditions(live: LiveObject | None) -> dict[str, str]:
    assert live is not None
    return {each["type"]: each["status"] for each in live.status.get("conditions", ())}


def test_errors_are_raised_as_often_as_asked_and_the_calls_are_logged(cluster: FakeCluster) -> None:
    cluster.fail_on(lambda verb, key: verb == "apply" and key.kind == "ConfigMap", Transient("no"), times=2)
    for _ in range(2):
        with pytest.raises(Transient):
            cluster.apply(manifest(config_map()))
    assert cluster.objects("ConfigMap", HOME) == []
    made = cluster.apply(manifest(config_map()))
    assert cluster.verbs("apply") == [("apply", made.key)] * 3


def test_an_answer_can_be_lost_after_its_effect(cluster: FakeCluster) -> None:
    cluster.fail_on(lambda verb, _: verb == "apply", Transient("lost"), after=True)
    with pytest.raises(Transient):
        cluster.apply(manifest(config_map({"a": "b"})))
    assert [live.body["data"] for live in cluster.objects("ConfigMap", HOME)] == [{"a": "b"}]


def test_what_a_caller_does_to_an_answer_stays_his_own(cluster: FakeCluster) -> None:
    made = cluster.apply(manifest(config_map({"a": "b"})))
    body: Any = made.body
    body["data"]["a"] = "changed"
    live = cluster.look(made.key)
    assert live is not None
    assert live.body["data"] == {"a": "b"}


def test_hands_are_not_logged(cluster: FakeCluster) -> None:
    made = cluster.apply(manifest(config_map({"a": "b"})))
    before = list(cluster.calls)
    cluster.edit(made.key, {"data": {"a": "c"}})
    cluster.remove(made.key)
    cluster.settle()
    assert cluster.calls == before


def test_a_settled_deployment_is_available_and_settling_again_writes_nothing(cluster: FakeCluster) -> None:
    cluster.apply(manifest(deployment()))
    cluster.settle()
    assert conditions(cluster.look(WEB)) == {"Available": "True", "Progressing": "True"}
    (pod,) = pods(cluster)
    assert pod.status["phase"] == "Running"
    assert pod.controller is not None
    assert pod.controller["kind"] == "ReplicaSet"
    version = cluster.store.version
    cluster.settle()
    assert cluster.store.version == version


def test_a_new_template_rolls_out_and_the_old_pods_go(cluster: FakeCluster) -> None:
    cluster.apply(manifest(deployment()))
    cluster.settle()
    (old,) = pods(cluster)
    cluster.apply(manifest(deployment(image="example.test/web:2")))
    cluster.settle()
    (new,) = pods(cluster)
    assert new.uid != old.uid
    assert new.body["spec"]["containers"][0]["image"] == "example.test/web:2"
    live = cluster.look(WEB)
    assert live is not None
    assert live.annotations["deployment.kubernetes.io/revision"] == "2"


def test_a_roll_out_that_fails_keeps_the_old_pods(cluster: FakeCluster) -> None:
    cluster.apply(manifest(deployment()))
    cluster.settle()
    (old,) = pods(cluster)
    live = cluster.apply(manifest(deployment(image="example.test/nope:2")))
    cluster.break_pod(HOME, _new_set(cluster, live), reason="ImagePullBackOff")
    assert old.uid in {pod.uid for pod in pods(cluster)}
    assert len(pods(cluster)) == 2
    assert conditions(cluster.look(WEB))["Available"] == "True"


def _new_set(cluster: FakeCluster, live: LiveObject) -> str:
    return f"web-{template_hash(live.body['spec']['template'])}"


@pytest.mark.parametrize(
    ("reason", "where", "expected"),
    [
        ("ImagePullBackOff", ("state", "waiting", "reason"), "ImagePullBackOff"),
        ("CrashLoopBackOff", ("lastState", "terminated", "exitCode"), 3),
        ("CrashLoopBackOff", ("state", "waiting", "reason"), "CrashLoopBackOff"),
        ("OOMKilled", ("lastState", "terminated", "reason"), "OOMKilled"),
    ],
)
def test_a_broken_pod_says_why_until_it_is_mended(cluster: FakeCluster, reason: Any, where: tuple[str, ...], expected: Any) -> None:
    cluster.apply(manifest(deployment()))
    cluster.break_pod(HOME, "web", reason=reason, exit_code=3, log="boom")
    (pod,) = pods(cluster)
    found: Any = pod.status["containerStatuses"][0]
    for step in where:
        found = found[step]
    assert found == expected
    assert conditions(cluster.look(WEB))["Available"] == "False"
    line = cluster.last_log_line(HOME, pod.key.name, "main", previous=True)
    assert line == (None if reason == "ImagePullBackOff" else "boom")
    cluster.mend_pod(HOME, "web")
    assert conditions(cluster.look(WEB))["Available"] == "True"


def test_a_pod_that_fits_nowhere_has_no_node(cluster: FakeCluster) -> None:
    cluster.apply(manifest(deployment()))
    cluster.break_pod(HOME, "web", reason="Unschedulable")
    (pod,) = pods(cluster)
    assert "nodeName" not in pod.body["spec"]
    assert pod.status["conditions"][0]["reason"] == "Unschedulable"


def test_jobs_run_to_their_end_and_fail_when_broken(cluster: FakeCluster) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    for name in ("good", "bad"):
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, "backoffLimit": 0}}
        cluster.apply(manifest(body))
    cluster.break_pod(HOME, "bad")
    ends = {live.key.name: conditions(live) for live in cluster.objects("Job", HOME)}
    assert ends == {"good": {"Complete": "True"}, "bad": {"Failed": "True"}}


def test_a_stateful_set_runs_on_its_bound_volume_which_outlives_no_pod(cluster: FakeCluster) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = cluster.apply(manifest({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}))
    body: dict[str, Any] = {**deployment(), "kind": "StatefulSet"}
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    cluster.apply(manifest(body))
    cluster.settle()
    bound = cluster.look(claim.key)
    assert bound is not None
    assert bound.status["phase"] == "Bound"
    assert [pod.key.name for pod in pods(cluster)] == ["web-0"]
    cluster.delete(claim.key)
    cluster.settle()
    assert cluster.look(claim.key) is not None, "a pod still uses it"
    cluster.delete(ObjectKey("StatefulSet", HOME, "web"))
    cluster.settle()
    assert cluster.look(claim.key) is None
    assert pods(cluster) == []


def test_pods_that_are_deleted_come_back_and_scaling_is_followed(cluster: FakeCluster) -> None:
    cluster.apply(manifest(deployment()))
    cluster.settle()
    (first,) = pods(cluster)
    cluster.remove(first.key)
    cluster.edit(WEB, {"spec": {"replicas": 3}}, manager="kubectl")
    cluster.settle()
    assert len(pods(cluster)) == 3
    assert first.uid not in {pod.uid for pod in pods(cluster)}


def test_a_quota_is_counted(cluster: FakeCluster) -> None:
    spec = {"hard": {"pods": "5", "limits.cpu": "2"}}
    cluster.apply(manifest({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec}))
    cluster.apply(manifest(deployment(resources={"limits": {"cpu": "0.5"}})))
    cluster.settle()
    quota = cluster.look(ObjectKey("ResourceQuota", HOME, "q"))
    assert quota is not None
    assert quota.status["used"] == {"pods": "1", "limits.cpu": "500m"}


def test_a_write_to_what_is_missing_is_object_not_found(cluster: FakeCluster) -> None:
    with pytest.raises(ObjectNotFound):
        cluster.patch(ObjectKey("ConfigMap", HOME, "none"), [])


def test_rights_can_be_denied(cluster: FakeCluster) -> None:
    cluster.denied.add(("delete", "Namespace"))
    assert cluster.may("delete", "Namespace") is False
    assert cluster.may("create", "Namespace") is True
