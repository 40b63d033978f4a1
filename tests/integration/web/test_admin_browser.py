"""The operators' console in a real browser: readable by everybody, on a phone and a desk, by day and by night, under the strict CSP."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.ports import WorkerState
from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.freeze_tenant import freeze_tenant
from app.services.quota_queries import tenant_quota
from tests.factories import OPERATOR, make_store, make_tenant, set_row
from tests.fakes.queue import FakeQueue
from tests.integration.web.test_admin_fleet import drifts, fails
from tests.integration.web.test_portal import make_ready, with_history
from tests.integration.web.test_portal_browser import address, browser, pytestmark, visit

__all__ = ["address", "browser", "pytestmark", "visit"]


def pages_of(services: Services, queue: FakeQueue) -> dict[str, str]:
    """One of each page, with something on it."""
    tenant, other = make_tenant(services, "harbour-linen"), make_tenant(services, "a-tenant-with-a-name-that-is-quite-long")
    store = make_ready(services, make_store(services, tenant, name="Harbour Linen"))
    with_history(services, store, 3)
    drifts(services, store, "Service", 1, repaired=False)
    failing = fails(services, make_store(services, tenant), ("Ready", "False", "Crashing"))
    fails(services, make_store(services, tenant), ("Synced", "False", "Refused"), quarantined_at=services.clock.now())
    set_row(services, failing.id, phase="Failed")
    change_quota(services, OPERATOR, tenant_id=tenant.id, stores=2, memory=20_000, reason="Smaller")
    freeze_tenant(services, OPERATOR, tenant_id=other.id, reason="Unpaid.")
    queue.crew = (
        WorkerState("worker-1", "busy", services.clock.now(), store.id, services.clock.now()),
        WorkerState("worker-2", "idle", None),
    )
    both = f"/admin/tenants/limits?tenant={tenant.id}&tenant={other.id}"
    return {
        "overview": "/admin",
        "tenants": "/admin/tenants",
        "nobody": "/admin/tenants?q=nobody",
        "tenant": f"/admin/tenants/{tenant.id}",
        "frozen": f"/admin/tenants/{other.id}",
        "bulk": both,
        "stores": "/admin/stores",
        "store": f"/admin/stores/{failing.id}",
        "healthy": f"/admin/stores/{store.id}",
        "drift": "/admin/drift",
        "platform": "/admin/platform",
    }


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_and_asks_nobody_else(
    sign_in: Any, visit: Any, services: Services, queue: FakeQueue, width: int, scheme: str
) -> None:
    pages = pages_of(services, queue)
    seen = visit(sign_in(operator=True), width=width, scheme=scheme)
    for name, path in pages.items():
        seen.page.goto(path)
        if name == "overview":
            expect(seen.page.locator(".chart canvas")).to_be_visible()
        found = Axe().run(seen.page).response["violations"]
        assert [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in found] == [], name
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert seen.troubles == []


def test_the_effect_is_shown_while_limits_are_typed_and_then_set(sign_in: Any, visit: Any, services: Services) -> None:
    tenant = make_tenant(services)
    make_store(services, tenant)
    seen = visit(sign_in(operator=True))
    page = seen.page
    page.goto(f"/admin/tenants/{tenant.id}")
    page.locator("#stores").fill("0")
    expect(page.locator("#effect")).to_contain_text("is already over by 1 store")
    page.locator("#stores").fill("6")
    expect(page.locator("#effect")).to_contain_text("would have 5 stores left")
    expect(page.locator("#stores")).to_be_focused()
    page.locator("#stores").fill("1")
    page.locator("#reason").fill("Just enough")
    expect(page.locator("#effect")).to_contain_text("would be full")
    page.get_by_role("button", name="Set limits").click()
    expect(page.locator("#messages")).to_contain_text("The limits are set")
    assert tenant_quota(services, tenant_id=tenant.id).limit.stores == 1
    assert seen.troubles == []


def test_tenants_are_ticked_and_get_limits_together(sign_in: Any, visit: Any, services: Services) -> None:
    tenants = [make_tenant(services, f"ticked-{number}") for number in range(3)]
    seen = visit(sign_in(operator=True))
    page = seen.page
    page.goto("/admin/tenants")
    page.keyboard.press("/")
    page.keyboard.type("ticked")
    expect(page.locator("tbody tr")).to_have_count(3)
    for tenant in tenants[:2]:
        page.get_by_label(f"Tick {tenant.name}").check()
    page.get_by_role("button", name="Set limits of ticked tenants").click()
    page.locator("#disk").fill("400")
    expect(page.locator("#effect strong", has_text="400")).to_have_count(2)
    page.locator("#reason").fill("Catalogues")
    page.get_by_role("button", name="Set limits of 2 tenants").click()
    expect(page.locator("#messages")).to_contain_text("2 tenants")
    assert [tenant_quota(services, tenant_id=tenant.id).limit.disk for tenant in tenants] == [400, 400, 100]
    assert seen.troubles == []
