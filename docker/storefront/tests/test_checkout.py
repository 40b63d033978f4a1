from __future__ import annotations

import re
import threading
from collections.abc import Callable

import httpx
import pytest
from conftest import ADDRESS, HTMX, Shopper, field_error, hidden, messages, text, words
from fake import FakeStoreApi
from flask import Flask
from storefront.address import FIELDS, faults, typed
from storefront.services import NAME, Services

COUNTRIES = (("de", "Germany"), ("gb", "United Kingdom"), ("ie", "Ireland"), ("us", "United States"))


@pytest.fixture
def mug(api: FakeStoreApi) -> str:
    return api.variant("stoneware-mug", "Sand")["id"]


def test_from_the_cart_to_the_order(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    review = words(shopper.get("/checkout"))
    for expected in ("ann@example.com", "Way 1", "20095 Hamburg", "Germany", "Standard delivery", "€18.00", "€5.00", "€23.00"):
        assert expected in review
    placed = shopper.place(token)
    assert placed.status_code == 303
    page = shopper.get(placed.location)
    for expected in ("1001", "Stoneware Mug", "€23.00", "ann@example.com", "Hamburg"):
        assert expected in words(page)
    assert len(api.orders) == 1
    assert shopper.count() == 0


def test_steps_open_one_after_the_other(shopper: Shopper, mug: str) -> None:
    shopper.add(mug)
    page = text(shopper.get("/checkout?step=payment"))
    assert 'name="email"' in page
    assert 'name="option_id"' not in page
    assert shopper.post("/checkout/shipping", option_id="so_0001").status_code == 422
    assert shopper.post("/checkout/payment", provider_id="pp_system_default").status_code == 422
    shopper.post("/checkout/contact", **ADDRESS)
    assert 'name="option_id"' in text(shopper.get("/checkout"))
    again = shopper.get("/checkout?step=contact")
    assert 'value="ann@example.com"' in text(again)
    assert 'name="option_id"' not in text(again)


@pytest.mark.parametrize("path", ["/checkout", "/checkout?step=payment"])
def test_an_empty_cart_has_nothing_to_check_out(shopper: Shopper, path: str) -> None:
    assert shopper.get(path).location == "/cart"
    assert "nothing to check out" in shopper.messages()
    assert shopper.post("/checkout/contact", **ADDRESS).location == "/cart"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": ""}, "email"), ({"email": "ann"}, "email"), ({"email": "ann@example"}, "email"), ({"email": "a b@example.com"}, "email"),
        ({"email": "x" * 250 + "@example.com"}, "email"), ({"email": "a@b.com,c@d.com"}, "email"), ({"first_name": " "}, "first_name"),
        ({"last_name": "x" * 121}, "last_name"), ({"address_1": "\x00\x01"}, "address_1"), ({"city": ""}, "city"),
        ({"postal_code": "1234"}, "postal_code"), ({"postal_code": ""}, "postal_code"), ({"country_code": "us"}, "country_code"),
        ({"country_code": ""}, "country_code"), ({"country_code": "zz"}, "country_code"), ({"phone": "call me"}, "phone"),
    ],
)  # fmt: skip
def test_an_invalid_address_is_explained_at_its_field_and_what_was_typed_stays(
    shopper: Shopper, api: FakeStoreApi, mug: str, changes: dict[str, str], field: str
) -> None:
    shopper.add(mug)
    answer = shopper.post("/checkout/contact", **(ADDRESS | changes))
    assert answer.status_code == 422
    assert field_error(answer, field)
    if field != "city":
        assert 'value="Hamburg"' in text(answer)
    assert next(iter(api.carts.values()))["email"] is None
    assert shopper.count() == 1


@pytest.mark.parametrize(
    ("country", "code", "fine"),
    [
        ("de", "20095", True), ("de", "2009", False), ("gb", "sw1a 1aa", True), ("gb", "12345", False), ("ie", "", True),
        ("us", "10001-1234", True),
    ],
)  # fmt: skip
def test_postal_codes(country: str, code: str, fine: bool) -> None:
    found = faults(typed(ADDRESS | {"country_code": country, "postal_code": code}), COUNTRIES)
    assert ("postal_code" not in found) == fine


def test_every_field_may_be_missing_or_odd() -> None:
    assert set(typed({})) == set(FIELDS)
    assert typed({"city": " São \u202e\x00 Paulo\n"})["city"] == "São Paulo"


def test_medusas_own_refusal_of_an_address_is_shown_in_place(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    shopper.add(mug)
    refusal = {"type": "invalid_data", "message": "Something about the address"}
    api.fault = lambda request: httpx.Response(400, json=refusal) if b"ann@example.com" in request.content else None
    answer = shopper.post("/checkout/contact", **ADDRESS)
    assert answer.status_code == 422
    assert 'value="Hamburg"' in text(answer)


@pytest.mark.parametrize(
    ("path", "fields"),
    [("shipping", {"option_id": "so_unknown"}), ("shipping", {}), ("payment", {"provider_id": "pp_unknown"}), ("payment", {})],
)
def test_a_choice_that_isnt_offered_is_explained(shopper: Shopper, mug: str, path: str, fields: dict[str, str]) -> None:
    shopper.ready(mug)
    answer = shopper.post(f"/checkout/{path}", **fields)
    assert answer.status_code == 422
    assert "Please choose one of the" in words(answer)


def test_a_payment_that_fails_is_said_and_the_cart_stays(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    answer = shopper.place(shopper.ready(mug, email="fail@example.com"))
    assert answer.status_code == 422
    assert "payment didn't go through" in words(answer)
    assert api.orders == {}
    assert shopper.count() == 1
    api.payment_fails = lambda _: False
    assert shopper.place(hidden(shopper.get("/checkout"), "cart")).location.startswith("/orders/")


def test_what_sells_out_at_the_last_moment_is_said_and_the_cart_stays(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    api.set_stock("stoneware-mug", "Sand", 0)
    answer = shopper.place(token)
    assert answer.status_code == 422
    assert "sold out" in words(answer)
    assert (api.orders, shopper.count()) == ({}, 1)


def test_placing_twice_makes_one_order(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    first, second = shopper.place(token), shopper.place(token)
    assert first.location == second.location
    assert len(api.orders) == 1


def test_a_double_click_makes_one_order(app: Flask, shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    """Both requests carry the same cookie, and the second comes while Medusa works on the first."""
    token, csrf = shopper.ready(mug), shopper.csrf()
    cookie = shopper.client.get_cookie("shop")
    assert cookie is not None
    working, go_on = threading.Event(), threading.Event()

    def slow(request: httpx.Request) -> None:
        if request.url.path.endswith("/complete"):
            working.set()
            go_on.wait(10)

    api.fault = slow
    answers: list[str | None] = []

    def click() -> None:
        client = app.test_client()
        client.set_cookie("shop", cookie.value)
        answers.append(client.post("/checkout/place", data={"csrf": csrf, "cart": token}).location)

    clicks = [threading.Thread(target=click) for _ in range(3)]
    for thread in clicks:
        thread.start()
    assert working.wait(10)
    go_on.set()
    for thread in clicks:
        thread.join(10)
    assert len(answers) == 3
    assert len(set(answers)) == 1
    assert (len(api.orders), [path for _, path in api.calls].count(f"/store/carts/{next(iter(api.carts))}/complete")) == (1, 1)


def test_another_process_finds_the_same_order(shopper: Shopper, api: FakeStoreApi, mug: str, make_app: Callable[..., Flask]) -> None:
    """After a restart nothing is remembered here, but Medusa knows what became of the cart."""
    token, csrf = shopper.ready(mug), shopper.csrf()
    cookie = shopper.client.get_cookie("shop")
    first = shopper.place(token).location
    other = make_app().test_client()
    other.set_cookie("shop", cookie.value)
    assert other.post("/checkout/place", data={"csrf": csrf, "cart": token}).location == first
    assert len(api.orders) == 1


def test_a_completed_cart_opened_again_is_explained(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    next(iter(api.carts.values()))["completed_at"] = "2026-01-02T03:04:05.678Z"
    api.orders["order_cart_0001"] = {"id": "order_cart_0001"}
    assert shopper.get("/checkout").location == "/cart"
    assert "has been ordered already" in shopper.messages()
    assert shopper.place(token).location in ("/cart", "/orders/order_cart_0001?placed=1")


def test_the_back_button_after_ordering_leads_to_the_empty_cart(shopper: Shopper, mug: str) -> None:
    shopper.place(shopper.ready(mug))
    assert shopper.get("/checkout").location == "/cart"
    assert shopper.post("/checkout/contact", **ADDRESS).location == "/cart"


def test_an_order_is_not_placed_at_another_price_than_was_shown(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    shopper.post(f"/cart/items/{shopper.line()}/quantity", quantity=2)
    answer = shopper.place(token)
    assert answer.status_code == 409
    assert "Your cart has changed" in words(answer)
    assert api.orders == {}
    assert shopper.count() == 2


def test_an_old_form_does_not_order_the_next_cart(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    old = shopper.ready(mug)
    api.carts.clear()
    shopper.ready(api.variant("market-tote", "Natural")["id"])
    assert shopper.place(old).location == "/checkout"
    assert "has changed" in shopper.messages()
    assert api.orders == {}


@pytest.mark.parametrize("token", ["", "nonsense", "W10.abc"])
def test_a_form_that_was_tampered_with_orders_nothing(shopper: Shopper, api: FakeStoreApi, mug: str, token: str) -> None:
    shopper.ready(mug)
    assert shopper.place(token).location == "/checkout"
    assert api.orders == {}


def test_the_form_of_another_visitor_orders_nothing(app: Flask, shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)
    other = Shopper(app.test_client())
    assert other.place(token).location == "/checkout"
    assert api.orders == {}


def test_no_answer_while_placing_is_said_without_guessing(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    token = shopper.ready(mug)

    def late(request: httpx.Request) -> None:
        if request.url.path.endswith("/complete"):
            raise httpx.ReadTimeout("late", request=request)

    api.fault = late
    answer = shopper.place(token)
    assert answer.status_code == 503
    assert "may or may not have been placed" in words(answer)
    assert answer.headers["Retry-After"]
    assert shopper.count() == 1


def test_a_payment_session_is_used_again(shopper: Shopper, api: FakeStoreApi, mug: str) -> None:
    shopper.ready(mug)
    before = len([path for method, path in api.calls if "payment-sessions" in path])
    shopper.post("/checkout/payment", provider_id="pp_system_default")
    assert len([path for method, path in api.calls if "payment-sessions" in path]) == before


def test_htmx_goes_through_the_steps_in_place(shopper: Shopper, mug: str) -> None:
    shopper.add(mug)
    part = shopper.post("/checkout/contact", headers=HTMX, **ADDRESS)
    assert part.status_code == 200
    assert 'id="checkout"' in text(part)
    assert "<html" not in text(part)
    option = re.search(r'value="(so_\w+)"', text(part))
    assert option
    part = shopper.post("/checkout/shipping", headers=HTMX, option_id=option[1])
    assert "pp_system_default" in text(part)
    part = shopper.post("/checkout/payment", headers=HTMX, provider_id="pp_system_default")
    placed = shopper.place(hidden(part, "cart"), headers=HTMX)
    assert placed.headers["HX-Redirect"].startswith("/orders/")
    faulty = shopper.add(mug) and shopper.post("/checkout/contact", headers=HTMX, email="x")
    assert (faulty.status_code, bool(field_error(faulty, "email"))) == (422, True)


def test_the_checkout_may_not_be_hammered(shopper: Shopper, services: Services) -> None:
    csrf = shopper.csrf()
    answers = [shopper.post("/checkout/contact", csrf=csrf).status_code for _ in range(65)]
    assert answers.count(429) == 5
    refused = shopper.post("/checkout/contact", csrf=csrf)
    assert int(refused.headers["Retry-After"]) > 0
    assert "One moment, please" in words(refused)
    assert shopper.client.post("/checkout/contact", environ_base={"REMOTE_ADDR": "198.51.100.7"}, data={"csrf": csrf}).status_code == 303


def test_locks_are_not_kept(shopper: Shopper, app: Flask, mug: str) -> None:
    shopper.place(shopper.ready(mug))
    assert app.extensions[NAME].checkout._busy == {}


def test_messages_are_no_place_for_markup(shopper: Shopper) -> None:
    assert "<" not in messages(shopper.get("/cart"))
