"""What the pages refuse, with the reason: growth beyond a lowered quota (F15), guessed passwords and planted sessions (F33)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.queries import list_stores
from tests.factories import OPERATOR, make_store, row_of
from tests.fakes.clock import FakeClock
from tests.integration.accounts import PASSWORD, mia
from tests.integration.test_quota_races import allow_expansion
from tests.integration.web.conftest import Signed, csrf_of, submit


@pytest.fixture
def over(owner: Signed, services: Services) -> Any:
    """Two stores of a tenant whose limit an operator then lowered to one."""
    stores = [make_store(services, owner.tenant, slug) for slug in ("harbour-linen", "fjord-wool")]
    change_quota(services, OPERATOR, tenant_id=owner.tenant.id, stores=1, memory=500, reason="moved to the small contract")
    return stores


def test_f15_beyond_a_lowered_quota_nothing_new_is_made_and_the_page_says_why(owner: Signed, over: Any, services: Services) -> None:
    page = owner.get("/stores/new").text
    assert "All 1 stores of your account are in use." in page
    assert "2 of 1, 0 left" in page
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    form = {"name": "One <more>", "slug": "one-more", "plan": "starter", "key": key[1]}
    answer = owner.post("/stores", form)
    assert answer.status_code == 409
    assert 'id="plan-error"' in answer.text
    assert "would be exceeded" in answer.text
    assert 'value="One &lt;more&gt;"' in answer.text
    assert {store.slug for store in list_stores(services, tenant_id=owner.tenant.id)} == {"harbour-linen", "fjord-wool"}


def test_f15_what_there_is_stays_and_may_change_in_all_but_size(owner: Signed, over: Any, services: Services) -> None:
    first = over[0]
    allow_expansion(services)
    page = owner.get("/stores").text
    assert "harbour-linen" in page
    assert "fjord-wool" in page
    grown = owner.post(f"/stores/{first.id}/plan", {"plan": "standard", "generation": "1"})
    assert (grown.status_code, "would be exceeded" in grown.text) == (409, True)
    assert row_of(services, first.id).plan == "starter"
    for change, values in (("name", {"name": "Renamed"}), ("look", {"tagline": "New"}), ("suspend", {}), ("resume", {})):
        generation = str(row_of(services, first.id).generation)
        assert owner.post(f"/stores/{first.id}/{change}", {**values, "generation": generation}).status_code == 303, change
    row = row_of(services, first.id)
    assert (row.name, row.desired_state.value, row.generation) == ("Renamed", "present", 5)
    assert {row_of(services, store.id).desired_state.value for store in over} == {"present"}


def test_f33_a_locked_account_opens_to_nobody_until_its_time_is_over(client: FlaskClient, services: Services, clock: FakeClock) -> None:
    mia(services)
    page = client.get("/login")
    for _ in range(50):
        page = submit(client, "/login", email="mia@example.com", password="wrong wrong wrong", next="/")
        if page.status_code == 429:
            break
    assert page.status_code == 429
    right = submit(client, "/login", email="mia@example.com", password=PASSWORD, next="/")
    assert (right.status_code, client.get("/account").status_code) == (429, 303), "a guess that is right by now is not told so"
    clock.advance(int(right.headers["Retry-After"]) + 1)
    assert submit(client, "/login", email="mia@example.com", password=PASSWORD, next="/").status_code == 303
    assert client.get("/account").status_code == 200


def test_f33_a_session_that_was_planted_in_the_browser_is_not_the_one_logged_in(
    client: FlaskClient, web: Flask, services: Services
) -> None:
    mia(services)
    name, planted = web.config["LOGIN_COOKIE"], "planted-" + "x" * 35
    client.set_cookie(name, planted)
    before = csrf_of(client.get("/login"))
    assert submit(client, "/login", email="mia@example.com", password=PASSWORD, next="/").status_code == 303
    begun = client.get_cookie(name)
    assert begun is not None
    assert begun.value != planted
    attacker = web.test_client()
    attacker.set_cookie(name, planted)
    assert attacker.get("/account").status_code == 303
    assert client.post("/account/profile", data={"csrf": before, "name": "Mallory"}).status_code == 400, "nor is the token from before"


def test_f33_who_logs_in_over_anothers_session_has_nothing_of_it(owner: Signed, web: Flask, services: Services) -> None:
    """Whoever was handed a browser in which another is logged in."""
    mia(services)
    answer = owner.client.get("/login")
    assert answer.status_code == 303, "who is logged in is not asked"
    form = {"email": "mia@example.com", "password": PASSWORD, "next": "/"}
    assert owner.post("/login", form).status_code == 303
    page = owner.client.get("/account").text
    assert "mia@example.com" in page
    assert owner.user.email not in page
    assert owner.client.post("/account/profile", data={"csrf": owner.session.csrf, "name": "Mallory"}).status_code == 400
