from __future__ import annotations

import pytest
from conftest import HTMX, Shopper, messages, text, words
from fake import FakeStoreApi
from storefront.services import Services


@pytest.fixture
def mug(api: FakeStoreApi) -> str:
    return api.variant("stoneware-mug", "Sand")["id"]


def test_what_is_added_is_in_the_cart_and_counted(shopper: Shopper, mug: str) -> None:
    assert shopper.add(mug, 2).location == "/cart"
    page = shopper.get("/cart")
    assert "Added to your cart." in messages(page)
    for expected in ("Stoneware Mug", "Sand", "€18.00", "€36.00"):
        assert expected in words(page)
    assert shopper.count() == 2
    assert "Added to your cart." not in messages(shopper.get("/cart")), "a message is shown once"


def test_the_count_costs_no_call(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    shopper.add(mug, 2)
    shopper.get("/products")
    before = len(api.calls)
    assert shopper.count() == 2
    assert len(api.calls) == before


def test_quantity_is_changed_and_lines_removed(shopper: Shopper, mug: str) -> None:
    shopper.add(mug)
    assert shopper.post(f"/cart/items/{shopper.line()}/quantity", quantity=5).location == "/cart"
    assert shopper.count() == 5
    shopper.post(f"/cart/items/{shopper.line()}/quantity", quantity=0)
    assert shopper.count() == 0
    shopper.add(mug)
    shopper.post(f"/cart/items/{shopper.line()}/remove")
    assert "empty" in words(shopper.get("/cart")).lower()


@pytest.mark.parametrize("quantity", ["0", "-1", "21", "1.5", "1e3", "two", "", "²", "9" * 30])
def test_a_quantity_that_is_none_is_explained(shopper: Shopper, mug: str, quantity: str) -> None:
    answer = shopper.add(mug, quantity)
    assert answer.location == f"/products/stoneware-mug?variant={mug}"
    assert "Please choose a number from 1 to 20." in shopper.messages()
    assert shopper.count() == 0


def test_a_sold_out_variant_is_explained_on_its_own_page(shopper: Shopper, api: FakeStoreApi) -> None:
    api.set_stock("market-tote", "Ink", 0)
    ink = api.variant("market-tote", "Ink")["id"]
    answer = shopper.add(ink)
    assert answer.location == f"/products/market-tote?variant={ink}"
    assert "not that many left" in messages(shopper.get(answer.location))


def test_more_than_there_are_keeps_what_was_in_the_cart(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    api.set_stock("stoneware-mug", "Sand", 3)
    shopper.add(mug, 2)
    shopper.add(mug, 2)
    assert "not that many left" in shopper.messages()
    shopper.post(f"/cart/items/{shopper.line()}/quantity", quantity=4)
    assert "not that many left" in shopper.messages()
    assert shopper.count() == 2


@pytest.mark.parametrize("variant", ["variant_unknown", "", "../../admin", "x" * 300, "a b"])
def test_an_unknown_variant_is_explained(shopper: Shopper, variant: str) -> None:
    assert shopper.add(variant).status_code == 303
    seen = shopper.messages()
    assert "no longer available" in seen or "Please choose what you would like" in seen


def test_a_cart_that_medusa_forgot_is_replaced_and_said_so(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    shopper.add(mug, 2)
    api.carts.clear()
    assert "Your previous cart had expired" in shopper.messages()
    assert shopper.count() == 0
    shopper.add(mug, 1)
    api.carts.clear()
    shopper.add(mug, 3)
    seen = shopper.messages()
    assert "Your previous cart had expired" in seen
    assert "Added to your cart." in seen
    assert shopper.count() == 3


def test_a_cart_ordered_elsewhere_is_replaced_and_said_so(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    shopper.add(mug, 2)
    next(iter(api.carts.values()))["completed_at"] = "2026-01-02T03:04:05.678Z"
    line = "cali_0001"
    shopper.post(f"/cart/items/{line}/quantity", quantity=4)
    assert "has been ordered already" in shopper.messages()
    shopper.add(mug, 1)
    assert (shopper.count(), len(api.carts)) == (1, 2)


def test_a_line_that_is_gone_is_explained_and_the_rest_stays(shopper: Shopper, mug: str) -> None:
    shopper.add(mug, 2)
    shopper.post("/cart/items/cali_unknown/quantity", quantity=4)
    assert "no longer in your cart" in shopper.messages()
    assert shopper.count() == 2
    shopper.post("/cart/items/..%2f..%2fadmin/quantity", quantity=4)
    assert shopper.count() == 2


def test_what_was_sold_out_meanwhile_is_said_at_its_line(shopper: Shopper, api: FakeStoreApi, mug: str, services: Services) -> None:
    shopper.add(mug, 4)
    api.set_stock("stoneware-mug", "Sand", 2)
    services.catalogue._cache.forget()
    assert "Only 2 left." in words(shopper.get("/cart"))
    assert 'href="/checkout"' not in text(shopper.get("/cart"))


def test_a_tampered_cookie_starts_afresh_and_says_so(shopper: Shopper, mug: str) -> None:
    shopper.add(mug, 2)
    cookie = shopper.client.get_cookie("shop")
    assert cookie is not None
    for bad in (cookie.value[:-3] + "xxx", "nonsense", cookie.value.split(".")[0] + ".", "é", "." * 2000):
        shopper.client.set_cookie("shop", bad)
        page = shopper.get("/cart")
        assert page.status_code == 200
        assert "could not read this browser's shop cookie" in messages(page)
        assert shopper.count() == 0


def test_a_form_sent_with_a_tampered_cookie_does_nothing(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.csrf()
    shopper.client.set_cookie("shop", "tampered")
    answer = shopper.post("/cart/items", csrf=token, variant_id=mug, quantity=1)
    assert answer.status_code == 403
    assert "Nothing was changed" in words(answer)
    assert api.carts == {}


def test_htmx_gets_the_cart_the_count_and_the_message(shopper: Shopper, mug: str) -> None:
    added = shopper.add(mug, 2, headers=HTMX)
    assert added.status_code == 200
    assert 'id="cart-link"' in text(added)
    assert text(added).count("hx-swap-oob") == 2
    changed = shopper.post(f"/cart/items/{shopper.line()}/quantity", quantity=3, headers=HTMX)
    assert 'id="cart"' in text(changed)
    assert "<html" not in text(changed)
    assert "€54.00" in words(changed)
    refused = shopper.add("variant_unknown", headers=HTMX)
    assert (refused.status_code, "no longer available" in words(refused)) == (422, True)
