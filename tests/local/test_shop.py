"""A store's storefront in a real browser: browse, buy, and find the order in Medusa's own admin; without JavaScript, and for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.platform import Platform, eventually
from tests.local.browser import chromium, keep, visitor
from tests.local.installation import Installation

pytestmark = [pytest.mark.local, pytest.mark.browser]

Store = dict[str, Any]


@pytest.fixture(scope="module")
def lamps(platform: Platform) -> Store:
    return platform.json(
        "store", "create", "lamps", "--tenant", "acme", "--name", "Ada's Lamps", "--accent", "#b4341f",
        "--tagline", "Light, and little else.",
        "--announcement", "Free delivery this week", "--wait",
    )  # fmt: skip


@pytest.fixture(scope="module")
def books(platform: Platform) -> Store:
    return platform.json("store", "create", "books", "--tenant", "acme", "--name", "Böll & Töchter", "--accent", "#2b4fa3", "--wait")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def address(installation: Installation, store: Store) -> str:
    return f"http://{store['host']}:{installation.port}"


def open_home(page: Page) -> None:
    """The storefront is Ready a moment before Caddy knows."""

    def answered() -> bool:
        answer = page.goto("/")
        return answer is not None and answer.status == 200

    eventually(answered, what="the shop's home")


def theme(page: Page) -> str:
    return str(page.evaluate("() => fetch('/theme.css').then((answer) => answer.text())"))


def put_into_cart(page: Page) -> None:
    """From the home page to the first product that can be bought, and into the cart."""
    open_home(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="All products").click()
    page.locator("#catalogue a", has_text="Fjord").first.click()
    pills = page.locator(".pills a:not(.gone):not([aria-current])")
    if pills.count():
        pills.first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#cart-link")).to_contain_text("1")


def check_out(page: Page, email: str) -> str:
    """The three steps; the order's number."""
    for label, value in {
        "E-mail": email,
        "First name": "Ada",
        "Last name": "Lovelace",
        "Street and number": "Marktstraße 1",
        "Postal code": "20357",
        "City": "Hamburg",
    }.items():
        page.get_by_label(label, exact=False).first.fill(value)
    page.get_by_label("Country").select_option("de")
    page.get_by_role("button", name="Continue to delivery").click()
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Continue to the review").click()
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_role("heading", name="Thank you for your order")).to_be_visible(timeout=20_000)
    found = re.search(r"Order number\s*(\d+)", page.locator("main").inner_text())
    assert found
    return found[1]


def test_a_customer_buys_and_the_merchant_finds_the_order_in_medusas_admin(
    platform: Platform, installation: Installation, lamps: Store, browser: Browser
) -> None:
    with visitor(browser, address(installation, lamps)) as page:
        put_into_cart(page)
        page.get_by_role("link", name=re.compile("View cart")).click()
        page.get_by_role("button", name="One more").click()
        expect(page.locator("#cart-link")).to_contain_text("2")
        page.get_by_role("link", name="Check out").click()
        number = check_out(page, "browser@example.com")
    known = platform.credentials(lamps)
    # Medusa's admin has pictures of its own from elsewhere: a page of its, not of ours.
    admin = browser.new_context(base_url=address(installation, lamps)).new_page()
    admin.goto("/app/login")
    admin.get_by_placeholder("Email").fill(known["admin_email"])
    admin.get_by_placeholder("Password").fill(known["admin_password"])
    admin.get_by_role("button", name="Continue with Email").click()
    expect(admin.get_by_text(f"#{number}").first).to_be_visible(timeout=30_000)
    expect(admin.get_by_text("browser@example.com").first).to_be_visible()
    admin.context.close()


def test_the_same_without_javascript(platform: Platform, installation: Installation, lamps: Store, browser: Browser) -> None:
    with visitor(browser, address(installation, lamps), java_script_enabled=False) as page:
        put_into_cart(page)
        page.goto("/cart")
        page.get_by_role("link", name="Check out").click()
        number = check_out(page, "plain@example.com")
        page.goto("/orders")
        page.get_by_label("Order number").fill(number)
        page.get_by_label("E-mail").fill("PLAIN@example.com")
        page.locator("main form").get_by_role("button").click()
        expect(page.locator("main")).to_contain_text("Marktstraße 1")
    assert {"plain@example.com"} <= {order["email"] for order in platform.admin(lamps).orders()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_for_those_who_cannot_see_it(
    installation: Installation, lamps: Store, browser: Browser, scheme: str
) -> None:
    found: dict[str, list[str]] = {}
    for width in (390, 1280):
        with visitor(browser, address(installation, lamps), color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
            put_into_cart(page)
            product = page.url
            for name, path in {
                "home": "/", "catalogue": "/products", "product": product, "cart": "/cart", "checkout": "/checkout", "lookup": "/orders",
                "missing": "/products/no-such-thing",
            }.items():  # fmt: skip
                page.goto(path)
                keep(page, f"{name}-{width}-{scheme}")
                serious = [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
                if serious:
                    found[f"{name} at {width}"] = serious
    assert found == {}


def test_two_shops_look_and_sell_apart(installation: Installation, lamps: Store, books: Store, browser: Browser) -> None:
    with visitor(browser, address(installation, books)) as page:
        open_home(page)
        keep(page, "books-home")
        expect(page).to_have_title(re.compile("Böll & Töchter"))
        expect(page.locator("body")).not_to_contain_text("Free delivery this week")
        assert "#2b4fa3" in theme(page)
    with visitor(browser, address(installation, lamps)) as page:
        open_home(page)
        expect(page.get_by_text("Free delivery this week")).to_be_visible()
        expect(page.get_by_text("Light, and little else.").first).to_be_visible()
        assert "#b4341f" in theme(page)
        put_into_cart(page)
        cookies = [cookie for cookie in page.context.cookies() if cookie["name"] != ""]
    other = browser.new_context(base_url=address(installation, books))
    other.add_cookies([{"name": c["name"], "value": c["value"], "url": address(installation, books)} for c in cookies])
    page = other.new_page()
    page.goto("/cart")
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()
    other.close()
