"""A store's life on a real node, as its merchant and its customers live it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from kubernetes import client, config
from kubernetes.stream import stream

from app.domain.manifests import ObjectKey
from tests.e2e.platform import Platform, eventually

pytestmark = pytest.mark.node


def test_a_store_is_made_sells_sleeps_wakes_grows_and_goes(platform: Platform, tenant: str) -> None:
    made = platform.json("store", "create", "lamps", "--tenant", tenant, "--name", 'Ada\'s "Lamps" & more', "--wait")
    assert made["phase"] == "Ready"
    reached = {step["type"] for step in made["timeline"]["steps"] if step["done"]}
    assert {"NamespaceReady", "DatabaseReady", "BackendReady", "StorefrontReady", "AddressReady", "Ready"} <= reached

    home = eventually(lambda: platform.shop(made).page(), what="the storefront")
    assert "Ada&#39;s &#34;Lamps&#34; &amp; more" in home
    assert "Fjord Wool Jumper" in eventually(lambda: platform.shop(made).page("/products"), what="the catalogue")
    order = eventually(lambda: platform.shop(made).place_order(email="customer@example.com"), what="a first order")
    assert order.total > 0
    assert [o["email"] for o in platform.admin(made).orders()] == ["customer@example.com"]
    assert platform.admin(made).store_name() == 'Ada\'s "Lamps" & more'

    volume = platform.look(made, "PersistentVolumeClaim", "database")
    assert volume is not None
    platform.run("store", "suspend", made["id"], "--wait")
    assert platform.objects(made, "Pod") == []
    kept = platform.look(made, "PersistentVolumeClaim", "database")
    assert kept is not None
    assert kept.uid == volume.uid

    platform.run("store", "resume", made["id"], "--wait")
    assert [o["id"] for o in eventually(lambda: platform.admin(made).orders(), what="orders after the resume")] == [order.id]

    with _growing_volumes(platform):
        platform.run("store", "plan", made["id"], "standard", "--wait")
    backend = platform.look(made, "Deployment", "backend")
    assert backend is not None
    assert backend.body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "1Gi"
    assert [o["id"] for o in eventually(lambda: platform.admin(made).orders(), what="orders after the change of plan")] == [order.id]

    used = platform.json("quota", "show", "--tenant", tenant)["used"]["stores"]
    assert used == 1
    gone = platform.json("store", "delete", made["id"], "--yes", "--wait")
    assert gone["phase"] == "Deleted"
    assert platform.look(made, "Namespace", made["namespace"]) is None
    assert platform.json("quota", "show", "--tenant", tenant)["used"]["stores"] == 0


class _growing_volumes:  # noqa: N801  (used as a `with` statement)
    """For a while the default storage class says that volumes may grow, and the platform has noticed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        found = platform.cluster.get(ObjectKey("StorageClass", "", "standard"))
        self._before = bool(found and found.body.get("allowVolumeExpansion"))

    def __enter__(self) -> None:
        self._set(True)

    def __exit__(self, *_: object) -> None:
        self._set(self._before)

    def _set(self, allowed: bool) -> None:
        platform = self._platform
        key = ObjectKey("StorageClass", "", "standard")
        platform.cluster.patch(key, [{"op": "add", "path": "/allowVolumeExpansion", "value": allowed}])
        subprocess.run(
            [sys.executable, "-c", "from jobs.sweep import run; run()"], env=dict(platform.environment), check=True, capture_output=True
        )


def test_a_deleted_secret_returns_with_the_same_values(platform: Platform, tenant: str) -> None:
    made = platform.json("store", "create", "secrets", "--tenant", tenant, "--wait")
    before = platform.look(made, "Secret", "store")
    assert before is not None
    platform.cluster.delete(before.key)
    after = eventually(lambda: platform.look(made, "Secret", "store"), what="the Secret")
    assert after.body["data"] == before.body["data"]
    assert after.uid != before.uid
    edited = {"op": "replace", "path": "/data/database_password", "value": "aGFja2Vk"}
    platform.cluster.patch(before.key, [edited])
    repaired = eventually(
        lambda: (live := platform.look(made, "Secret", "store")) and live.body["data"] == before.body["data"], what="the password"
    )
    assert repaired
    found = platform.json("store", "drift", made["id"])["drift"]
    assert {"data.database_password", ""} <= {row["path"] for row in found}
    assert "aGFja2Vk" not in json.dumps(found)


def test_a_killed_database_comes_back_with_its_orders(platform: Platform, tenant: str) -> None:
    made = platform.json("store", "create", "books", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(made).place_order(email="reader@example.com"), what="an order")
    backend = [pod for pod in platform.objects(made, "Pod") if pod.key.name.startswith("backend")]
    [database] = [pod for pod in platform.objects(made, "Pod") if pod.key.name.startswith("database")]
    platform.cluster.delete(database.key)
    eventually(
        lambda: (
            [o["id"] for o in platform.admin(made).orders()] == [order.id]
            and (pod := platform.cluster.get(database.key)) is not None
            and pod.uid != database.uid
        ),
        what="the order after the database's return",
    )
    assert [pod.uid for pod in platform.objects(made, "Pod") if pod.key.name.startswith("backend")] == [pod.uid for pod in backend]


def test_another_namespaces_pod_cannot_reach_a_stores_database(platform: Platform, tenant: str) -> None:
    victim = platform.json("store", "create", "victim", "--tenant", tenant, "--wait")
    attacker = platform.json("store", "create", "attacker", "--tenant", tenant, "--wait")
    address = _database_address(platform, victim)
    own = _database_address(platform, attacker)
    [pod] = [pod for pod in platform.objects(attacker, "Pod") if pod.key.name.startswith("backend")]
    assert _connects(pod.key, own), "the probe itself works: its own database answers"
    assert not _connects(pod.key, address)


def _database_address(platform: Platform, store: dict[str, str]) -> str:
    service = platform.look(store, "Service", "database")  # type: ignore[arg-type]
    assert service is not None
    return str(service.body["spec"]["clusterIP"])


def _connects(pod: ObjectKey, address: str) -> bool:
    """Whether a TCP connection from inside the pod to PostgreSQL's port succeeds within three seconds."""
    script = (
        f"const s=require('net').connect(5432,'{address}');s.setTimeout(3000);"
        "s.on('connect',()=>{console.log('CONNECTED');process.exit()});"
        "s.on('timeout',()=>{console.log('REFUSED');process.exit()});s.on('error',()=>{console.log('REFUSED');process.exit()})"
    )
    with config.new_client_from_config(os.environ["STOREYARD_TEST_KUBECONFIG"]) as api:
        session = stream(
            client.CoreV1Api(api).connect_get_namespaced_pod_exec,
            pod.name,
            pod.namespace,
            command=["node", "-e", script],
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            _preload_content=False,
        )
        session.run_forever(timeout=15)
        answer = str(session.read_all())
        session.sock.shutdown()  # close() leaves the socket open where the other side has ended first
    assert ("CONNECTED" in answer) != ("REFUSED" in answer), answer
    return "CONNECTED" in answer


def test_two_tenants_stores_of_one_name_do_not_meet(platform: Platform, tenant: str) -> None:
    other = f"{tenant}-b"
    platform.run("tenant", "create", other)
    first = platform.json("store", "create", "bakery", "--tenant", tenant, "--wait")
    second = platform.json("store", "create", "bakery", "--tenant", other, "--wait")
    try:
        assert first["host"] != second["host"]
        assert first["namespace"] != second["namespace"]
        order = eventually(lambda: platform.shop(first).place_order(email="first@example.com"), what="an order")
        assert [o["id"] for o in platform.admin(first).orders()] == [order.id]
        assert eventually(lambda: platform.admin(second).orders() == [], what="an empty list of orders")
        failed = platform.run("store", "show", "bakery", expect=1)
        assert first["id"] in failed.stderr
        assert second["id"] in failed.stderr
    finally:
        platform.run("store", "delete", second["id"], "--yes", "--wait")
