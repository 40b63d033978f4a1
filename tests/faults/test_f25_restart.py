"""F25: everything starts anew with five hundred stores due at once. The queue stays short, nobody starves, and they do not stay together.

The cluster is a mirror of what is recorded (tests/faults/mirror.py): it is the queue, the database and the due loop that are under load.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import insert, select, update

from app.domain.manifests import InventoryEntry, LiveObject
from app.domain.stores import Phase
from app.models import InventoryObject, Store
from app.services.create_store import create_store
from app.services.due import AHEAD
from app.services.request_reconcile import request_reconcile
from app.services.snapshots import load_store
from tests.factories import MERCHANT
from tests.fakes.queue import FakeQueue
from tests.faults.daemons import Valkey
from tests.faults.platform import Platform

pytestmark = pytest.mark.cluster
WORKERS = 0
CREW = 2
STORES = 500
SMALL_TENANTS = 24


def _grown(platform: Platform) -> dict[str, str]:
    """Ready stores with all they record, and the tenant of each: one tenant has half of them. As after the months before the restart."""
    services = replace(platform.services, queue=FakeQueue())
    large, *small = [platform.tenant(f"of-many-{number}") for number in range(SMALL_TENANTS + 1)]
    owners: dict[str, str] = {}
    for number in range(STORES):
        tenant = large if number % 2 else small[number // 2 % SMALL_TENANTS]
        store = create_store(services, MERCHANT, tenant_id=tenant, slug=f"old-{number}")
        owners[store.id] = tenant
    now = services.clock.now()
    with services.sessions.platform("a test sets the scene") as session:
        for store_id, tenant in owners.items():
            loaded = load_store(session, store_id, vault=services.vault, now=now)
            assert loaded is not None
            rows = []
            for number, manifest in enumerate(services.renderer.render(loaded.snapshot), 1):
                metadata = {**manifest.body["metadata"], "uid": f"{store_id}-{number}", "resourceVersion": str(number)}
                entry = InventoryEntry.record(manifest.hash, LiveObject(manifest.key, {**manifest.body, "metadata": metadata}))
                row = {name: getattr(entry, name) for name in ("uid", "resource_version", "manifest_hash", "live", "live_hash")}
                rows.append(
                    {
                        "store_id": store_id,
                        "tenant_id": tenant,
                        "kind": entry.key.kind,
                        "namespace": entry.key.namespace,
                        "name": entry.key.name,
                        **row,
                    }
                )
            session.execute(insert(InventoryObject), rows)
            uid = next(row["uid"] for row in rows if row["kind"] == "Namespace")
            session.execute(
                update(Store).where(Store.id == store_id).values(
                    observed_generation=1, ever_ready=True, first_ready_at=now, phase=Phase.READY, namespace_uid=uid,
                    next_reconcile_at=now - timedelta(minutes=5), wake_after=None,
                )
            )  # fmt: skip
    return owners


def _waiting(client: Redis, owners: dict[str, str]) -> Counter[str]:
    """Jobs in the repair queue, by tenant."""
    ids = [entry.decode().removeprefix("reconcile-") for entry in client.lrange("rq:queue:repair", 0, -1)]
    return Counter(owners[store_id] for store_id in ids if store_id in owners)


def test_f25_five_hundred_stores_due_at_once(platform: Platform, valkey: Valkey) -> None:
    for scheduler in platform.schedulers:
        scheduler.send(15)
        scheduler.wait()
    platform.schedulers.clear()
    owners = _grown(platform)
    begun = platform.services.clock.now()
    allowed = platform.services.policy.tenant_concurrency * AHEAD
    with valkey.client() as client:
        client.flushall()
        platform.add_scheduler()
        for _ in range(CREW):
            platform.add_worker(mirror=True)
        time.sleep(1.5)
        someone = next(store_id for store_id, tenant in owners.items() if list(owners.values()).count(tenant) > STORES // 3)
        request_reconcile(platform.services, MERCHANT, tenant_id=owners[someone], store_id=someone)
        asked_at, answered_at, depths = platform.services.clock.now(), None, []
        while True:
            seen = _seen(platform, list(owners))
            if answered_at is None and seen.get(someone, begun) > asked_at:
                answered_at = platform.services.clock.now()
            waiting = _waiting(client, owners)
            depths.append(sum(waiting.values()))
            # On a slow machine a wake counts as lost after five seconds; one that a worker has in its hands just then is sent again.
            assert max(waiting.values(), default=0) <= allowed + CREW, "no tenant fills the queue"
            if all(at > begun for at in seen.values()):
                break
            assert platform.services.clock.now() - begun < timedelta(seconds=150), (
                f"{sum(at <= begun for at in seen.values())} not seen\n{platform.tail()}"
            )
            time.sleep(0.2)
    assert max(depths) <= allowed * (SMALL_TENANTS + 1)
    assert answered_at is not None
    assert answered_at - asked_at < timedelta(seconds=10), "a person does not wait behind the backlog"
    order = [owners[store_id] for store_id in sorted(seen, key=seen.__getitem__)]
    first_of_all = max(order.index(tenant) for tenant in set(order))
    assert first_of_all < 4 * (SMALL_TENANTS + 1), "every tenant's first store comes early"
    with platform.services.sessions.platform("a test looks") as session:
        rows = session.scalars(select(Store).where(Store.id.in_(owners))).all()
    assert {row.phase for row in rows} == {Phase.READY}
    assert max(row.crash_count for row in rows) == 0
    due = sorted(row.next_reconcile_at for row in rows if row.next_reconcile_at is not None)
    assert due[-1] - due[0] > timedelta(seconds=120), "they do not come back together"
    busiest = max(Counter(int(at.timestamp()) // 10 for at in due).values())
    assert busiest < STORES // 5


def _seen(platform: Platform, ids: list[str]) -> dict[str, datetime]:
    never = platform.services.clock.now() - timedelta(days=1)
    with platform.services.sessions.platform("a test looks") as session:
        return {row.id: row.observed_at or never for row in session.execute(select(Store.id, Store.observed_at).where(Store.id.in_(ids)))}
