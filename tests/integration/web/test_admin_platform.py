"""The platform's switches: set in the console or at a shell, held by the use cases, said in the portal, kept in the audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import update

from app.domain.actors import Actor
from app.domain.errors import Forbidden, InvalidIntent, SwitchedOff
from app.domain.people import Role
from app.domain.stores import DriftMode
from app.models import ClusterRow
from app.services.change_plan import change_plan
from app.services.change_settings import change_settings
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.pause_reconciling import pause_reconciling, unpause_reconciling
from app.services.queries import get_store, list_stores, platform_state
from app.services.quota_queries import platform_quota
from app.services.rename_store import rename_store
from app.services.request_reconcile import request_reconcile
from app.services.resume_store import resume_store
from app.services.set_drift_mode import set_drift_mode
from app.services.suspend_store import suspend_store
from app.services.switches import switch
from tests.factories import MERCHANT, OPERATOR, make_store, make_tenant, row_of
from tests.fakes.clock import FakeClock
from tests.integration.accounts import audit_of
from tests.integration.web.conftest import Signed
from tests.integration.web.test_portal import statements

pytestmark = pytest.mark.usefixtures("database")

FULL = "The cluster is full until Monday."
MOVING = "We move the database until 18:00 UTC."


@pytest.fixture
def olga(sign_in: Any) -> Signed:
    return cast("Signed", sign_in(operator=True))


# The use cases


def test_no_store_is_made_by_anybody_while_that_is_switched_off(services: Services) -> None:
    tenant = make_tenant(services)
    kept = create_store(services, MERCHANT, tenant_id=tenant.id, slug="kept", idempotency_key="k")
    switch(services, OPERATOR, name="no_new_stores", reason=FULL)
    for actor in (MERCHANT, OPERATOR):
        with pytest.raises(SwitchedOff, match=FULL) as refused:
            create_store(services, actor, tenant_id=tenant.id, slug="another")
        assert refused.value.data == {"action": "store.create", "switch": "no_new_stores", "reason": FULL}
    again = create_store(services, MERCHANT, tenant_id=tenant.id, slug="kept", idempotency_key="k")
    assert (again.id, again.replayed) == (kept.id, True)
    rename_store(services, MERCHANT, tenant_id=tenant.id, store_id=kept.id, name="Changes are taken")
    assert len(list_stores(services, tenant_id=tenant.id)) == 1
    switch(services, OPERATOR, name="no_new_stores", reason=None)
    create_store(services, MERCHANT, tenant_id=tenant.id, slug="another")


CHANGES: dict[str, Callable[..., Any]] = {
    "rename": lambda **of: rename_store(**of, name="Another"),
    "settings": lambda **of: change_settings(**of, settings={"tagline": "Another"}),
    "plan": lambda **of: change_plan(**of, plan="standard"),
    "suspend": suspend_store,
    "delete": delete_store,
    "drift mode": lambda **of: set_drift_mode(**of, mode=DriftMode.OFF),
    "pause": lambda **of: pause_reconciling(**of, until=of["services"].clock.now() + timedelta(hours=1), reason="later"),
    "unpause": unpause_reconciling,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_while_read_only_a_tenants_change_is_refused_and_an_operators_taken(services: Services, change: Callable[..., Any]) -> None:
    store = make_store(services)
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
    switch(services, OPERATOR, name="read_only", reason=MOVING)
    before = row_of(services, store.id)

    def ask(actor: Actor) -> None:
        change(services=services, actor=actor, tenant_id=store.tenant_id, store_id=store.id)

    with pytest.raises(SwitchedOff, match="Nothing can be changed"):
        ask(MERCHANT)
    after = row_of(services, store.id)
    for name in ("generation", "name", "plan", "settings", "desired_state", "drift_mode", "paused_until"):
        assert getattr(after, name) == getattr(before, name)
    ask(OPERATOR)
    switch(services, OPERATOR, name="read_only", reason=None)
    if change is not delete_store:
        ask(MERCHANT)


def test_while_read_only_nothing_is_made_or_resumed_and_all_is_read(services: Services) -> None:
    store = make_store(services)
    suspend_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    switch(services, OPERATOR, name="read_only", reason=MOVING)
    with pytest.raises(SwitchedOff):
        create_store(services, MERCHANT, tenant_id=store.tenant_id, slug="another")
    with pytest.raises(SwitchedOff):
        resume_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    assert get_store(services, tenant_id=store.tenant_id, store_id=store.id).name == store.name
    request_reconcile(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)


def test_a_switch_is_an_operators_has_a_reason_and_is_audited_once(services: Services) -> None:
    with pytest.raises(Forbidden):
        switch(services, MERCHANT, name="read_only", reason=MOVING)
    for wrong in ("", "  ", "x" * 501):
        with pytest.raises(InvalidIntent):
            switch(services, OPERATOR, name="read_only", reason=wrong)
    assert platform_state(services).read_only is None
    for _ in range(2):
        assert switch(services, OPERATOR, name="read_only", reason=MOVING).read_only == MOVING
    (entry,) = audit_of(services, "platform.read_only")
    assert (entry.before, entry.after, entry.tenant_id) == ({"read_only": None}, {"read_only": MOVING}, None)


# The portal


def test_the_portal_says_that_and_why_no_store_can_be_made(sign_in: Any, services: Services) -> None:
    owner = sign_in()
    assert FULL not in owner.get("/stores").text
    switch(services, OPERATOR, name="no_new_stores", reason=FULL)
    assert FULL in owner.get("/stores").text
    page = owner.get("/stores/new").text
    assert page.count(FULL) == 2
    assert " disabled" in page.partition("Create store")[0].rpartition("<button")[2]
    refused = owner.post("/stores", {"name": "Harbour", "slug": "harbour", "plan": "starter"})
    assert (refused.status_code, FULL in refused.text, 'value="Harbour"' in refused.text) == (403, True, True)
    assert list_stores(services, tenant_id=owner.tenant.id) == ()


def test_the_portal_says_that_and_why_nothing_can_be_changed(sign_in: Any, services: Services) -> None:
    owner = sign_in()
    store = make_store(services, owner.tenant)
    switch(services, OPERATOR, name="read_only", reason=MOVING)
    assert MOVING in owner.get(f"/stores/{store.id}").text
    refused = owner.post(f"/stores/{store.id}/name", {"name": "Another", "generation": str(store.generation)})
    assert (refused.status_code, MOVING in refused.text) == (403, True)
    assert row_of(services, store.id).name == store.name
    assert sign_in(Role.VIEWER, tenant=owner.tenant).get(f"/stores/{store.id}/activity").status_code == 200


# The console


@pytest.mark.parametrize(("path", "name"), [("new-stores", "no_new_stores"), ("read-only", "read_only")])
def test_switches_are_turned_in_the_console(olga: Signed, services: Services, path: str, name: str) -> None:
    refused = olga.post(f"/admin/platform/{path}", {"do": "on", name: " "})
    assert (refused.status_code, f'id="{name}-error"' in refused.text) == (422, True)
    assert olga.post(f"/admin/platform/{path}", {"do": "on", name: FULL}).status_code == 303
    assert getattr(platform_state(services), name) == FULL
    page = olga.get("/admin/platform").text
    assert f'value="{FULL}"' in page
    assert olga.user.name in page, "the history"
    assert olga.post(f"/admin/platform/{path}", {"do": "off"}).status_code == 303
    assert getattr(platform_state(services), name) is None


def test_reconciling_is_paused_and_drift_mode_set_in_the_console(olga: Signed, services: Services, clock: FakeClock) -> None:
    for wrong, field in (({"minutes": "60", "pause_reason": ""}, "pause_reason"), ({"minutes": "1", "pause_reason": "x"}, "minutes")):
        refused = olga.post("/admin/platform/pause", wrong)
        assert (refused.status_code, f'id="{field}-error"' in refused.text) == (422, True)
    assert olga.post("/admin/platform/pause", {"minutes": "240", "pause_reason": "node upgrade"}).status_code == 303
    assert platform_state(services).paused_until == clock.now() + timedelta(hours=4)
    assert "node upgrade" in olga.get("/admin/platform").text
    assert olga.post("/admin/platform/unpause").status_code == 303
    assert platform_state(services).paused_until is None
    assert olga.post("/admin/platform/mode", {"mode": "maybe"}).status_code == 422
    assert olga.post("/admin/platform/mode", {"mode": "observe"}).status_code == 303
    assert platform_state(services).drift_mode is DriftMode.OBSERVE


def test_the_platforms_limits_are_previewed_set_and_refused_beside_their_field(olga: Signed, services: Services) -> None:
    make_store(services)
    given = {"stores": "0", "cpu": "", "memory": "", "disk": "", "reason": "Small", "expires_at": ""}
    part = olga.post("/admin/platform/limits", {**given, "do": "preview"}, htmx=True).text
    assert "is already over by 1 store" in part
    assert part.lstrip().startswith('<div id="effect"')
    assert platform_quota(services).limit.stores == services.policy.platform_quota.stores
    refused = olga.post("/admin/platform/limits", {**given, "cpu": "-2"})
    assert (refused.status_code, 'id="cpu-error"' in refused.text, 'value="-2"' in refused.text) == (422, True, True)
    assert olga.post("/admin/platform/limits", given).status_code == 303
    assert platform_quota(services).limit.stores == 0
    page = olga.get("/admin/platform").text
    for text in ("Small", "Starter", "Performance", "over quota", "5 stores"):
        assert text in page


def test_the_platforms_page_takes_few_statements(olga: Signed, services: Services) -> None:
    few = statements(services, lambda: olga.client.get("/admin/platform"))
    for number in range(3):
        make_store(services)
        switch(services, OPERATOR, name="no_new_stores", reason=f"Reason {number}")
        switch(services, OPERATOR, name="no_new_stores", reason=None)
    assert statements(services, lambda: olga.client.get("/admin/platform")) == few <= 12
