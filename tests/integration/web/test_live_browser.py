"""Live updates in real browsers: two see the same change, hidden tabs rest, and without a stream pages say so and look again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.domain.people import Role
from app.factory import create_portal
from app.services.context import Services
from app.services.rename_store import rename_store
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from app.web.live import hub_of
from tests.factories import MERCHANT, make_store, make_tenant, set_row
from tests.fakes.live import FakeLive
from tests.integration.web.conftest import Signed
from tests.integration.web.test_portal import make_ready, with_history
from tests.integration.web.test_portal_browser import CHROMIUM, address, browser, pytestmark, visit

__all__ = ["CHROMIUM", "address", "browser", "pytestmark", "visit"]

HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def services(services: Services, live: FakeLive) -> Services:
    return replace(services, live=live)


@pytest.fixture
def web(services: Services) -> Iterator[Flask]:
    app = create_portal(services, key="a test's key")
    yield app
    hub_of(app).close()


def rename(services: Services, store: StoreView, name: str) -> None:
    rename_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, name=name)


def until_streams(web: Flask, page: Page, number: int) -> None:
    for _ in range(200):
        if len(hub_of(web)) == number:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{len(hub_of(web))} streams are open, not {number}")


def requests_of(page: Page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url.partition("?")[0].partition("://")[2].partition("/")[2]))
    return asked


def test_two_browsers_see_the_same_change_without_a_reload(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    store = make_ready(services, make_store(services, owner.tenant, name="Harbour Linen"))
    viewer: Signed = sign_in(Role.VIEWER, tenant=owner.tenant)
    listed, shown = visit(owner), visit(viewer)
    listed.page.goto("/stores")
    shown.page.goto(f"/stores/{store.id}")
    for seen in (listed, shown):
        seen.page.evaluate("window.stayed = true")
    until_streams(web, listed.page, 2)
    suspend_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    expect(listed.page.locator("tbody .pill")).to_have_text("Suspending")
    expect(shown.page.locator("#live .pill").first).to_have_text("Suspending")
    another = make_store(services, owner.tenant, name="Fjord Wool")
    expect(listed.page.locator("tbody tr")).to_have_count(2)
    rename(services, another, "Fjord Yarn")
    expect(listed.page.get_by_role("link", name="Fjord Yarn")).to_be_visible()
    for seen in (listed, shown):
        assert seen.page.evaluate("window.stayed"), "no reload"
        expect(seen.page.locator("#live-state")).to_be_empty()
        assert seen.troubles == []


def test_the_first_store_appears_where_there_was_none(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    seen = visit(owner)
    seen.page.goto("/stores")
    until_streams(web, seen.page, 1)
    make_store(services, owner.tenant, name="Harbour Linen")
    expect(seen.page.locator("tbody tr")).to_have_count(1)
    assert seen.troubles == []


def test_anothers_news_and_another_stores_are_no_reason_to_look(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    store, other = (make_ready(services, make_store(services, owner.tenant)) for _ in range(2))
    strangers = make_store(services, make_tenant(services))
    seen = visit(owner)
    seen.page.goto("/stores")  # the process's first page
    until_streams(web, seen.page, 1)
    seen.page.goto(f"/stores/{store.id}")
    until_streams(web, seen.page, 1)
    seen.page.wait_for_timeout(500)  # the former page's stream was the one that was counted
    until_streams(web, seen.page, 1)
    asked = requests_of(seen.page)
    rename(services, other, "Other")
    rename(services, strangers, "Stranger's")
    seen.page.wait_for_timeout(1500)
    assert [path for path in asked if path.startswith("stores")] == []
    rename(services, store, "Mine")
    expect(seen.page.locator("#live .pill").first).to_have_text("Updating")
    assert [path for path in asked if path.startswith("stores")] == [f"stores/{store.id}"]


def test_a_burst_of_news_is_a_few_looks(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    store = make_ready(services, make_store(services, owner.tenant))
    seen = visit(owner)
    seen.page.goto("/stores")
    until_streams(web, seen.page, 1)
    seen.page.wait_for_timeout(2500)  # the process's first page looks once more
    asked = requests_of(seen.page)
    for number in range(40):
        rename(services, store, f"Name {number}")
    expect(seen.page.get_by_role("link", name="Name 39")).to_be_visible()
    seen.page.wait_for_timeout(1200)
    assert 1 <= len(asked) <= 6, asked
    assert seen.troubles == []


def test_a_hidden_tab_has_no_stream_and_looks_once_when_it_is_shown(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    store = make_ready(services, make_store(services, owner.tenant))
    seen = visit(owner)
    seen.page.goto("/stores")
    until_streams(web, seen.page, 1)
    seen.page.evaluate(HIDE % "true")
    until_streams(web, seen.page, 0)
    asked = requests_of(seen.page)
    rename(services, store, "While Away")
    seen.page.wait_for_timeout(1000)
    assert asked == []
    seen.page.evaluate(HIDE % "false")
    expect(seen.page.get_by_role("link", name="While Away")).to_be_visible()
    seen.page.wait_for_timeout(1000)
    assert asked == ["live", "stores"]
    until_streams(web, seen.page, 1)
    assert seen.troubles == []


def test_without_a_stream_the_page_says_so_looks_by_itself_while_something_moves_and_recovers(
    sign_in: Any, visit: Any, services: Services, web: Flask, live: FakeLive
) -> None:
    owner: Signed = sign_in()
    store = make_store(services, owner.tenant, name="Harbour Linen")
    seen = visit(owner)
    seen.page.goto(f"/stores/{store.id}")
    until_streams(web, seen.page, 1)
    expect(seen.page.locator("#elapsed")).to_have_text("2 s")  # the page's clock; the server's stands still here
    live.fail(down=True)
    expect(seen.page.locator("#live-state")).to_have_text("Live updates are off. This page looks again by itself.")
    make_ready(services, store)
    expect(seen.page.get_by_role("link", name="Open store")).to_be_visible()
    expect(seen.page.locator("#live-state")).to_have_text("Live updates are off. Reload to see what is new.")
    set_row(services, store.id, phase="Suspended", desired_state="suspended")
    live.fail(down=False)
    expect(seen.page.locator("#live-state")).to_be_empty(timeout=30_000)
    expect(seen.page.locator("#live .pill").first).to_have_text("Suspended")


def test_what_was_unfolded_stays_so(sign_in: Any, visit: Any, services: Services, web: Flask) -> None:
    owner: Signed = sign_in()
    store = make_ready(services, make_store(services, owner.tenant))
    with_history(services, store, 3)
    seen = visit(owner)
    seen.page.goto(f"/stores/{store.id}/activity")
    until_streams(web, seen.page, 1)
    seen.page.locator(".run summary").nth(1).click()
    with_history(services, store, 1)
    rename(services, store, "News")
    expect(seen.page.locator(".run")).to_have_count(4)
    expect(seen.page.locator(".run[open]")).to_have_count(1)
    expect(seen.page.locator(".run").nth(2)).to_have_attribute("open", "")
    assert seen.troubles == []
