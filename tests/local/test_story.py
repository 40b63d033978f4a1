"""A store's life on the pocket cluster: the stories of the real node, three stores at once, parts killed, drift by hand.

`make up` runs it all; the tests are an operator at its command line and a customer at Caddy's door.
"""

from __future__ import annotations

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.manifests import ObjectKey
from embedded.process import environment_of, processes
from tests.e2e.platform import Platform, eventually
from tests.e2e.test_story import (
    test_a_deleted_secret_returns_with_the_same_values,
    test_a_killed_database_comes_back_with_its_orders,
    test_a_store_is_made_sells_sleeps_wakes_grows_and_goes,
    test_two_tenants_stores_of_one_name_do_not_meet,
)
from tests.local.installation import Installation

__all__ = [
    "test_a_deleted_secret_returns_with_the_same_values",
    "test_a_killed_database_comes_back_with_its_orders",
    "test_a_store_is_made_sells_sleeps_wakes_grows_and_goes",
    "test_two_tenants_stores_of_one_name_do_not_meet",
]

pytestmark = pytest.mark.local


def test_three_stores_at_once_take_their_own_orders(platform: Platform, tenant: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        stores = list(threads.map(lambda n: platform.json("store", "create", f"shop-{n}", "--tenant", tenant, "--wait"), range(3)))
    for number, store in enumerate(stores):
        shop, customer = platform.shop(store), f"c{number}@example.com"
        order = eventually(lambda shop=shop, customer=customer: shop.place_order(email=customer), what="an order")
        assert [(o["id"], o["email"]) for o in platform.admin(store).orders()] == [(order.id, customer)]


def test_a_database_process_that_is_killed_comes_back_with_its_orders(platform: Platform, tenant: str) -> None:
    """By SIGKILL, not by the API: PostgreSQL recovers, nothing else restarts."""
    store = platform.json("store", "create", "books", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(store).place_order(email="reader@example.com"), what="an order")
    [pod] = [pod for pod in platform.objects(store, "Pod") if pod.key.name.startswith("database")]
    os.kill(_processes(pod.uid)[0], signal.SIGKILL)
    eventually(lambda: _restarts(platform, pod.key) == 1, what="the restart")
    eventually(lambda: [o["id"] for o in platform.admin(store).orders()] == [order.id], what="the order")
    [backend] = [pod for pod in platform.objects(store, "Pod") if pod.key.name.startswith("backend")]
    assert _restarts(platform, backend.key) == 0


def test_the_pocket_cluster_killed_brings_every_store_back_with_its_data(
    installation: Installation, platform: Platform, tenant: str
) -> None:
    store = platform.json("store", "create", "phoenix", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(store).place_order(email="before@example.com"), what="an order")
    pods = {pod.key.name: pod.uid for pod in platform.objects(store, "Pod")}
    before = [pid for uid in pods.values() for pid in _processes(uid)]
    assert before
    os.kill(installation.part("cluster")["pid"], signal.SIGKILL)
    eventually(lambda: installation.status()["works"], what="the pocket cluster")
    eventually(lambda: [o["id"] for o in platform.admin(store).orders()] == [order.id], what="the order")
    assert not set(before) & set(processes()), "its processes went with it"
    assert {pod.key.name: pod.uid for pod in platform.objects(store, "Pod")} == pods, "the same pods, started again"
    eventually(lambda: platform.json("store", "show", store["id"])["phase"] == "Ready", what="Ready")
    assert eventually(lambda: platform.shop(store).place_order(email="after@example.com"), what="another order")


def test_what_is_changed_by_hand_is_put_right_and_told(platform: Platform, tenant: str) -> None:
    store = platform.json("store", "create", "drifting", "--tenant", tenant, "--wait")
    deployment = ObjectKey("Deployment", store["namespace"], "backend")
    before = platform.cluster.get(deployment)
    assert before is not None
    platform.cluster.patch(
        deployment,
        [
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "docker.io/library/postgres:15-bookworm"},
            {"op": "add", "path": "/spec/template/spec/containers/0/env/0", "value": {"name": "SPY", "value": "1"}},
        ],
    )
    platform.cluster.delete(ObjectKey("Service", store["namespace"], "backend"))
    eventually(lambda: platform.look(store, "Service", "backend"), what="the Service")
    eventually(
        lambda: (live := platform.look(store, "Deployment", "backend")) and live.body["spec"] == before.body["spec"], what="the Deployment"
    )
    eventually(lambda: platform.shop(store).place_order(email="still@example.com"), what="an order")
    found = {(row["kind"], row["path"]) for row in platform.json("store", "drift", store["id"])["drift"]}
    assert ("Service", "") in found
    assert any(kind == "Deployment" and "SPY" in path for kind, path in found), found
    assert any(kind == "Deployment" and path.endswith(".image") for kind, path in found), found


def test_a_damaged_state_file_costs_one_object_which_the_control_plane_makes_anew(
    installation: Installation, platform: Platform, tenant: str
) -> None:
    store = platform.json("store", "create", "scratched", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(store).place_order(email="kept@example.com"), what="an order")
    before = platform.look(store, "Deployment", "backend")
    assert before is not None
    [file] = installation.places.cluster.glob(f"**/Deployment/{store['namespace']}/backend*")
    os.kill(installation.part("cluster")["pid"], signal.SIGSTOP)
    file.write_bytes(file.read_bytes()[:200])
    os.kill(installation.part("cluster")["pid"], signal.SIGKILL)
    eventually(lambda: installation.status()["works"], what="the pocket cluster")
    after = eventually(lambda: platform.look(store, "Deployment", "backend"), what="the Deployment")
    assert after.uid != before.uid
    eventually(lambda: [o["id"] for o in platform.admin(store).orders()] == [order.id], seconds=120, what="the order")


def test_a_store_beyond_the_memory_there_is_waits_with_a_reason_and_disturbs_none(
    installation: Installation, platform: Platform, tenant: str
) -> None:
    first = platform.json("store", "create", "first", "--tenant", tenant, "--wait")
    there_is = _memory(installation)
    _set_memory(installation, "600Mi")
    try:
        second = platform.json("store", "create", "second", "--tenant", tenant)
        said = eventually(
            lambda: next(
                (c["message"] for c in platform.json("store", "show", second["id"])["conditions"] if c["reason"] == "NoRoomOnNodes"), ""
            ),
            what="why it waits",
        )
        assert "Insufficient memory" in said
        assert platform.json("store", "show", first["id"])["phase"] == "Ready"
        assert platform.shop(first).place_order(email="undisturbed@example.com")
    finally:
        _set_memory(installation, there_is)
    eventually(lambda: platform.json("store", "show", second["id"])["phase"] == "Ready", seconds=90, what="Ready once there is room")


def _memory(installation: Installation) -> str:
    return installation.kubectl("get", "node", "local", "-o", "jsonpath={.status.allocatable.memory}")


def _set_memory(installation: Installation, amount: str) -> None:
    """As if the machine had that much."""
    patch = json.dumps({"status": {"allocatable": {"memory": amount}}})
    installation.kubectl("patch", "node", "local", "--subresource=status", "--type=merge", "-p", patch)


def _restarts(platform: Platform, key: ObjectKey) -> int:
    pod = platform.cluster.get(key)
    return int(pod.status["containerStatuses"][0]["restartCount"]) if pod is not None else -1


def _processes(uid: str) -> list[int]:
    """A pod's, the oldest first, by the mark that its processes carry."""
    mark = re.compile(rb"(^|\0)STOREYARD_POD=[^\0]*/" + uid.encode() + rb"(\0|$)")
    return [pid for pid in sorted(processes()) if mark.search(environment_of(pid))]
