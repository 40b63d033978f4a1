"""The portal on `make up`'s stack, in a real browser: a merchant's store from the sign-up to its end, and an operator's word on quotas.

Whatever goes wrong on a page fails the test: an error on the console, a request to another host, a serious fault that axe finds.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect
from playwright.sync_api import Error as PlaywrightError

from app.services.create_user import create_user
from tests.e2e.platform import Platform, eventually
from tests.factories import OPERATOR
from tests.local.browser import chromium, keep, visitor
from tests.local.installation import Installation

pytestmark = [pytest.mark.local, pytest.mark.browser]

PASSWORD = "correct horse battery"
READY_WITHIN = 120_000  # milliseconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@dataclass
class Visit:
    """Somebody's browser at the portal. `refusals`: statuses that the console may name, of forms that are refused on purpose."""

    page: Page
    refusals: set[int] = field(default_factory=set)

    def looked_at(self, name: str) -> None:
        """By day and by night: a picture for people, and nothing that keeps anybody out."""
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            keep(self.page, f"portal-{name}-{scheme}")
            found = violations(self.page)
            serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
            assert serious == [], f"{name}, {scheme}"

    def marked(self) -> Callable[[], bool]:
        """Whether the page is still the one that is open now: nobody has loaded another, or it anew."""
        self.page.evaluate("window.stayed = true")
        return lambda: bool(self.page.evaluate("window.stayed === true"))


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds. An empty list of stores may be loaded anew under its eyes, when the stream tells it to look."""
    for _ in range(3):
        try:
            return Axe().run(page).response["violations"]
        except PlaywrightError as error:
            if "context was destroyed" not in str(error):
                raise
            page.wait_for_load_state()
    raise AssertionError("the page is loaded anew again and again")


Visits = Callable[[], AbstractContextManager[Visit]]


@pytest.fixture
def visit(browser: Browser, installation: Installation) -> Visits:
    address = f"http://127.0.0.1:{installation.web_port}"

    @contextmanager
    def open_portal() -> Iterator[Visit]:
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        page, troubles = context.new_page(), list[str]()
        visited = Visit(page)

        def asked(sent: Request) -> None:
            if not sent.url.startswith((address, "data:", "blob:")):
                troubles.append(f"asked {sent.url}")

        def said(message: ConsoleMessage) -> None:
            refused = re.search(r"responded with a status of (\d+)", message.text)
            if message.type == "error" and not (refused and int(refused[1]) in visited.refusals):
                troubles.append(message.text)

        context.on("request", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.set_default_timeout(20_000)
        try:
            yield visited
        finally:
            context.close()
        assert troubles == []

    return open_portal


def sign_up(page: Page) -> str:
    """A merchant of their own tenant; the address."""
    mark = secrets.token_hex(3)
    page.goto("/signup")
    page.get_by_label("Business").fill(f"Harbour {mark}")
    page.get_by_label("Your name").fill("Mia Merchant")
    page.get_by_label("E-mail").fill(f"mia-{mark}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open account").click()
    expect(page.get_by_role("heading", name="Open your first store")).to_be_visible()
    return f"mia-{mark}@example.com"


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile("/login"))


def fill_in(page: Page, name: str) -> str:
    """The form of a new store, up to its button; the address that was suggested, with something added that nobody has."""
    page.goto("/stores/new")
    page.get_by_label("Name", exact=True).press_sequentially(name)
    expect(page.locator("#slug")).to_have_value(re.compile("^harbour"))
    slug = f"{page.locator('#slug').input_value()}-{secrets.token_hex(2)}"
    page.locator("#slug").fill(slug)
    expect(page.locator("#address-note")).to_contain_text(slug)
    return slug


def section(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Sections").get_by_role("link", name=name, exact=True).click()


def settings(page: Page) -> None:
    section(page, "Settings")
    expect(page.get_by_role("heading", name="Look")).to_be_visible()


def expect_pill(page: Page, text: str, *, within: float = 60_000) -> None:
    expect(page.locator("#live .pill").first).to_have_text(text, timeout=within)


def test_a_merchants_store_from_the_sign_up_to_its_end(
    visit: Visits, platform: Platform, installation: Installation, browser: Browser
) -> None:
    with visit() as mias, visit() as another:
        page: Page = mias.page
        email = sign_up(page)
        mias.looked_at("empty")
        fill_in(page, "Harbour Linen")
        mias.looked_at("new")
        page.get_by_role("button", name="Create store").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Linen")
        store_id = urlsplit(page.url).path.rpartition("/")[2]
        log_in(another.page, email)
        another.page.goto("/stores")
        stayed, elsewhere = mias.marked(), another.marked()
        mias.looked_at("on-its-way")

        # Ready, in both browsers, without loading anything anew.
        opened = page.get_by_role("link", name="Open store")
        expect(opened).to_be_visible(timeout=READY_WITHIN)
        expect_pill(page, "Ready")
        expect(another.page.locator("tbody .pill")).to_have_text("Ready")
        assert (stayed(), elsewhere()) == (True, True)
        mias.looked_at("ready")
        another.looked_at("list")
        shop = opened.get_attribute("href")
        assert shop
        with visitor(browser, shop) as customer:
            eventually(lambda: (answer := customer.goto("/")) and answer.status == 200, what="the shop")
            expect(customer).to_have_title(re.compile("Harbour Linen"))

        # What somebody does by hand is put right, and told.
        section(page, "Activity")
        expect(page.get_by_text("Nobody has changed anything behind your back.")).to_be_visible()
        namespace = platform.json("store", "show", store_id)["namespace"]
        change_by_hand(installation, namespace)
        repaired = page.locator("#changed tr", has_text="SPY").get_by_text(re.compile(r"^in \d"))
        see(page, repaired)
        expect(page.locator("#changed")).to_contain_text("somebody with kubectl")
        mias.looked_at("activity")
        eventually(lambda: "SPY" not in installation.kubectl("-n", namespace, "get", "deployment", "storefront", "-o", "json"))

        settings(page)
        mias.looked_at("settings")
        page.get_by_role("button", name="Suspend store").click()
        stayed = mias.marked()
        expect_pill(page, "Suspended")
        assert stayed()
        expect(another.page.locator("tbody .pill")).to_have_text("Suspended")
        settings(page)
        page.get_by_role("button", name="Resume store").click()
        expect_pill(page, "Ready", within=READY_WITHIN)
        expect(another.page.locator("tbody .pill")).to_have_text("Ready")
        assert elsewhere(), "the other browser has loaded nothing anew all the while"

        settings(page)
        page.get_by_role("link", name="Delete store").click()
        mias.looked_at("delete")
        mias.refusals.add(422)
        page.get_by_label("to confirm").fill("Harbour")
        page.get_by_role("button", name="Delete this store").click()
        expect(page.get_by_text("Nothing has been deleted.")).to_be_visible()
        page.get_by_label("to confirm").fill("Harbour Linen")
        page.get_by_role("button", name="Delete this store").click()
        expect_pill(page, "Deleted", within=READY_WITHIN)
        page.goto("/stores")
        expect(page.get_by_role("heading", name="Open your first store")).to_be_visible()
    eventually(lambda: namespace not in installation.kubectl("get", "namespaces"), what="the namespace gone")


def test_an_operator_lowers_a_quota_and_the_merchant_is_refused_with_the_reason(visit: Visits, platform: Platform) -> None:
    with visit() as mias:
        page: Page = mias.page
        email = sign_up(page)
        fill_in(page, "Harbour Wool")
        with visit() as olgas:
            lower_quota(olgas, platform, business_of(email))
        mias.refusals.add(409)
        page.get_by_role("button", name="Create store").click()
        expect(page.locator("#plan-error")).to_contain_text("would be exceeded")
        expect(page.get_by_label("Name", exact=True)).to_have_value("Harbour Wool")
        mias.looked_at("refused")
        page.goto("/stores/new")
        expect(page.get_by_role("note").or_(page.locator(".note")).first).to_contain_text("Your account is full")
        page.goto("/stores")
        expect(page.get_by_role("heading", name="Open your first store")).to_be_visible()


def change_by_hand(installation: Installation, namespace: str) -> None:
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/env/0", "value": {"name": "SPY", "value": "1"}}]
    installation.kubectl("-n", namespace, "patch", "deployment", "storefront", "--type=json", "-p", json.dumps(patch))


def see(page: Page, what: Locator) -> None:
    """By itself where the page has a stream; else by loading it again."""
    if page.locator("[data-live]").count():
        expect(what).to_be_visible(timeout=30_000)
        return

    def shown() -> bool:
        page.reload()
        return bool(what.count())

    eventually(shown, what="the repair on the page")


def business_of(email: str) -> str:
    return email.partition("@")[0].replace("mia-", "Harbour ")


def lower_quota(olgas: Visit, platform: Platform, business: str) -> None:
    """An operator of the platform sets the tenant's limit of stores to none, in the console."""
    page = olgas.page
    email = f"olga-{secrets.token_hex(3)}@example.com"
    create_user(platform.services, OPERATOR, email=email, name="Olga Operator", operator=True, password=PASSWORD)
    log_in(page, email)
    page.goto("/admin/tenants")
    page.get_by_label("Search tenants").fill(business)
    expect(page.locator("#tenants tbody tr")).to_have_count(1)
    olgas.looked_at("tenants")
    page.get_by_role("link", name=business).click()
    form = page.locator("#limits-form")
    form.get_by_label("Stores").fill("0")
    form.get_by_label("Reason").fill("Unpaid bills")
    expect(page.locator("#effect")).to_contain_text("→ 0")
    form.get_by_role("button", name="Set limits").click()
    expect(page.locator("#history")).to_contain_text("Unpaid bills")
    olgas.looked_at("tenant")
