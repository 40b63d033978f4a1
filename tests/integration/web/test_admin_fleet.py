"""The overview and the lists behind its figures, on the real database: what they count is what they lead to."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import update

from app.domain.conditions import Status
from app.domain.drift import DriftClass
from app.domain.stores import DriftMode, Phase
from app.models import ClusterRow, DriftEvent, Lease, StoreCondition
from app.ports import WorkerState
from app.services.context import Services
from app.services.fleet_queries import watch
from app.services.fleet_stores import State, Wanted, list_drift, list_fleet
from app.services.fleet_trends import trends
from app.services.queries import get_store
from app.services.views import StoreView
from tests.factories import make_store, make_tenant, row_of, set_row, with_quotas
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.integration.web.conftest import Signed
from tests.integration.web.test_portal import make_ready, statements, with_history

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def olga(sign_in: Any) -> Signed:
    return cast("Signed", sign_in(operator=True))


def fails(services: Services, store: StoreView, *conditions: tuple[str, str, str], **values: Any) -> StoreView:
    """A store that fails, with these conditions (type, status, reason)."""
    set_row(services, store.id, **{"phase": "Degraded", "failure_count": 1, **values})
    with services.sessions.platform("a test sets the scene") as session:
        for type_, status, reason in conditions:
            session.merge(
                StoreCondition(
                    store_id=store.id, tenant_id=store.tenant_id, type=type_, status=Status(status), reason=reason,
                    message=f"{reason} it is.", last_transition_at=services.clock.now(), observed_generation=1,
                )
            )  # fmt: skip
    return store


def drifts(services: Services, store: StoreView, kind: str, hours: float, *, repaired: bool, **values: Any) -> None:
    at = services.clock.now() - timedelta(hours=hours)
    with services.sessions.platform("a test sets the scene") as session:
        session.add(
            DriftEvent(
                **{
                    "store_id": store.id, "tenant_id": store.tenant_id, "kind": kind, "name": "backend", "path": "spec.replicas",
                    "drift_class": DriftClass.MODIFIED, "manager": "kubectl-edit", "before": 1, "after": 0, "detected_at": at,
                    "repaired_at": at + timedelta(seconds=1) if repaired else None, **values,
                }
            )
        )  # fmt: skip


def fleet(services: Services) -> dict[str, StoreView]:
    """A store in each state that the console tells apart."""
    tenant = make_tenant(services, "acme")
    stores = {name: make_ready(services, make_store(services, tenant, name)) for name in (
        "fine", "stalled", "unready", "unsynced", "mute", "quarantined", "due", "paused", "watched", "crashing", "drifted", "at-work"
    )}  # fmt: skip
    now = services.clock.now()
    for store in stores.values():
        set_row(services, store.id, next_reconcile_at=now + timedelta(hours=1))
    fails(services, stores["stalled"], ("Stalled", "True", "ImmutableField"), ("Ready", "False", "Crashing"))
    fails(services, stores["unready"], ("Ready", "False", "Crashing"), phase="Failed", failure_count=0)
    fails(services, stores["unsynced"], ("Synced", "Unknown", "Unreadable"), ("Ready", "False", "Crashing"))
    fails(services, stores["mute"], phase="Ready")
    fails(services, stores["quarantined"], ("Ready", "False", "Crashing"), quarantined_at=now)
    set_row(services, stores["due"].id, next_reconcile_at=now - timedelta(minutes=2))
    set_row(services, stores["paused"].id, paused_until=now + timedelta(hours=1), paused_reason="upgrade")
    set_row(services, stores["watched"].id, drift_mode=DriftMode.OBSERVE)
    set_row(services, stores["crashing"].id, crash_count=2)
    set_row(services, stores["at-work"].id, lease_token="t", lease_until=now + timedelta(days=3650), lease_holder="worker-1")
    drifts(services, stores["drifted"], "Service", 1, repaired=False)
    fails(services, stores["drifted"], ("Synced", "False", "ContestedField"), phase="Ready", failure_count=0)
    drifts(services, stores["fine"], "Deployment", 2, repaired=True)
    drifts(services, stores["fine"], "Deployment", 40, repaired=True)
    return stores


def names(services: Services, **wanted: Any) -> set[str]:
    return {store.name for store in list_fleet(services, Wanted(**wanted)).stores}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"state": State.FAILING}, {"stalled", "unready", "unsynced", "mute"}),
        ({"state": State.QUARANTINED}, {"quarantined"}),
        ({"state": State.DUE}, {"due"}),
        ({"state": State.PAUSED}, {"paused"}),
        ({"state": State.WATCHED}, {"watched"}),
        ({"state": State.CRASHING}, {"crashing"}),
        ({"state": State.DRIFT}, {"drifted"}),
        ({"state": State.UNDER_WAY}, {"at-work"}),
        ({"reason": "Crashing"}, {"unready"}),
        ({"reason": "ImmutableField"}, {"stalled"}),
        ({"phase": Phase.FAILED}, {"unready"}),
        ({"search": "ACME", "state": State.DUE}, {"due"}),
        ({"search": "drift"}, {"drifted"}),
        ({"tenant": "acme", "plan": "starter", "phase": Phase.FAILED}, {"unready"}),
        ({"tenant": "other"}, set[str]()),
        ({"plan": "standard"}, set[str]()),
    ],
)
def test_each_filter_finds_its_stores(services: Services, wanted: dict[str, Any], found: set[str]) -> None:
    roomy = with_quotas(services)
    fleet(roomy)
    assert names(roomy, **wanted) == found


def test_the_figures_are_as_many_as_the_rows_they_lead_to(services: Services) -> None:
    services = with_quotas(services)
    fleet(services)
    watched = watch(services, recent=timedelta(minutes=5), most=10)
    assert watched.failing == list_fleet(services, Wanted(state=State.FAILING)).total == 4
    assert watched.figures.quarantined == list_fleet(services, Wanted(state=State.QUARANTINED)).total
    assert watched.figures.due == list_fleet(services, Wanted(state=State.DUE)).total
    assert watched.figures.crashing == list_fleet(services, Wanted(state=State.CRASHING)).total
    assert len(watched.under_way) == list_fleet(services, Wanted(state=State.UNDER_WAY)).total
    for phase, count in watched.figures.stores.items():
        assert list_fleet(services, Wanted(phase=Phase(phase))).total == count, phase
    recent = trends(services)
    assert {each.reason: each.stores for each in recent.reasons if each.reason} == {
        trouble.reason: 1 for trouble in watched.troubles if trouble.reason
    }
    for each in recent.reasons:
        if each.reason:
            assert list_fleet(services, Wanted(reason=each.reason)).total == each.stores
    assert sum(each.stores for each in recent.reasons) == watched.failing
    assert recent.contested == len(list_drift(services, only_open=True, contested=True)) == 1
    assert {each.kind: (each.found, each.open) for each in recent.kinds} == {"Deployment": (1, 0), "Service": (1, 1)}
    assert [(hour.found, hour.repaired) for hour in recent.hours][-3:] == [(1, 1), (1, 0), (0, 0)]
    assert len(recent.hours) == 24


def test_time_to_ready_is_of_those_that_became_ready(services: Services) -> None:
    services = with_quotas(services)
    assert trends(services).ready.of == 0
    for seconds in (10, 20, 30):
        store = make_store(services)
        set_row(services, store.id, ever_ready=True, first_ready_at=store.created_at + timedelta(seconds=seconds))
    make_store(services)
    ready = trends(services).ready
    assert (ready.of, ready.p50, ready.p95, ready.longest) == (3, 20.0, 30.0, 30.0)


def test_the_overview_shows_the_fleet_and_each_figure_is_a_link(olga: Signed, services: Services, queue: FakeQueue, web: Any) -> None:
    roomy = with_quotas(services)
    web.extensions["storeyard"] = roomy
    stores = fleet(roomy)
    now = services.clock.now()
    queue.crew = (
        WorkerState("worker-1", "busy", now, stores["at-work"].id, now),
        WorkerState("worker-2", "idle", now - timedelta(minutes=3)),
    )
    with services.sessions.platform("a test sets the scene") as session:
        session.add(Lease(name="scheduler", holder="box-7", token="t", until=now + timedelta(days=3650)))
        session.execute(update(ClusterRow).values(version="v1.34.2", observed_at=now - timedelta(minutes=7)))
    page = olga.get("/admin").text
    for text in ("ImmutableField", "Crashing", "worker-1", "silent", "box-7", "v1.34.2", "7 minutes ago", "Contested fields", "data-chart"):
        assert text in page
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"]+)"', page)}
    assert {f"/admin/stores/{stores['at-work'].id}", "/admin/stores?state=failing", "/admin/drift?open=1&contested=1"} <= links
    for link in links:
        assert olga.get(link).status_code == 200, link
    part = olga.get("/admin", htmx=True).text
    assert part.lstrip().startswith('<div id="overview"')


def test_without_the_queue_the_overview_says_so_and_shows_the_rest(olga: Signed, services: Services, queue: FakeQueue) -> None:
    make_store(services)
    queue.down = True
    page = olga.get("/admin")
    assert page.status_code == 200
    assert "The queue is out of reach" in page.text
    assert "Drift by the hour" in page.text


def test_lists_take_nonsense_for_nothing(olga: Signed, services: Services) -> None:
    make_store(services, name="Harbour Linen")
    for query in ("state=x", "phase=x", "page=-1", "page=x", "q=%00", "reason=%00x", "plan=x&tenant=y", "page=99"):
        assert olga.get(f"/admin/stores?{query}").status_code == 200, query
    for query in ("before=x", "before=-1", "before=99999999999999999999999", "kind=%00", "open=x"):
        assert olga.get(f"/admin/drift?{query}").status_code == 200, query
    assert "Harbour Linen" in olga.get("/admin/stores?page=99", htmx=True).text


def test_drift_is_paged_by_its_ids(olga: Signed, services: Services) -> None:
    store = make_store(services)
    with_history(services, store, 60)
    first = olga.get("/admin/drift").text
    found = re.search(r'href="(/admin/drift\?before=\d+)"', first)
    assert found
    second = olga.get(found[1]).text
    assert first.count("spec.replicas") == 50
    assert second.count("spec.replicas") == 10


# One store


def test_an_operator_reads_a_store_and_changes_none_of_its_intent(olga: Signed, services: Services) -> None:
    store = make_ready(services, make_store(services, name="Harbour Linen"))
    with_history(services, store, 2)
    fails(services, store, ("Ready", "False", "Crashing"))
    page = olga.get(f"/admin/stores/{store.id}")
    for text in ("Harbour Linen", store.namespace, "Crashing it is.", "kubectl-scale", "spec.replicas", "412 ms", "1 failed passes"):
        assert text in page.text
    assert olga.get(f"/admin/stores/{'0' * 26}").status_code == 404
    assert row_of(services, store.id).generation == store.generation


def test_reconcile_now_lifts_a_quarantine_and_wakes_the_store(olga: Signed, services: Services, queue: FakeQueue) -> None:
    store = make_store(services)
    set_row(services, store.id, quarantined_at=services.clock.now(), failure_count=5, crash_count=5)
    assert "Lift quarantine" in olga.get(f"/admin/stores/{store.id}").text
    queue.wakes.clear()
    assert olga.post(f"/admin/stores/{store.id}/reconcile").status_code == 303
    row = row_of(services, store.id)
    assert (row.quarantined_at, row.failure_count, queue.woken) == (None, 0, [store.id])


def test_a_store_is_paused_for_a_while_and_for_a_reason(olga: Signed, services: Services, clock: FakeClock) -> None:
    store = make_store(services)
    address = f"/admin/stores/{store.id}"
    for wrong, field in (({"minutes": "60", "reason": " "}, "reason"), ({"minutes": "7", "reason": "upgrade"}, "minutes")):
        refused = olga.post(f"{address}/pause", wrong)
        assert (refused.status_code, f'id="{field}-error"' in refused.text) == (422, True)
    assert olga.post(f"{address}/pause", {"minutes": "60", "reason": "upgrade"}).status_code == 303
    row = row_of(services, store.id)
    assert (row.paused_until, row.paused_reason) == (clock.now() + timedelta(hours=1), "upgrade")
    assert olga.post(f"{address}/unpause").status_code == 303
    assert row_of(services, store.id).paused_until is None


def test_the_drift_mode_of_a_store_is_set(olga: Signed, services: Services) -> None:
    store = make_store(services)
    assert olga.post(f"/admin/stores/{store.id}/mode", {"mode": "observe"}).status_code == 303
    assert get_store(services, tenant_id=store.tenant_id, store_id=store.id).drift_mode is DriftMode.OBSERVE
    assert olga.post(f"/admin/stores/{store.id}/mode", {"mode": "sometimes"}).status_code == 422


# Cost


def test_the_number_of_statements_does_not_grow_with_rows(olga: Signed, services: Services, web: Any) -> None:
    roomy = with_quotas(services)
    web.extensions["storeyard"] = roomy
    store = make_store(services)
    fails(services, store, ("Ready", "False", "Crashing"))
    fails(services, make_store(services), ("Ready", "False", "Crashing"), quarantined_at=services.clock.now())
    paths = ("/admin", "/admin/stores", "/admin/stores?reason=Crashing&q=a", "/admin/drift", f"/admin/stores/{store.id}")
    ask: Callable[[str], Any] = olga.client.get

    def counted() -> dict[str, int]:
        return {path: statements(services, lambda path=path: ask(path)) for path in paths}

    few = counted()
    for other in fleet(roomy).values():
        with_history(services, other, 3)
    many = counted()
    assert many == few
    assert max(count for path, count in many.items() if path != "/admin") <= 12, many
    assert many["/admin"] <= 30, many
