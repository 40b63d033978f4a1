"""The read side: who sees what, in which order, in how many statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from app.domain.conditions import READY, SYNCED, Status
from app.domain.errors import Ambiguous, NotFound
from app.domain.manifests import InventoryEntry, LiveObject, ObjectKey
from app.domain.stores import DriftMode, Phase
from app.models import Event, InventoryObject, ReconcileRun, StoreCondition
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.pause_reconciling import pause_platform, pause_reconciling
from app.services.queries import (
    database_version,
    find_tenant,
    get_store,
    known_namespaces,
    list_stores,
    list_tenants,
    resolve_store,
    store_events,
    store_runs,
    store_totals,
)
from app.services.quota_queries import all_quotas, tenant_quota
from app.services.set_drift_mode import set_drift_mode, set_platform_drift_mode
from app.services.snapshots import LoadedStore, load_store
from app.services.views import StoreView
from tests.factories import MERCHANT, OPERATOR, make_id, make_store, make_tenant, row_of, set_gone, set_row
from tests.fakes.clock import FakeClock


@contextmanager
def statements(services: Services) -> Iterator[list[str]]:
    """The SQL that is sent meanwhile."""
    sent: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(services.sessions.engine, "before_cursor_execute", listen)
    try:
        yield sent
    finally:
        event.remove(services.sessions.engine, "before_cursor_execute", listen)


def load(services: Services, store: StoreView) -> LoadedStore:
    with services.sessions.platform("a worker loads") as session:
        loaded = load_store(session, store.id, vault=services.vault, now=services.clock.now())
    assert loaded is not None
    return loaded


def add(services: Services, *rows: object) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.add_all(rows)


def test_a_snapshot_holds_all_that_a_pass_works_from(services: Services, clock: FakeClock) -> None:
    store = make_store(services, settings={"accent": "#0B6E8A"})
    body = {"kind": "Service", "metadata": {"name": "backend", "namespace": store.namespace, "uid": "u1", "resourceVersion": "7"}}
    entry = InventoryEntry.record("hash", LiveObject.of(body))
    whose = {"store_id": store.id, "tenant_id": store.tenant_id}
    add(
        services,
        StoreCondition(
            **whose, type=READY, status=Status.FALSE, reason="Waiting", message="", last_transition_at=clock.now(), observed_generation=1
        ),
        StoreCondition(
            **whose, type=SYNCED, status=Status.TRUE, reason="Ok", message="", last_transition_at=clock.now(), observed_generation=1
        ),
        InventoryObject(
            **whose, kind="Service", namespace=store.namespace, name="backend", uid=entry.uid, resource_version=entry.resource_version,
            manifest_hash=entry.manifest_hash, live=dict(entry.live), live_hash=entry.live_hash,
        ),
    )  # fmt: skip
    snapshot = load(services, store).snapshot
    assert [condition.type for condition in snapshot.conditions] == [SYNCED, READY]
    assert snapshot.inventory == {ObjectKey("Service", store.namespace, "backend"): entry}
    assert snapshot.settings == {"accent": "#0b6e8a"}
    assert snapshot.claim == row_of(services, store.id).claim
    assert snapshot.provisioning_since == clock.now()
    assert snapshot.secrets["database_password"] not in repr(snapshot)


def test_a_snapshot_takes_a_bounded_number_of_statements(services: Services) -> None:
    store = make_store(services)
    with statements(services) as sent:
        load(services, store)
    assert len(sent) == 3


def test_an_unknown_store_has_no_snapshot(services: Services) -> None:
    with services.sessions.platform("a worker loads") as session:
        assert load_store(session, make_id(), vault=services.vault, now=services.clock.now()) is None


@pytest.mark.parametrize(
    ("own", "platform", "wanted"),
    [
        (DriftMode.REPAIR, DriftMode.REPAIR, DriftMode.REPAIR),
        (DriftMode.REPAIR, DriftMode.OBSERVE, DriftMode.OBSERVE),
        (DriftMode.OFF, DriftMode.OBSERVE, DriftMode.OFF),
        (DriftMode.OBSERVE, DriftMode.OFF, DriftMode.OFF),
    ],
)
def test_of_two_drift_modes_the_stricter_holds(services: Services, own: DriftMode, platform: DriftMode, wanted: DriftMode) -> None:
    store = make_store(services)
    set_drift_mode(services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=own)
    set_platform_drift_mode(services, OPERATOR, mode=platform)
    assert load(services, store).snapshot.drift_mode is wanted


def test_a_pause_is_told_with_its_reason_until_it_ends(services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    assert load(services, store).pause is None
    pause_platform(services, OPERATOR, until=clock.now().replace(hour=20), reason="upgrade")
    assert load(services, store).pause == "upgrade"
    pause_reconciling(services, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, until=clock.now().replace(hour=15), reason="moving")
    assert load(services, store).pause == "moving"
    clock.advance(hours=4)
    assert load(services, store).pause == "upgrade"
    clock.advance(hours=5)
    assert load(services, store).pause is None


def test_a_list_costs_the_same_however_long_it_is(services: Services) -> None:
    tenant = make_tenant(services)
    lengths: list[int] = []
    for _ in range(2):
        for _ in range(2):
            make_store(services, tenant)
        with statements(services) as sent:
            list_stores(services, tenant_id=tenant.id)
            all_quotas(services)
        lengths.append(len(sent))
    assert lengths[0] == lengths[1] <= 6


def test_stores_are_listed_by_tenant_and_phase_in_pages(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    stores: list[StoreView] = []
    for _ in range(4):
        clock.advance(1)
        stores.append(make_store(services, tenant))
    other = make_store(services)
    set_row(services, stores[1].id, phase=Phase.READY)
    delete_store(services, MERCHANT, tenant_id=tenant.id, store_id=stores[3].id)
    set_gone(services, stores[3].id)
    ids = [store.id for store in stores]
    assert [store.id for store in list_stores(services, tenant_id=tenant.id)] == ids[:3]
    assert [store.id for store in list_stores(services, tenant_id=tenant.id, include_gone=True)] == ids
    assert [store.id for store in list_stores(services, phase=Phase.READY)] == [ids[1]]
    assert [store.id for store in list_stores(services, phase=Phase.DELETED)] == [ids[3]]
    assert [store.id for store in list_stores(services, tenant_id=tenant.id, limit=2)] == ids[:2]
    assert [store.id for store in list_stores(services, tenant_id=tenant.id, limit=2, after=ids[1])] == ids[2:3]
    assert {store.id for store in list_stores(services)} == {*ids[:3], other.id}
    totals = store_totals(services, tenant_id=tenant.id)
    assert (totals[Phase.PENDING], totals[Phase.READY], totals[Phase.DELETED], totals[Phase.FAILED]) == (2, 1, 1, 0)


def test_another_tenants_store_is_not_found(services: Services) -> None:
    store, stranger = make_store(services), make_tenant(services)
    assert get_store(services, tenant_id=store.tenant_id, store_id=store.id).id == store.id
    with pytest.raises(NotFound):
        get_store(services, tenant_id=stranger.id, store_id=store.id)
    with pytest.raises(NotFound):
        resolve_store(services, store.id, tenant_id=stranger.id)
    with pytest.raises(NotFound):
        resolve_store(services, store.slug, tenant_id=stranger.id)


def test_a_store_is_named_by_id_or_slug(services: Services) -> None:
    one, two = make_store(services, slug="bakery"), make_store(services, slug="bakery")
    only = make_store(services, slug="butcher")
    assert resolve_store(services, one.id) == one
    assert resolve_store(services, "butcher") == only
    assert resolve_store(services, "bakery", tenant_id=two.tenant_id) == two
    with pytest.raises(Ambiguous) as refused:
        resolve_store(services, "bakery")
    assert {candidate["id"] for candidate in refused.value.data["candidates"]} == {one.id, two.id}
    assert one.id in refused.value.message
    with pytest.raises(NotFound):
        resolve_store(services, "baker")


def test_of_several_stores_of_one_slug_the_wanted_one_is_meant(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    for fate in ("gone", "deleting", "wanted"):
        clock.advance(1)
        store = make_store(services, tenant, "bakery")
        assert resolve_store(services, "bakery").id == store.id
        if fate != "wanted":
            delete_store(services, MERCHANT, tenant_id=tenant.id, store_id=store.id)
        if fate == "gone":
            set_gone(services, store.id)
        assert resolve_store(services, "bakery").id == store.id


def test_events_and_runs_are_the_tenants_own_newest_first(services: Services, clock: FakeClock) -> None:
    mine, other = make_store(services), make_store(services)
    for store in (mine, other):
        whose = {"tenant_id": store.tenant_id, "store_id": store.id}
        for n in range(3):
            add(services, Event(**whose, at=clock.now(), type="Ready", reason="Ok", message=f"{store.slug} {n}"))
            add(services, ReconcileRun(**whose, id=make_id(), generation=n, started_at=clock.now()))
    events = store_events(services, tenant_id=mine.tenant_id, store_id=mine.id)
    assert [row.message for row in events] == [f"{mine.slug} {n}" for n in (2, 1, 0)]
    assert [row.message for row in store_events(services, tenant_id=mine.tenant_id, after=events[2].id)] == [
        f"{mine.slug} {n}" for n in (1, 2)
    ]
    assert [row.generation for row in store_runs(services, tenant_id=mine.tenant_id, store_id=mine.id, limit=2)] == [2, 1]
    assert store_events(services, tenant_id=mine.tenant_id, store_id=other.id) == ()
    assert store_runs(services, tenant_id=mine.tenant_id, store_id=other.id) == ()


def test_tenants_are_found_by_slug_or_id(services: Services) -> None:
    tenant = make_tenant(services, "acme")
    assert find_tenant(services, "acme") == find_tenant(services, tenant.id) == tenant
    assert list_tenants(services) == (tenant,)
    with pytest.raises(NotFound):
        find_tenant(services, "nobody")
    with pytest.raises(NotFound):
        tenant_quota(services, tenant_id=make_id())


def test_namespaces_of_all_rows_are_known_gone_ones_included(services: Services) -> None:
    living, gone = make_store(services), make_store(services)
    delete_store(services, MERCHANT, tenant_id=gone.tenant_id, store_id=gone.id)
    set_gone(services, gone.id)
    known = {row.namespace: row for row in known_namespaces(services)}
    assert known[living.namespace].wanted
    assert known[living.namespace].gone_at is None
    assert not known[gone.namespace].wanted
    assert known[gone.namespace].gone_at == services.clock.now()
    assert known_namespaces(services, cluster_id=make_id()) == ()


def test_the_database_tells_its_version(services: Services) -> None:
    assert int(database_version(services).split(".")[0]) >= 14
