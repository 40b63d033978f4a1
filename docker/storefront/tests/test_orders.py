from __future__ import annotations

import re
from html import unescape

import httpx
import pytest
from conftest import ENVIRONMENT, Shopper, field_error, text, words
from fake import FakeStoreApi
from flask import Flask
from storefront.services import Services


@pytest.fixture
def order(app: Flask, api: FakeStoreApi) -> str:
    """The path of an order that somebody else placed."""
    other = Shopper(app.test_client())
    return other.place(other.ready(api.variant("stoneware-mug", "Sand")["id"])).location.partition("?")[0]


def test_an_order_is_found_by_number_and_email_in_any_case(shopper: Shopper, order: str) -> None:
    assert shopper.post("/orders", number=" #1001 ", email="ANN@Example.com").location == order
    assert "1001" in words(shopper.get(order))


@pytest.mark.parametrize(("number", "email"), [("1001", "bob@example.com"), ("1002", "ann@example.com")])
def test_number_and_email_must_belong_together(shopper: Shopper, order: str, number: str, email: str) -> None:
    answer = shopper.post("/orders", number=number, email=email)
    assert answer.status_code == 422
    assert "no order with this number and this e-mail" in words(answer)
    assert shopper.get(order).location == "/orders"


@pytest.mark.parametrize(
    ("number", "email", "field"),
    [
        ("", "ann@example.com", "number"), ("-1", "ann@example.com", "number"), ("1" * 30, "ann@example.com", "number"),
        ("1001", "ann", "email"), ("1001", "", "email"),
    ],
)  # fmt: skip
def test_nonsense_is_explained_and_asks_nobody(shopper: Shopper, api: FakeStoreApi, number: str, email: str, field: str) -> None:
    answer = shopper.post("/orders", number=number, email=email)
    assert answer.status_code == 422
    assert field_error(answer, field)
    assert not any("order-lookup" in path for _, path in api.calls)


def test_an_order_is_not_shown_to_whoever_knows_its_address(shopper: Shopper, order: str) -> None:
    for path in (order, f"{order}?key=", f"{order}?key=nonsense", f"{order}?placed=1"):
        assert shopper.get(path).location == "/orders"
    assert "number and e-mail address" in shopper.messages("/orders")


def test_a_signed_link_opens_its_order_only(shopper: Shopper, services: Services, order: str) -> None:
    order_id = order.rpartition("/")[2]
    key = services.visitors.sign("order", order_id)
    assert shopper.get(f"{order}?key={key}").status_code == 200
    other = services.visitors.sign("order", "order_other")
    assert shopper.get(f"{order}?key={other}").location == "/orders"
    assert shopper.get(f"{order}?key={services.visitors.sign('place', order_id)}").location == "/orders"


def test_the_look_up_may_not_be_hammered(shopper: Shopper) -> None:
    csrf = shopper.csrf()
    answers = [shopper.post("/orders", csrf=csrf, number="1001", email="bob@example.com").status_code for _ in range(10)]
    assert answers == [422] * 8 + [429] * 2


def test_medusas_own_limit_is_passed_on(shopper: Shopper, api: FakeStoreApi) -> None:
    def limit(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(429, json={"message": "wait"}, headers={"Retry-After": "17"}) if "lookup" in request.url.path else None

    api.fault = limit
    answer = shopper.post("/orders", number="1001", email="ann@example.com")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "17")


def test_medusa_hears_who_asks(shopper: Shopper, api: FakeStoreApi) -> None:
    heard: list[str] = []

    def listen(request: httpx.Request) -> None:
        if "lookup" in request.url.path:
            heard.append(request.headers["X-Forwarded-For"])

    api.fault = listen
    shopper.post("/orders", number="1001", email="ann@example.com", headers={"X-Forwarded-For": "203.0.113.5, 203.0.113.9"})
    assert heard == ["203.0.113.9"]


def test_an_order_id_from_the_address_goes_nowhere_else(shopper: Shopper, services: Services, api: FakeStoreApi) -> None:
    for evil in ("..%2f..%2fadmin%2forders", "order_1%3ffields=*", "x" * 300):
        key = services.visitors.sign("order", re.sub("%2f", "/", evil))
        assert shopper.get(f"/orders/{evil}?key={key}").status_code in (303, 404)
    assert not any("admin" in path for _, path in api.calls)


def test_the_page_of_an_order_carries_its_link(app: Flask, shopper: Shopper, api: FakeStoreApi) -> None:
    placed = shopper.place(shopper.ready(api.variant("stoneware-mug", "Sand")["id"])).location
    page = unescape(text(shopper.get(placed)))
    assert 'content="noindex"' in page
    link = re.search(re.escape(ENVIRONMENT["PUBLIC_URL"]) + r"(/orders/[^\"<\s]+\?key=[^\"<\s]+)", page)
    if link:
        assert Shopper(app.test_client()).get(link[1]).status_code == 200
