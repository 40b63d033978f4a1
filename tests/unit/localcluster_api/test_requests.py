"""Verbs, options and refusals of the API. What a real server answers to the same is compared in tests/contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcluster.errors import ApiError
from tests.unit.localcluster_api.asking import CM, MAP, Asker

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
DEPLOY = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"
TEMPLATE = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "m", "image": "w:1"}]}}
WORKLOAD = {"metadata": {"name": "w"}, "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": TEMPLATE}}
POD = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]}}


@pytest.mark.parametrize(
    ("path", "code"), [("/healthz", 200), ("/livez", 200), ("/readyz", 200), ("/version", 200), ("/api", 401), (CM, 401)]
)
def test_without_the_token_only_health_and_version_are_told(path: str, code: int) -> None:
    assert Asker().send("GET", path, allowed=False).code == code


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("Bearer secret", True),
        ("Bearer secrets", False),
        ("bearer secret", False),
        ("", False),
        ("Bearer", False),
        ("Bearer secrét", False),
    ],
)
def test_the_token_is_asked_for_to_the_letter(value: str, known: bool) -> None:
    assert Asker().application.knows(value) is known


@pytest.mark.parametrize(
    ("headers", "query", "manager"),
    [
        ({"user_agent": "kubectl/v1.37.1 (linux/amd64)"}, "", "kubectl"),
        ({"user_agent": "ärger\t/2"}, "", "ärger"),
        ({"user_agent": "x" * 200}, "", "x" * 128),
        ({}, "?fieldManager=ours", "ours"),
    ],
)
def test_a_write_is_entered_under_its_manager_or_else_the_program(headers: dict[str, str], query: str, manager: str) -> None:
    _, made = Asker().ask("POST", f"{CM}{query}", MAP, **headers)
    assert [entry["manager"] for entry in made["metadata"]["managedFields"]] == [manager]


def test_a_dry_run_writes_nothing() -> None:
    asker = Asker()
    assert asker.ask("POST", f"{CM}?dryRun=All", MAP)[0] == 201
    assert asker.ask("GET", f"{CM}/one")[0] == 404


def test_yaml_is_taken_and_given() -> None:
    asker = Asker()
    body = b"metadata: {name: one, annotations: {when: 2026-01-01, at: '12:30'}}\ndata: {a: '1'}\n"
    assert asker.ask("POST", CM, body, content_type="application/yaml")[0] == 201
    response = asker.send("GET", f"{CM}/one", accept="application/yaml")
    assert response.content_type == "application/yaml"
    assert isinstance(response.body, bytes)
    assert b"when: '2026-01-01'" in response.body


@pytest.mark.parametrize("accept", ["text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Nonsense;v=v1"])
def test_a_form_that_nobody_can_give_is_not_acceptable(accept: str) -> None:
    assert Asker().ask("GET", CM, accept=accept)[0] == 406


def test_the_best_of_the_accepted_forms_is_given() -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    protobuf = "application/vnd.kubernetes.protobuf"
    assert Asker().ask("GET", CM, accept=f"{protobuf},{table},application/json")[1]["kind"] == "Table"
    assert Asker().ask("GET", CM, accept=f"{table};q=0.1,application/json;q=0.9")[1]["kind"] == "ConfigMapList"


def test_pages_add_up() -> None:
    asker = Asker()
    for name in "abc":
        asker.ask("POST", CM, {"metadata": {"name": name}})
    _, first = asker.ask("GET", f"{CM}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 1
    _, second = asker.ask("GET", f"{CM}?limit=2&continue={first['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in (*first["items"], *second["items"])] == ["a", "b", "c"]
    assert "continue" not in second["metadata"]


def test_deleting_a_collection_leaves_what_is_not_selected() -> None:
    asker = Asker()
    for name, labels in (("a", {"x": "y"}), ("b", {})):
        asker.ask("POST", CM, {"metadata": {"name": name, "labels": labels}})
    _, deleted = asker.ask("DELETE", f"{CM}?labelSelector=x")
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a"]
    assert [item["metadata"]["name"] for item in asker.ask("GET", CM)[1]["items"]] == ["b"]


@pytest.mark.parametrize(
    ("body", "query", "left"),
    [
        ({"preconditions": {"uid": "another"}}, "", True),
        ({"preconditions": {"resourceVersion": "1"}}, "", True),
        ({"dryRun": ["All"]}, "", True),
        (None, "?dryRun=All", True),
        ({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}, "", False),
    ],
)
def test_options_of_a_deletion_come_in_its_body_or_its_address(body: Any, query: str, left: bool) -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    asker.ask("DELETE", f"{CM}/one{query}", body)
    assert (asker.ask("GET", f"{CM}/one")[0] == 200) is left


def test_a_job_keeps_its_pods_unless_told_otherwise() -> None:
    asker = Asker()
    jobs = "/apis/batch/v1/namespaces/shop/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "w:1"}]}}
    asker.ask("POST", jobs, {"metadata": {"name": "j"}, "spec": {"template": template}})
    assert asker.ask("DELETE", f"{jobs}/j")[1]["metadata"]["finalizers"] == ["orphan"]
    assert asker.ask("GET", "/api/v1/namespaces/shop")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", CM),
        ("POST", f"{CM}/one"),
        ("DELETE", "/api/v1/namespaces"),
        ("POST", "/api/v1"),
        ("PUT", f"{DEPLOY}/w/scale/x"),
        ("GET", "/"),
    ],
)
def test_what_cannot_be_done_is_refused_and_never_a_crash(method: str, path: str) -> None:
    assert Asker().send(method, path).code in (404, 405)


# Workloads and pods


def test_a_scale_shows_and_changes_the_replicas() -> None:
    asker = Asker()
    asker.ask("POST", DEPLOY, WORKLOAD)
    _, scale = asker.ask("GET", f"{DEPLOY}/w/scale")
    assert (scale["spec"], scale["status"]["selector"]) == ({"replicas": 1}, "app=w")
    stale = {"metadata": {"name": "w", "resourceVersion": "1"}, "spec": {"replicas": 3}}
    assert asker.ask("PUT", f"{DEPLOY}/w/scale", stale)[0] == 409
    fresh = {**stale, "metadata": {"name": "w", "resourceVersion": scale["metadata"]["resourceVersion"]}}
    assert asker.ask("PUT", f"{DEPLOY}/w/scale", fresh)[1]["spec"] == {"replicas": 3}
    operation = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert asker.ask("PATCH", f"{DEPLOY}/w/scale", operation, content_type="application/json-patch+json")[0] == 200
    assert asker.ask("GET", f"{DEPLOY}/w")[1]["spec"]["replicas"] == 4


@pytest.mark.parametrize("replicas", [-1, "2", True, 1.5])
def test_a_scale_that_is_no_number_of_replicas_is_refused(replicas: Any) -> None:
    asker = Asker()
    asker.ask("POST", DEPLOY, WORKLOAD)
    assert asker.ask("PATCH", f"{DEPLOY}/w/scale", {"spec": {"replicas": replicas}}, content_type=MERGE)[0] == 422


class _Logs:
    def read(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail: int | None, follow: bool, limit_bytes: int | None
    ) -> Iterator[bytes]:
        if previous:
            raise ApiError.bad_request("it never ran before")
        yield f"{namespace} {pod} {container} {tail} {follow} {limit_bytes}\n".encode()
        yield b"more\n"


def test_a_log_is_that_of_the_container_asked_for() -> None:
    asker = Asker(_Logs())
    asker.ask("POST", PODS, POD)
    body = asker.send("GET", f"{PODS}/p/log?container=b&tailLines=5&limitBytes=99&follow=true").body
    assert not isinstance(body, bytes)
    assert b"".join(body) == b"shop p b 5 True 99\nmore\n"


@pytest.mark.parametrize(
    ("query", "code", "why"),
    [
        ("", 400, "a container name must be specified for pod p, choose one of: [a b]"),
        ("?container=z", 400, "container z is not valid for pod p"),
        ("?container=a&previous=true", 400, "it never ran before"),
        ("?container=a&sinceSeconds=5", 400, "log lines are kept without their times here"),
        ("?container=a&tailLines=-1", 422, "tailLines: Invalid value: -1"),
    ],
)
def test_a_log_that_cannot_be_shown_says_why(query: str, code: int, why: str) -> None:
    asker = Asker(_Logs())
    asker.ask("POST", PODS, POD)
    answered, body = asker.ask("GET", f"{PODS}/p/log{query}")
    assert answered == code
    assert why in body["message"]


def test_an_evicted_pod_is_deleted() -> None:
    asker = Asker()
    asker.ask("POST", PODS, POD)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 0}}
    assert asker.ask("POST", f"{PODS}/p/eviction", eviction)[0] == 201
    assert asker.ask("GET", f"{PODS}/p")[0] == 404


def test_whoever_asks_may_do_everything_with_whatever_resource() -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"resourceAttributes": {"verb": "melt", "resource": "glaciers", "group": "example.test"}}}
    assert Asker().ask("POST", path, body)[1]["status"] == {"allowed": True}
    assert Asker().ask("POST", path, {"spec": {}})[0] == 422


def test_openapi_announces_what_kubectl_looks_for() -> None:
    asker = Asker()
    _, index = asker.ask("GET", "/openapi/v3")
    address = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    _, document = asker.ask("GET", address)
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    assert asker.send("GET", "/openapi/v2").code == 404
    assert asker.send("GET", "/openapi/v3/apis/nosuch/v1").code == 404
