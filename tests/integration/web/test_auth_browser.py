"""Account pages in a real browser: without serious faults for who cannot see them, no wider than the screen, asking no other host."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from app.domain.people import Role
from app.services.context import Services
from app.services.invites import invite
from tests.factories import make_tenant
from tests.integration.accounts import HOME, PASSWORD
from tests.integration.web.conftest import Signed

CHROMIUM = os.environ.get("STOREYARD_TEST_CHROMIUM", "/usr/bin/chromium")
PICTURES = os.environ.get("STOREYARD_TEST_PICTURES")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium here")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def address(web: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Visit:
    """A page, and what went wrong on it."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.context = browser.new_context(base_url=address, **options)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: None if request.url.startswith((address, "data:")) else self.faults.append(request.url))


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def make(**options: Any) -> Visit:
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield make
    for made in visits:
        made.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_account_pages_are_accessible_fit_and_ask_nobody_else(
    visit: Callable[..., Visit], sign_in: Callable[..., Signed], services: Services, web: Flask, width: int, scheme: str
) -> None:
    owner = sign_in()
    olga = sign_in(Role.OWNER, operator=True)
    link = invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email="new@example.com", role=Role.MEMBER).link
    acme = make_tenant(services)
    seen = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    pages = {"login": "/login", "signup": "/signup", "forgot": "/forgot", "invite": link.removeprefix("http://localhost:8000"), "404": "/x"}
    for name, path in pages.items():
        look(seen, name, path, width, scheme)
    seen.page.goto("/signup")
    seen.page.fill("#email", "mia@example")
    seen.page.eval_on_selector("form", "form => form.noValidate = true")
    seen.page.get_by_role("button", name="Open account").click()
    check(seen, "signup-refused", width, scheme)
    login_cookie(seen, web, olga)
    look(seen, "account", "/account", width, scheme)
    olga.post("/acting", {"tenant": acme.id, "reason": "Ticket 42"})
    look(seen, "acting", "/account", width, scheme)
    assert [fault for fault in seen.faults if "404" not in fault and "422" not in fault] == []


def test_a_person_signs_up_logs_out_and_in_by_keyboard_alone(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.page
    page.goto("/signup")
    for text in ("Mia's Bakery", "Mia", "mia@example.com", PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab" if text != PASSWORD else "Enter")
    page.get_by_text("Welcome to Mia's Bakery").wait_for()
    page.keyboard.press("Shift+?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Account: Mia").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out").wait_for()
    page.keyboard.type("mia@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Account: Mia").wait_for()
    assert seen.faults == []


def test_a_person_signs_up_without_javascript(visit: Callable[..., Visit]) -> None:
    page = visit(java_script_enabled=False).page
    page.goto("/signup")
    for field, text in {"shop": "Mia's Bakery", "name": "Mia", "email": "mia@example.com", "password": PASSWORD}.items():
        page.fill(f"#{field}", text)
    page.get_by_role("button", name="Open account").click()
    page.get_by_text("Welcome to Mia's Bakery").wait_for()


def login_cookie(seen: Visit, web: Flask, signed: Signed) -> None:
    cookie = signed.client.get_cookie(web.config["LOGIN_COOKIE"])
    assert cookie is not None
    seen.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": seen.address}])


def look(seen: Visit, name: str, path: str, width: int, scheme: str) -> None:
    seen.page.goto(path)
    check(seen, name, width, scheme)


def check(seen: Visit, name: str, width: int, scheme: str) -> None:
    seen.page.wait_for_load_state()
    if PICTURES:
        seen.page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)
    found = Axe().run(seen.page).response["violations"]
    serious = [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found if fault["impact"] in ("serious", "critical")]
    assert serious == [], name
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name
