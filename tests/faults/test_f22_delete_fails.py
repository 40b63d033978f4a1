"""F22: a deletion that fails half way stays Deleting, says why, is tried again, and ends when the cause is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.domain.manifests import ObjectKey
from app.domain.stores import Phase
from app.models import Store
from app.services.delete_store import delete_store
from app.services.queries import list_stores
from app.services.quota_queries import tenant_quota
from app.services.views import StoreView
from tests.factories import MERCHANT, set_row
from tests.faults.platform import Platform
from tests.faults.proxy import Lie, Proxy, Request

pytestmark = pytest.mark.cluster
PROXIED = True


@pytest.fixture(autouse=True)
def _the_proxy_is_honest_again(proxy: Proxy) -> Iterator[None]:
    yield
    proxy.reset()


def _wake(platform: Platform, store: StoreView) -> None:
    with platform.services.sessions.platform("a test makes it due") as session:
        session.execute(update(Store).where(Store.id == store.id).values(next_reconcile_at=platform.services.clock.now(), wake_after=None))


def _delete(platform: Platform, store: StoreView) -> None:
    delete_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)


def test_f22_deletions_that_fail_half_way_are_taken_up_again(platform: Platform, proxy: Proxy) -> None:
    """The namespaces are asked to go; the workloads and claims beside them cannot be, each store's for a reason of its own."""
    lies = (Lie.INTERNAL, Lie.CUT, Lie.REFUSE)
    stores = dict(zip(lies, platform.until_settled(*(platform.create() for _ in lies)), strict=True))

    def beside(request: Request) -> Lie | None:
        if request.method != "DELETE" or request.path.endswith(request.namespace):
            return None
        return next((lie for lie, store in stores.items() if store.namespace == request.namespace), None)

    proxy.reset(beside)
    for store in stores.values():
        _delete(platform, store)
    for lie, store in stores.items():
        platform.until(lambda lie=lie: proxy.told[lie] >= 1, f"a try that fails by {lie}")
        if lie is not Lie.CUT:  # it took effect, only the answer was lost
            platform.until(lambda store=store: "ClusterUnavailable" in platform.says(store, "Synced"), "the reason")
            assert platform.phase(store) is Phase.DELETING
            assert tenant_quota(platform.services, tenant_id=store.tenant_id).used.stores == 1
    proxy.reset()
    platform.until_settled(*stores.values())
    for store in stores.values():
        assert platform.phase(store) is Phase.DELETED
        assert platform.look(store, "Namespace", store.namespace) is None
        assert tenant_quota(platform.services, tenant_id=store.tenant_id).used.stores == 0


def test_f22_what_blocks_a_deletion_is_named_and_the_quota_kept_until_it_ends(platform: Platform) -> None:
    [store, other] = platform.until_settled(platform.create(), platform.create())
    claim = ObjectKey("PersistentVolumeClaim", store.namespace, "media")
    platform.cluster.patch(claim, [{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/backup"}])
    _delete(platform, store)
    set_row(platform.services, store.id, provisioning_since=platform.services.clock.now() - timedelta(seconds=61))

    def blocked() -> bool:
        _wake(platform, store)
        return "example.com/backup" in platform.says(store, "Ready")

    platform.until(blocked, "the blocker's name")
    assert "DeletionBlocked" in platform.says(store, "Ready")
    assert platform.phase(store) is Phase.DELETING
    assert tenant_quota(platform.services, tenant_id=store.tenant_id).used.stores == 1
    again = platform.until_settled(platform.create(store.tenant_id))
    assert again[0].phase is Phase.READY, "others are not held up"
    assert platform.phase(other) is Phase.READY
    live = platform.cluster.get(claim)
    assert live is not None
    kept = [name for name in live.metadata["finalizers"] if name != "example.com/backup"]
    platform.cluster.patch(claim, [{"op": "replace", "path": "/metadata/finalizers", "value": kept}])
    platform.until(lambda: (_wake(platform, store), platform.phase(store) is Phase.DELETED)[1], "the end", seconds=120)
    assert len(list_stores(platform.services, tenant_id=store.tenant_id)) == 1
