"""New credentials and new pods on the pocket cluster: a real Job on a real PostgreSQL and a real Medusa."""

from __future__ import annotations

import pytest

from app.domain.manifests import ObjectKey
from tests.e2e.platform import Platform, eventually
from tests.e2e.shop import Admin, ShopError
from tests.local.installation import Installation

pytestmark = pytest.mark.local


def test_new_credentials_take_the_old_ones_place_and_the_shop_goes_on(installation: Installation, platform: Platform, tenant: str) -> None:
    store = platform.json("store", "create", "turning", "--tenant", tenant, "--wait")
    order = eventually(lambda: platform.shop(store).place_order(email="before@example.com"), what="an order")
    before = platform.credentials(store)
    host = f"{store['host']}:{installation.port}"
    rotated = platform.json("store", "rotate-credentials", store["id"], "--wait")
    assert (rotated["phase"], rotated["rotation"]) == ("Ready", None)
    after = platform.credentials(store)
    assert after["admin_password"] != before["admin_password"]
    eventually(lambda: [o["id"] for o in platform.admin(store).orders()] == [order.id], what="the order, with the new password")
    with pytest.raises(ShopError):
        Admin(platform.ingress, host, before["admin_email"], before["admin_password"])
    assert eventually(lambda: platform.shop(store).place_order(email="after@example.com"), what="another order")
    for kind, name in (("Job", "rotate-2"), ("Secret", "rotation"), ("NetworkPolicy", "rotation")):
        assert platform.cluster.get(ObjectKey(kind, store["namespace"], name)) is None, kind
    assert platform.json("store", "drift", store["id"])["drift"] == []


def test_a_restart_gives_server_and_storefront_new_pods_and_leaves_the_database(platform: Platform, tenant: str) -> None:
    store = platform.json("store", "create", "fresh", "--tenant", tenant, "--wait")

    def pods() -> dict[str, set[str]]:
        found = platform.objects(store, "Pod")
        return {part: {pod.uid for pod in found if pod.key.name.startswith(part)} for part in ("database", "backend", "storefront")}

    before = pods()
    platform.json("store", "restart", store["id"], "--wait")
    eventually(lambda: all(len(uids) == 1 for uids in pods().values()), what="one pod each")
    after = pods()
    assert after["database"] == before["database"]
    assert not after["backend"] & before["backend"]
    assert not after["storefront"] & before["storefront"]
    assert eventually(lambda: platform.shop(store).place_order(email="again@example.com"), what="an order")
