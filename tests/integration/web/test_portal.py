"""The merchant's store pages on the real database: what they show, what they take, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.conditions import Status
from app.domain.drift import DriftClass
from app.domain.people import Role
from app.models import AuditEntry, DriftEvent, Event, ReconcileRun, StoreCondition
from app.services.context import Services
from app.services.freeze_tenant import freeze_tenant
from app.services.queries import get_store, list_stores
from app.services.rename_store import rename_store
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests.factories import MERCHANT, OPERATOR, make_id, make_store, row_of, set_gone, set_row

pytestmark = pytest.mark.usefixtures("database")


def make_ready(services: Services, store: StoreView) -> StoreView:
    """As after a pass that found everything as asked for."""
    now = services.clock.now()
    set_row(
        services,
        store.id,
        phase="Ready",
        observed_generation=store.generation,
        observed_at=now,
        ever_ready=True,
        first_ready_at=now,
    )
    with services.sessions.platform("a test sets the scene") as session:
        for type_, message in (("Synced", "Everything is as asked for."), ("Ready", "The store is open.")):
            values = {"status": Status.TRUE, "reason": "Serving", "message": message, "last_transition_at": now}
            session.merge(
                StoreCondition(store_id=store.id, tenant_id=store.tenant_id, type=type_, observed_generation=store.generation, **values)
            )
    return get_store(services, tenant_id=store.tenant_id, store_id=store.id)


def with_history(services: Services, store: StoreView, number: int) -> None:
    now = services.clock.now()
    with services.sessions.platform("a test sets the scene") as session:
        owner = {"store_id": store.id, "tenant_id": store.tenant_id}
        for count in range(number):
            session.add(Event(**owner, at=now, type="Ready", reason="Serving", message=f"Event {count}", data={"status": "True"}))
            session.add(
                DriftEvent(
                    **owner, kind="Deployment", name="backend", path=f"spec.replicas{count}", drift_class=DriftClass.MODIFIED,
                    manager="kubectl-scale", before=1, after=0, detected_at=now, repaired_at=now + timedelta(milliseconds=640),
                )
            )  # fmt: skip
            changes = [{"kind": "Deployment", "name": "backend", "action": "configured", "reason": "Drifted", "differences": []}]
            session.add(
                ReconcileRun(
                    **owner, id=make_id(), generation=1, started_at=now, finished_at=now, duration_ms=412, outcome="changed",
                    changes=changes, counts={}, steps=[],
                )
            )  # fmt: skip


def audits(services: Services, action: str) -> list[AuditEntry]:
    with services.sessions.platform("a test looks") as session:
        return [entry for entry in session.query(AuditEntry).all() if entry.action == action]


# The list


def test_a_tenant_without_stores_is_invited_to_make_one(sign_in: Any) -> None:
    page = sign_in().client.get("/stores")
    assert page.status_code == 200
    assert "Open your first store" in page.text
    assert "/stores/new" in page.text


def test_a_viewer_without_stores_is_not_asked_for_what_they_may_not_do(sign_in: Any) -> None:
    page = sign_in(role=Role.VIEWER).client.get("/stores")
    assert "No stores yet" in page.text
    assert "/stores/new" not in page.text


def test_the_list_shows_searches_and_filters(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    tenant_id = signed.tenant.id
    linen = make_store(services, signed.tenant, "harbour-linen", name="Harbour Linen")
    make_store(services, signed.tenant, "fjord-wool", name="Fjord & <Wool>")
    make_ready(services, linen)
    page = signed.client.get("/stores").text
    assert "Harbour Linen" in page
    assert "Fjord &amp; &lt;Wool&gt;" in page
    assert "Fjord" not in signed.client.get("/stores?q=LINEN").text
    assert "Fjord" not in signed.client.get("/stores?show=open").text
    assert "Harbour Linen" not in signed.client.get("/stores?show=moving").text
    assert "Nothing matches" in signed.client.get("/stores?q=%25").text, "a per cent sign is a text, not a pattern"
    assert len(list_stores(services, tenant_id=tenant_id)) == 2


def test_the_list_asks_again_only_while_something_is_on_its_way(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant)
    moving = signed.client.get("/stores", headers={"HX-Request": "true"}).text
    assert moving.lstrip().startswith('<div id="stores"')
    assert "data-live-poll" in moving
    make_ready(services, store)
    assert "data-live-poll" not in signed.client.get("/stores", headers={"HX-Request": "true"}).text


def test_pages_of_a_long_list_are_links(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    for number in range(5):
        make_store(services, signed.tenant, f"shop-no-{number}")
    assert signed.client.get("/stores?page=99").status_code == 200
    assert signed.client.get("/stores?page=-1&show=nonsense").status_code == 200


# A new store


def new_form(signed: Any, **values: str) -> dict[str, str]:
    page = signed.client.get("/stores/new").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    return {"name": "Harbour Linen", "slug": "harbour-linen", "plan": "starter", "key": key[1], **values}


def test_a_store_is_made_and_shown(sign_in: Any, services: Services) -> None:
    signed = sign_in(role=Role.MEMBER)
    answer = signed.post("/stores", new_form(signed, accent="#0B6E8A", tagline="Linen by the sea"))
    (store,) = list_stores(services, tenant_id=signed.tenant.id)
    assert (answer.status_code, answer.location) == (303, f"/stores/{store.id}")
    assert (store.name, store.slug, store.plan) == ("Harbour Linen", "harbour-linen", "starter")
    assert store.settings["accent"] == "#0b6e8a"
    page = signed.client.get(f"/stores/{store.id}").text
    assert "is on its way" in page
    assert "Setting up your store" in page
    assert 'aria-disabled="true"' in page, "Open store waits until the store is ready"


def test_a_double_click_makes_one_store(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    form = new_form(signed)
    first, second = signed.post("/stores", form), signed.post("/stores", form)
    assert first.location == second.location
    assert len(list_stores(services, tenant_id=signed.tenant.id)) == 1
    third = signed.post("/stores", {**form, "name": "Another", "slug": "another"})
    assert third.status_code == 409
    assert "already made a store" in third.text
    assert len(list_stores(services, tenant_id=signed.tenant.id)) == 1


@pytest.mark.parametrize(
    ("values", "status", "said", "reason"),
    [
        ({"name": ""}, 422, "Give your store a name", "a name is needed"),
        ({"slug": "Bad_Name"}, 422, "lower-case letters", "the rule of slugs"),
        ({"slug": "admin"}, 422, "reserved", "a reserved slug"),
        ({"plan": "gold"}, 422, "There is no plan", "an unknown plan"),
        ({"accent": "red"}, 422, "#rrggbb", "a colour that is none"),
        ({"name": "x" * 81}, 422, "1 to 80", "too long a name"),
        ({"plan": "performance", "slug": "big"}, 409, "would be exceeded", "more than the quota has"),
    ],
)
def test_a_refused_form_names_the_rule_and_keeps_what_was_typed(
    sign_in: Any, services: Services, values: dict[str, str], status: int, said: str, reason: str
) -> None:
    signed = sign_in()
    if values.get("plan") == "performance":
        make_store(services, signed.tenant, plan="performance")
    before = len(list_stores(services, tenant_id=signed.tenant.id))
    answer = signed.post("/stores", new_form(signed, **{"tagline": "Kept <as> typed", **values}))
    assert (answer.status_code, said in answer.text) == (status, True), reason
    assert "Kept &lt;as&gt; typed" in answer.text
    assert len(list_stores(services, tenant_id=signed.tenant.id)) == before


def test_a_frozen_account_is_told_why_nothing_is_made(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    freeze_tenant(services, OPERATOR, tenant_id=signed.tenant.id, reason="unpaid bills")
    answer = signed.post("/stores", new_form(signed))
    assert (answer.status_code, "unpaid bills" in answer.text, 'value="Harbour Linen"' in answer.text) == (403, True, True)
    assert list_stores(services, tenant_id=signed.tenant.id) == ()


def test_a_name_that_is_taken_is_said_beside_the_address(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    make_store(services, signed.tenant, "harbour-linen")
    answer = signed.post("/stores", new_form(signed))
    assert answer.status_code == 409
    assert "You already have a store" in answer.text


def test_the_address_follows_the_name_until_one_is_typed(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    make_store(services, signed.tenant, "harbour-linen")
    ask = {"HX-Request": "true"}
    suggested = signed.client.get("/stores/new/address?name=Harbour+Linen", headers=ask).text
    assert 'value="harbour-linen-2"' in suggested
    typed = signed.client.get("/stores/new/address?name=Harbour+Linen&slug=mine&suggested=harbour", headers=ask).text
    assert 'value="mine"' in typed
    assert "mine.localhost" in typed
    note = signed.client.get("/stores/new/address?slug=harbour-linen&part=note", headers=ask).text
    assert "You already have a store" in note
    assert "<input" not in note


def test_an_address_that_a_stranger_has_gets_some_characters(sign_in: Any, services: Services) -> None:
    make_store(services, slug="popular")
    note = sign_in().client.get("/stores/new/address?slug=popular&part=note").text
    assert "Somebody else has the short address" in note


# A store's pages


def test_a_ready_store_can_be_opened_and_its_page_rests(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_ready(services, make_store(services, signed.tenant))
    page = signed.client.get(f"/stores/{store.id}").text
    assert f'href="{store.url}"' in page
    assert f'href="{store.url}/app"' in page
    assert "data-live-poll" not in page
    assert "The store is open." in page
    assert "As observed" in page


def test_a_problem_is_said_in_plain_words(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant)
    set_row(services, store.id, phase="Failed", quarantined_at=services.clock.now())
    page = signed.client.get(f"/stores/{store.id}").text
    assert "has been set aside" in page
    assert "data-live-poll" not in page, "nothing will change by itself"
    answer = signed.post(f"/stores/{store.id}/check", {})
    assert answer.status_code == 303
    assert row_of(services, store.id).quarantined_at is None


def test_activity_shows_who_changed_what_and_what_was_done(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_ready(services, make_store(services, signed.tenant))
    with_history(services, store, 2)
    page = signed.client.get(f"/stores/{store.id}/activity").text
    for text in ("kubectl-scale", "spec.replicas1", "<del>1</del>", "<ins>0</ins>", "in 640 ms", "Event 1", "Changes made", "412 ms"):
        assert text in page, text


def test_credentials_are_shown_when_asked_for_noted_and_never_kept(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_ready(services, make_store(services, signed.tenant))
    page = signed.client.get(f"/stores/{store.id}").text
    assert f"admin@{store.host}" not in page
    shown = signed.post(f"/stores/{store.id}/credentials", {}, htmx=True)
    assert f"admin@{store.host}" in shown.text
    assert "<html" not in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    whole = signed.post(f"/stores/{store.id}/credentials", {})
    assert f"admin@{store.host}" in whole.text
    assert whole.headers["Cache-Control"] == "no-store"
    assert len(audits(services, "store.credentials")) == 2
    hidden = signed.client.get(f"/stores/{store.id}/credentials", headers={"HX-Request": "true"}).text
    assert f"admin@{store.host}" not in hidden


# Changes


def settings_of(signed: Any, store: StoreView) -> str:
    page = signed.client.get(f"/stores/{store.id}/settings")
    assert page.status_code == 200
    return str(page.text)


def test_name_look_plan_and_sleep_are_changed(sign_in: Any, services: Services) -> None:
    signed = sign_in(role=Role.MEMBER)
    store = make_store(services, signed.tenant, name="Before")
    assert 'value="Before"' in settings_of(signed, store)
    steps: tuple[tuple[str, dict[str, str]], ...] = (
        ("name", {"name": "After"}),
        ("look", {"accent": "#123456", "tagline": "New", "initial": "", "announcement": ""}),
        ("suspend", {}),
        ("resume", {}),
    )
    for generation, (change, values) in enumerate(steps, start=1):
        answer = signed.post(f"/stores/{store.id}/{change}", {**values, "generation": str(generation)})
        assert answer.status_code == 303, change
    after = get_store(services, tenant_id=signed.tenant.id, store_id=store.id)
    assert (after.name, after.settings["accent"], after.settings["tagline"], after.generation) == ("After", "#123456", "New", 5)


def test_the_later_of_two_people_sees_what_the_earlier_one_did(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant, name="Before")
    rename_store(services, MERCHANT, tenant_id=signed.tenant.id, store_id=store.id, name="Theirs")
    answer = signed.post(f"/stores/{store.id}/name", {"name": "Mine", "generation": "1"})
    assert answer.status_code == 409
    assert "Mia Merchant renamed the store from “Before” to “Theirs”" in answer.text
    assert 'value="Mine"' in answer.text, "what was typed is kept"
    assert get_store(services, tenant_id=signed.tenant.id, store_id=store.id).name == "Theirs"
    assert signed.post(f"/stores/{store.id}/name", {"name": "Mine", "generation": "2"}).status_code == 303
    assert get_store(services, tenant_id=signed.tenant.id, store_id=store.id).name == "Mine"


@pytest.mark.parametrize("generation", ["", "1", "nonsense", "-3"])
def test_no_change_comes_from_a_form_that_is_out_of_date(sign_in: Any, services: Services, generation: str) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant)
    suspend_store(services, MERCHANT, tenant_id=signed.tenant.id, store_id=store.id)
    for change, values in (("name", {"name": "X"}), ("look", {"tagline": "X"}), ("resume", {}), ("delete", {"confirm": store.name})):
        answer = signed.post(f"/stores/{store.id}/{change}", {**values, "generation": generation})
        assert answer.status_code == 409, change
        assert "suspended the store" in answer.text
    assert get_store(services, tenant_id=signed.tenant.id, store_id=store.id).generation == 2


def test_a_second_click_on_what_is_done_is_no_conflict(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant)
    for _ in range(2):
        assert signed.post(f"/stores/{store.id}/suspend", {"generation": "1"}).status_code == 303
    assert get_store(services, tenant_id=signed.tenant.id, store_id=store.id).generation == 2


def test_refused_changes_are_said_beside_the_field(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant, plan="standard")
    small = signed.post(f"/stores/{store.id}/plan", {"plan": "starter", "generation": "1"})
    assert (small.status_code, "cannot shrink" in small.text) == (422, True)
    look = signed.post(f"/stores/{store.id}/look", {"accent": "blue", "tagline": "Typed", "generation": "1"})
    assert (look.status_code, 'value="blue"' in look.text, 'value="Typed"' in look.text) == (422, True, True)


def test_a_store_is_deleted_by_typing_its_name(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_store(services, signed.tenant, name="Harbour Linen")
    assert signed.client.get(f"/stores/{store.id}/delete").status_code == 200
    wrong = signed.post(f"/stores/{store.id}/delete", {"confirm": "harbour", "generation": "1"})
    assert (wrong.status_code, "Nothing has been deleted" in wrong.text) == (422, True)
    assert signed.post(f"/stores/{store.id}/delete", {"confirm": "Harbour Linen", "generation": "1"}).status_code == 303
    assert row_of(services, store.id).desired_state.value == "absent"
    set_gone(services, store.id)
    for path in ("", "/activity", "/settings", "/delete"):
        assert signed.client.get(f"/stores/{store.id}{path}").status_code == 200, path
    assert store.name not in signed.client.get("/stores").text


# Who may


GETS = ("", "/activity", "/settings", "/delete", "/credentials")
POSTS = ("name", "look", "plan", "suspend", "resume", "check", "credentials", "delete")


def test_a_strangers_store_is_not_found_and_not_changed(sign_in: Any, services: Services) -> None:
    theirs = make_store(services, name="Secret Shop")
    signed = sign_in()
    for path in GETS:
        for headers in ({}, {"HX-Request": "true"}):
            answer = signed.client.get(f"/stores/{theirs.id}{path}", headers=headers)
            assert answer.status_code == 404, path
            assert "Secret Shop" not in answer.text
    form = {"name": "Mine", "plan": "standard", "tagline": "Mine", "confirm": "Secret Shop", "generation": "1"}
    for path in POSTS:
        answer = signed.post(f"/stores/{theirs.id}/{path}", form)
        assert answer.status_code == 404, path
        assert "Secret Shop" not in answer.text
    assert "Secret Shop" not in signed.client.get("/stores?q=Secret").text
    row = row_of(services, theirs.id)
    assert (row.name, row.generation, row.desired_state.value) == ("Secret Shop", 1, "present")
    unknown = signed.client.get(f"/stores/{make_id()}")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        (Role.VIEWER, {"name", "look", "plan", "suspend", "resume", "check", "credentials", "delete"}),
        (Role.MEMBER, {"credentials", "delete"}),
        (Role.OWNER, set[str]()),
    ],
)
def test_roles_hold_for_every_change(sign_in: Any, services: Services, role: Role, refused: set[str]) -> None:
    signed = sign_in(role=role)
    store = make_store(services, signed.tenant)
    form = {"name": "X", "plan": "starter", "tagline": "X", "confirm": "wrong", "generation": "1"}
    for path in POSTS:
        assert (signed.post(f"/stores/{store.id}/{path}", form).status_code == 403) is (path in refused), path
    assert (signed.post("/stores", {"name": "X"}).status_code == 403) is (role is Role.VIEWER)
    for path, least in (("", Role.VIEWER), ("/activity", Role.VIEWER), ("/settings", Role.MEMBER), ("/delete", Role.OWNER)):
        allowed = list(Role).index(role) <= list(Role).index(least)
        assert (signed.client.get(f"/stores/{store.id}{path}").status_code == 200) is allowed, path


def test_without_a_session_every_page_leads_to_the_log_in(web: Any, services: Services) -> None:
    store = make_store(services)
    for path in ("/stores", "/stores/new", *(f"/stores/{store.id}{path}" for path in GETS)):
        answer = web.test_client().get(path)
        assert answer.status_code == 303, path
        assert "/login" in answer.location


# Cost


def statements(services: Services, ask: Callable[[], Any]) -> int:
    """How many statements a request sends."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(services.sessions.engine, "before_cursor_execute", note)
    try:
        assert ask().status_code == 200
    finally:
        event.remove(services.sessions.engine, "before_cursor_execute", note)
    return len(sent)


def test_the_number_of_statements_does_not_grow_with_rows(sign_in: Any, services: Services) -> None:
    signed = sign_in()
    store = make_ready(services, make_store(services, signed.tenant))
    of_store = (f"/stores/{store.id}{path}" for path in ("", "/activity", "/settings", "/delete"))
    paths = ("/stores", "/stores?q=shop", "/stores/new", *of_store)

    def counted() -> dict[str, int]:
        return {path: statements(services, lambda path=path: signed.client.get(path)) for path in paths}

    few = counted()
    for _ in range(4):
        with_history(services, make_ready(services, make_store(services, signed.tenant)), 3)
    with_history(services, store, 30)
    many = counted()
    assert many == few
    assert max(many.values()) <= 12, many
