"""The team's page and the log in a real browser: for everybody, on a phone and a desk, by day and by night, with and without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.domain.people import Role
from app.services.context import Services
from app.services.freeze_tenant import freeze_tenant
from tests.factories import OPERATOR
from tests.integration.web import test_portal_browser as portal
from tests.integration.web.test_activity import note, scene

pytestmark = portal.pytestmark
browser, address, visit = portal.browser, portal.address, portal.visit


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_and_asks_nobody_else(sign_in: Any, visit: Any, services: Services, width: int, scheme: str) -> None:
    signed = sign_in()
    member = sign_in(Role.MEMBER, tenant=signed.tenant)
    store = scene(services, signed, member)
    note(services, signed, 50, action="store.check", before={"name": "x" * 150}, after={"name": "y" * 150})
    seen = visit(signed, width=width, scheme=scheme)
    page: Page = seen.page

    def check(name: str) -> None:
        found = Axe().run(page).response["violations"]
        assert [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in found] == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    paths = ("/team", f"/team/members/{member.user.id}", "/team/leave", "/activity", "/activity?q=nothing&since=2026-01-01")
    for path in (*paths, f"/stores/{store.id}", "/stores"):
        page.goto(path)
        check(path)
    page.goto("/team")
    page.get_by_label("E-mail").fill("nadia@example.com")
    page.get_by_role("button", name="Send invite").click()
    page.locator("#made").wait_for()
    check("an invite's link")
    freeze_tenant(services, OPERATOR, tenant_id=signed.tenant.id, reason="unpaid")
    page.goto("/team")
    check("frozen")
    assert seen.troubles == []


def test_an_invite_is_made_and_taken_back_without_leaving_the_page(sign_in: Any, visit: Any) -> None:
    seen = visit(sign_in())
    page: Page = seen.page
    page.goto("/team")
    page.evaluate("window.stayed = true")
    page.get_by_label("E-mail").fill("otto@example.com")
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Send invite").click()
    expect(page.locator("#made")).to_be_focused()
    expect(page.locator("#invite-link")).to_contain_text("/invites/")
    first = page.locator("#invite-link").inner_text()
    page.get_by_role("button", name="Invite otto@example.com again").click()
    expect(page.locator("#invite-link")).not_to_have_text(first)
    page.get_by_role("button", name="Take back the invite").click()
    expect(page.locator("#messages")).to_contain_text("no longer works")
    expect(page.locator("#invites")).not_to_contain_text("otto@example.com")
    assert page.evaluate("window.stayed"), "no reload"
    assert seen.troubles == []


def test_the_log_is_filtered_while_one_types_and_chooses(sign_in: Any, visit: Any, services: Services) -> None:
    signed = sign_in()
    scene(services, signed, sign_in(Role.MEMBER, tenant=signed.tenant))
    seen = visit(signed)
    page: Page = seen.page
    page.goto("/activity")
    page.evaluate("window.stayed = true")
    page.keyboard.press("/")
    page.keyboard.type("fjord")
    expect(page.locator(".log-entry")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    page.get_by_label("Search").fill("")
    page.get_by_label("What").select_option("store.suspend")
    expect(page.locator(".log-entry")).to_have_count(1)
    expect(page.locator(".log-entry")).to_contain_text("platform staff")
    assert "kind=store.suspend" in page.url
    assert "kind=store.suspend" in str(page.get_by_role("link", name="Download CSV").get_attribute("href"))
    assert page.evaluate("window.stayed"), "no reload"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert len(download.value.path().read_text().splitlines()) == 2
    page.get_by_role("link", name="Clear filters").click()
    expect(page.get_by_label("What")).to_have_value("")
    assert seen.troubles == []


def test_the_log_is_filtered_without_javascript(sign_in: Any, browser: Browser, address: str, web: Any, services: Services) -> None:
    signed = sign_in()
    scene(services, signed, sign_in(Role.MEMBER, tenant=signed.tenant))
    context = browser.new_context(java_script_enabled=False, base_url=address)
    name = web.config["LOGIN_COOKIE"]
    context.add_cookies([{"name": name, "value": signed.client.get_cookie(name).value, "url": address}])
    page = context.new_page()
    page.goto("/activity")
    page.get_by_label("What").select_option("member")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".log-entry")).to_have_count(3)
    page.goto("/team")
    page.get_by_label("E-mail").fill("nadia@example.com")
    page.get_by_role("button", name="Send invite").click()
    expect(page.locator("#invite-link")).to_contain_text("/invites/")
    context.close()
