"""The store pages in a real browser: live without reloading, readable by everybody, on a phone and a desk, by day and by night."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from app.services.context import Services
from app.services.views import StoreView
from tests.factories import make_store, set_row
from tests.integration.web.test_portal import make_ready, with_history

CHROMIUM = os.environ.get("STOREYARD_TEST_CHROMIUM", "/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def address(web: Any) -> Iterator[str]:
    """Where the app is served."""
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@dataclass
class Visit:
    """A page with what went wrong on it: errors of the console, requests to others."""

    page: Page
    troubles: list[str]


@pytest.fixture
def visit(browser: Browser, address: str, web: Any, sign_in: Any) -> Iterator[Any]:
    contexts: list[Any] = []

    def open_as(signed: Any, *, width: int = 1280, scheme: Any = "light") -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=address)
        contexts.append(context)
        name = web.config["LOGIN_COOKIE"]
        context.add_cookies([{"name": name, "value": signed.client.get_cookie(name).value, "url": address}])
        page, troubles = context.new_page(), list[str]()
        page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda sent: troubles.append(sent.url) if not sent.url.startswith(address) else None)
        page.set_default_timeout(15_000)
        return Visit(page, troubles)

    yield open_as
    for context in contexts:
        context.close()


def pages_of(services: Services, tenant: Any) -> dict[str, str]:
    """One of each page, with something on it."""
    ready = make_ready(services, make_store(services, tenant, "harbour-linen", name="Harbour Linen"))
    with_history(services, ready, 3)
    moving = make_store(services, tenant, "fjord-wool", name="Fjord Wool & Yarn from the Very Far North")
    failed = make_store(services, tenant, "orchard")
    set_row(services, failed.id, phase="Failed", quarantined_at=services.clock.now())
    of_ready = {path: f"/stores/{ready.id}/{path}" for path in ("activity", "settings", "delete")}
    return {"list": "/stores", "nothing": "/stores?q=zzz", "new": "/stores/new", "moving": f"/stores/{moving.id}",
            "failed": f"/stores/{failed.id}", "ready": f"/stores/{ready.id}", **of_ready}  # fmt: skip


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_and_asks_nobody_else(sign_in: Any, visit: Any, services: Services, width: int, scheme: str) -> None:
    signed = sign_in()
    pages = pages_of(services, signed.tenant)
    seen = visit(signed, width=width, scheme=scheme)
    for name, path in pages.items():
        seen.page.goto(path)
        if name == "ready":
            seen.page.get_by_role("button", name="Show").click()
            seen.page.get_by_text("Hidden again in a minute").wait_for()
        found = Axe().run(seen.page).response["violations"]
        assert [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in found] == [], name
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert seen.troubles == []


def test_a_store_is_made_while_its_address_is_suggested(sign_in: Any, visit: Any, services: Services) -> None:
    signed = sign_in()
    seen = visit(signed)
    page: Page = seen.page
    page.goto("/stores")
    page.keyboard.press("n")
    page.get_by_label("Name", exact=True).press_sequentially("Harbour Linen")
    expect(page.locator("#slug")).to_have_value("harbour-linen")
    expect(page.locator("#address-note")).to_contain_text("harbour-linen.localhost")
    page.locator("#slug").fill("Admin")
    expect(page.locator("#address-note")).to_contain_text("lower-case")
    page.locator("#slug").fill("linen")
    expect(page.locator("#address-note")).to_contain_text("linen.localhost")
    page.get_by_label("Name", exact=True).fill("Harbour Linens")
    page.get_by_role("button", name="Create store").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Linens")
    page.goto("/stores")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("linen.localhost")
    assert seen.troubles == []


def test_a_page_becomes_ready_by_itself_and_then_rests(sign_in: Any, visit: Any, services: Services) -> None:
    signed = sign_in()
    store: StoreView = make_store(services, signed.tenant, name="Harbour Linen")
    listed, shown = visit(signed), visit(signed)
    listed.page.goto("/stores")
    shown.page.goto(f"/stores/{store.id}")
    expect(shown.page.locator("#live .pill").first).to_have_text("Pending")
    shown.page.evaluate("window.stayed = true")
    make_ready(services, store)
    expect(shown.page.get_by_role("link", name="Open store")).to_be_visible()
    expect(shown.page.locator("#live")).not_to_have_attribute("data-live-poll", "2")
    assert shown.page.evaluate("window.stayed"), "no reload"
    expect(listed.page.locator("tbody .pill")).to_have_text("Ready")
    expect(listed.page.locator("#stores")).not_to_have_attribute("data-live-poll", "3")
    asked: list[str] = []
    for seen in (listed, shown):
        seen.page.on("request", lambda sent: asked.append(sent.url))
    shown.page.wait_for_timeout(3500)
    assert asked == []
    assert listed.troubles == shown.troubles == []


def test_the_list_is_searched_while_one_types(sign_in: Any, visit: Any, services: Services) -> None:
    signed = sign_in()
    for slug in ("harbour-linen", "fjord-wool"):
        make_ready(services, make_store(services, signed.tenant, slug))
    seen = visit(signed)
    seen.page.goto("/stores")
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("fjord")
    expect(seen.page.locator("tbody tr")).to_have_count(1)
    expect(seen.page.locator("#q")).to_be_focused()
    assert "q=fjord" in seen.page.url
    assert seen.troubles == []


def test_credentials_are_hidden_again_by_a_click(sign_in: Any, visit: Any, services: Services) -> None:
    signed = sign_in()
    store = make_ready(services, make_store(services, signed.tenant))
    seen = visit(signed)
    seen.page.goto(f"/stores/{store.id}")
    seen.page.get_by_role("button", name="Show").click()
    expect(seen.page.locator("#credentials")).to_contain_text(f"admin@{store.host}")
    seen.page.locator("#credentials").get_by_text("Hide", exact=True).click()
    expect(seen.page.locator("#credentials")).not_to_contain_text(f"admin@{store.host}")
    assert seen.troubles == []
