"""Where a Service's connections go."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.network.endpoints import endpoints
from tests.unit.localcluster_network.objects import pod, service

ONE, TWO = ("127.64.0.1", 8080), ("127.64.0.2", 8080)


def slice_of(name: str, *addresses: str, ready: bool | None = True, port: str = "main") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}},
        "endpoints": [{"addresses": list(addresses), "conditions": {} if ready is None else {"ready": ready}}],
        "ports": [{"name": port, "port": 8080, "protocol": "TCP"}],
    }


CASES = {
    "ready pods": (service(), [pod("127.64.0.2"), pod("127.64.0.1")], (ONE, TWO)),
    "none": (service(), [], ()),
    "pods of others": (service(), [pod(app="other")], ()),
    "a pod that is not ready": (service(), [pod("127.64.0.1"), pod("127.64.0.2", ready=False)], (ONE,)),
    "a pod that is not ready, published all the same": (service(publishNotReadyAddresses=True), [pod(ready=False)], (ONE,)),
    "a pod without an address yet": (service(publishNotReadyAddresses=True), [pod("", ready=False)], ()),
    "a pod that has ended": (service(publishNotReadyAddresses=True), [pod(phase="Succeeded"), pod(phase="Failed")], ()),
    "a pod on its way out, with another": (service(), [pod("127.64.0.1", leaving=True), pod("127.64.0.2")], (TWO,)),
    "a pod on its way out that still serves, alone": (service(), [pod(leaving=True), pod("127.64.0.2", ready=False)], (ONE,)),
    "a pod on its way out that serves no more": (service(), [pod(leaving=True, ready=False)], ()),
    "a port by its name": (
        service(target="http"),
        [pod(port=9000), pod("127.64.0.2", port=9001)],
        (("127.64.0.1", 9000), ("127.64.0.2", 9001)),
    ),
    "a port by a name that the pod lacks": (service(target="grpc"), [pod()], ()),
    "a port without a target": (service(ports=[{"port": 80}]), [pod()], (("127.64.0.1", 80),)),
}


@pytest.mark.parametrize(("subject", "pods", "wanted"), CASES.values(), ids=CASES.keys())
def test_connections_go_to(subject: dict[str, Any], pods: list[dict[str, Any]], wanted: tuple[tuple[str, int], ...]) -> None:
    assert endpoints(subject, pods)[80] == wanted


def test_only_tcp_is_forwarded() -> None:
    assert endpoints(service(ports=[{"port": 53, "protocol": "UDP"}]), [pod()]) == {}


def test_an_external_name_leads_nowhere_here() -> None:
    assert (
        endpoints({**service(), "spec": {"type": "ExternalName", "externalName": "shop.example", "ports": [{"port": 80}]}}, [pod()]) == {}
    )


def test_without_a_selector_slices_made_by_hand_count() -> None:
    slices = [slice_of("web", "127.64.0.1"), slice_of("web", "127.64.0.2", ready=None), slice_of("other", "127.64.0.3")]
    slices += [slice_of("web", "127.64.0.4", ready=False), slice_of("web", "127.64.0.5", port="admin")]
    assert endpoints(service(selector={}), [pod()], slices)[80] == (ONE, TWO)


def test_with_a_selector_slices_do_not_count() -> None:
    assert endpoints(service(), [pod()], [slice_of("web", "127.64.0.9")])[80] == (ONE,)
