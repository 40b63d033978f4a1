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
from tests.faults.proxy import Lie, Proxy, Request, always

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


@pytest.mark.parametrize("lie", [Lie.INTERNAL, Lie.CUT, Lie.REFUSE])
def test_f22_a_deletion_that_fails_half_way_is_taken_up_again(lie: Lie, platform: Platform, proxy: Proxy) -> None:
    """The namespace is asked to go; the workloads and claims beside it cannot be."""
    [store] = platform.until_settled(platform.create())

    def beside(request: Request) -> bool:
        return request.method == "DELETE" and request.namespace == store.namespace and not request.path.endswith(store.namespace)

    proxy.reset(always(lie, beside))
    _delete(platform, store)
    platform.until(lambda: proxy.told[lie] >= 2, "two tries")
    if lie is not Lie.CUT:
        assert platform.phase(store) is Phase.DELETING
        assert "ClusterUnavailable" in platform.says(store, "Synced")
    assert tenant_quota(platform.services, tenant_id=store.tenant_id).used.stores == (1 if platform.phase(store) is Phase.DELETING else 0)
    proxy.reset()
    platform.until_settled(store)
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
