"""EndpointSlices: which pods answer for a Service."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.localcluster.shapes import deployment
from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def service(**spec: Any) -> Body:
    body = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {"a": "b"}}, "spec": body}


def web() -> Body:
    return deployment(ports=[{"name": "http", "containerPort": 9000}])


def slice_of(shop: Workshop) -> Body:
    (found,) = shop.all("EndpointSlice")
    return found


def test_a_ready_pod_is_an_endpoint_at_the_port_it_declares(shop: Workshop) -> None:
    shop.apply(service())
    shop.apply(web())
    (pod,), found = shop.all("Pod"), slice_of(shop)
    assert found["endpoints"] == [
        {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "local",
            "targetRef": {
                "kind": "Pod",
                "namespace": "home",
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            },
        }
    ]
    assert found["ports"] == [{"name": "http", "port": 9000, "protocol": "TCP"}]
    assert found["metadata"]["labels"] == {
        "a": "b",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
    }


@pytest.mark.parametrize(("tolerant", "reason"), [(False, "it would not answer"), (True, "the Service publishes it anyway")])
def test_a_pod_that_is_not_ready_is_no_endpoint_unless_wanted(shop: Workshop, tolerant: bool, reason: str) -> None:
    shop.broken = {"web-"}
    shop.apply(service(publishNotReadyAddresses=tolerant))
    shop.apply(web())
    conditions = slice_of(shop)["endpoints"][0]["conditions"]
    assert conditions == {"ready": tolerant, "serving": False, "terminating": False}, reason


def test_a_pod_that_ends_is_taken_out(shop: Workshop) -> None:
    shop.apply(service())
    shop.apply(web())
    shop.clinging = {"web-"}
    shop.apply({**web(), "spec": {**web()["spec"], "replicas": 0}})
    assert slice_of(shop)["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}
    shop.clinging = set()
    shop.settle()
    assert slice_of(shop)["endpoints"] in (None, [])


def test_the_slice_goes_with_its_service(shop: Workshop) -> None:
    shop.apply(service())
    shop.apply(web())
    shop.delete("Service", "web")
    assert shop.all("EndpointSlice") == []


def test_services_without_a_selector_are_left_alone(shop: Workshop) -> None:
    shop.apply(service(selector=None))
    assert shop.all("EndpointSlice") == []


def test_what_is_settled_is_not_written_again(shop: Workshop) -> None:
    shop.apply(service())
    shop.apply(web())
    version = shop.store.version
    shop.settle()
    assert shop.store.version == version
