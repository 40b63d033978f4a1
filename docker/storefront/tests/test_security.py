from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Shopper, words
from fake import FakeStoreApi
from flask import Flask
from storefront.limits import Limiter, network
from storefront.security import local
from storefront.seo import json_block, short
from storefront.theme import DARK_PAGE, LIGHT_PAGE, contrast, ink, readable

FORMS = [
    "/region", "/cart/items", "/cart/items/x/quantity", "/cart/items/x/remove", "/checkout/contact", "/checkout/shipping",
    "/checkout/payment", "/checkout/place", "/orders",
]  # fmt: skip


@pytest.mark.parametrize("path", FORMS)
def test_no_form_is_accepted_without_its_token(shopper: Shopper, api: FakeStoreApi, app: Flask, path: str) -> None:
    shopper.get("/orders")
    before = list(api.calls)
    other = Shopper(app.test_client()).csrf()
    for token in ("", "x", other, "é"):
        answer = shopper.post(path, csrf=token)
        assert answer.status_code == 403
        assert "could not be accepted" in words(answer)
    assert shopper.client.post(path).status_code == 403
    assert api.calls == before


def test_every_route_that_takes_forms_is_in_that_list(app: Flask) -> None:
    assert len([rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]) == len(FORMS)


def test_a_form_sent_from_another_site_is_refused_even_with_a_token(shopper: Shopper) -> None:
    assert shopper.post("/region", region="x", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert shopper.post("/region", region="x", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_not_opened_by_a_link(shopper: Shopper, path: str) -> None:
    assert shopper.get(path).status_code in (200, 404, 405)


def test_cookies_can_be_read_by_no_script_and_are_not_sent_by_other_sites(app: Flask, make_app: Callable[..., Flask]) -> None:
    plain = app.test_client().get("/orders").headers["Set-Cookie"]
    assert plain.startswith("shop=")
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    for secure in (
        make_app(PUBLIC_URL="https://shop.example.com").test_client().get("/orders"),
        app.test_client().get("/orders", headers={"X-Forwarded-Proto": "https"}),
    ):
        cookie = secure.headers["Set-Cookie"]
        assert cookie.startswith("__Host-shop=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


def test_a_cookie_of_one_shop_is_worthless_at_another(app: Flask, make_app: Callable[..., Flask], api: FakeStoreApi) -> None:
    here = Shopper(app.test_client())
    here.add(api.variant("stoneware-mug", "Sand")["id"], 2)
    cookie = here.client.get_cookie("shop")
    assert cookie is not None
    elsewhere = Shopper(make_app(SIGNING_KEY="j" * 40).test_client())
    elsewhere.client.set_cookie("shop", cookie.value)
    assert elsewhere.count() == 0
    elsewhere.client.set_cookie("shop", cookie.value)
    assert elsewhere.post("/cart/items", csrf=here.csrf(), variant_id="x", quantity=1).status_code == 403


def test_too_much_is_refused(shopper: Shopper) -> None:
    answer = shopper.post("/checkout/contact", email="x" * 100_000)
    assert answer.status_code == 413
    assert "more than we can take" in words(answer)
    assert shopper.client.post("/orders", data={f"f{number}": "x" for number in range(2000)}).status_code in (403, 413)


def test_answers_forbid_what_a_shop_does_not_need(shopper: Shopper) -> None:
    for path in ("/", "/unknown", "/healthz", "/theme.css", "/cart"):
        headers = shopper.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/%00", "/products/%00", "/products/%ff", "/categories/%2e%2e%2f", "/products?page=%ff", "/?q=%00", "/assets/%2e%2e/settings.py"],
)
def test_odd_addresses_are_no_traces(shopper: Shopper, path: str) -> None:
    assert shopper.get(path).status_code in (200, 404)


@pytest.mark.parametrize("target", ["/", "/products?q=a", "/products/a%20b"])
def test_local_paths_stay(target: str) -> None:
    assert local(target, "/other") == target


def test_a_limit_counts_by_address_and_forgets_with_time() -> None:
    now = [0.0]
    limiter = Limiter(2, 60, most=3, now=lambda: now[0])
    assert [limiter.hit("203.0.113.1") for _ in range(3)] == [0, 0, 60]
    assert limiter.hit("203.0.113.2") == 0
    now[0] = 61
    assert limiter.hit("203.0.113.1") == 0
    for number in range(100):
        limiter.hit(f"198.51.100.{number}")
    assert len(limiter._windows) == 3


def test_one_household_is_one_address() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:203.0.113.9") == "203.0.113.9"
    assert network("nonsense") == "nonsense"


@pytest.mark.parametrize("accent", ["#ffffff", "#000000", "#ffff00", "#777777", "#b4341f", "#2f5d50", "#0000ff", "#ff69b4"])
def test_any_accent_can_be_read(accent: str) -> None:
    assert contrast(ink(accent), accent) >= 4.5
    assert contrast(readable(accent, LIGHT_PAGE), LIGHT_PAGE) >= 4.5
    assert contrast(readable(accent, DARK_PAGE), DARK_PAGE) >= 4.5


def test_a_data_block_cannot_end_its_element() -> None:
    assert json_block({"name": "</script><!-- &\u2028"}) == '{"name":"\\u003c/script\\u003e\\u003c!-- \\u0026\\u2028"}'


def test_a_description_is_cut_at_a_word() -> None:
    cut = short("word " * 100)
    assert len(cut) <= 160
    assert cut.endswith("word…")
