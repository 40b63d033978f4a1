from __future__ import annotations

import httpx
import pytest
from conftest import HTMX, Shopper, text, words
from fake import FakeStoreApi
from flask import Flask
from storefront.services import Services

PAGES = ["/", "/products", "/products/stoneware-mug", "/categories/kitchen"]


def away(request: httpx.Request) -> None:
    raise httpx.ConnectError("refused", request=request)


@pytest.fixture(autouse=True)
def _no_sulking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.client.SULK", 0.0)


@pytest.mark.parametrize("path", [*PAGES, "/cart", "/orders", "/sitemap.xml"])
def test_a_shop_that_never_reached_medusa_is_opening(shopper: Shopper, api: FakeStoreApi, path: str) -> None:
    api.fault = away
    answer = shopper.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert int(answer.headers["Refresh"]) > 0
    assert "opening" in words(answer)
    assert "Demo Shop" in words(answer)


def test_what_was_shown_before_is_shown_still(app: Flask, shopper: Shopper, api: FakeStoreApi) -> None:
    for path in PAGES:
        shopper.get(path)
    api.fault = away
    for path in [*PAGES, "/products?q=mug", "/products/market-tote", "/sitemap.xml"]:
        assert Shopper(app.test_client()).get(path).status_code == 200


def test_the_cart_is_kept_while_medusa_is_away(shopper: Shopper, api: FakeStoreApi) -> None:
    shopper.add(api.variant("stoneware-mug", "Sand")["id"], 2)
    api.fault = away
    for path in ("/cart", "/checkout"):
        answer = shopper.get(path)
        assert answer.status_code == 503
        assert "being repaired" in words(answer)
        assert "Your cart is kept" in words(answer)
    assert shopper.count() == 2
    api.fault = None
    assert "Stoneware Mug" in words(shopper.get("/cart"))


def test_a_form_while_medusa_is_away_is_answered_in_words(shopper: Shopper, api: FakeStoreApi) -> None:
    csrf = shopper.csrf()
    api.fault = away
    answer = shopper.post("/cart/items", csrf=csrf, variant_id="variant_1", quantity=1)
    assert answer.status_code == 503
    assert "Refresh" not in answer.headers, "a form is not sent again by itself"
    part = shopper.post("/cart/items", csrf=csrf, variant_id="variant_1", quantity=1, headers=HTMX)
    assert (part.status_code, part.headers["HX-Retarget"]) == (503, "#messages")
    assert "<html" not in text(part)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_failures_of_medusa_itself_are_no_traces(shopper: Shopper, api: FakeStoreApi, status: int) -> None:
    api.fault = lambda _: httpx.Response(status, text="<h1>Error: at Object.<anonymous></h1>")
    answer = shopper.get("/products")
    assert answer.status_code == 503
    assert "anonymous" not in text(answer)


def test_answers_that_lack_everything_are_no_traces(shopper: Shopper, api: FakeStoreApi) -> None:
    api.fault = lambda _: httpx.Response(200, json={})
    answer = shopper.get("/products")
    assert answer.status_code == 500
    assert "KeyError" not in text(answer)
    assert "Something went wrong on our side" in words(answer)


def test_the_storefront_is_ready_without_medusa_so_that_it_can_say_so(shopper: Shopper, api: FakeStoreApi) -> None:
    api.fault = away
    assert shopper.get("/healthz").status_code == 200
    assert shopper.get("/readyz").status_code == 200
    assert shopper.get("/readyz?backend=1").status_code == 503
    api.fault = None
    assert shopper.get("/readyz?backend=1").status_code == 200
    assert "Set-Cookie" not in shopper.get("/readyz").headers


def test_a_slow_medusa_leaves_room_for_what_is_in_the_cache(shopper: Shopper, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.client.WAIT_FOR_TURN", 0.01)
    shopper.get("/products")
    turns = services.api._turns
    while turns.acquire(blocking=False):
        pass
    assert shopper.get("/products").status_code == 200
    shopper.client.set_cookie("x", "y")
    assert shopper.post("/cart/items", variant_id="variant_1", quantity=1).status_code == 503
