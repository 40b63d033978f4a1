"""A shop on a Store API in memory, and shoppers with browsers as simple as browsers get."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from fake import KEY, FakeStoreApi
from flask import Flask
from flask.testing import FlaskClient
from storefront.factory import create_app
from storefront.services import NAME, Services
from storefront.settings import Settings
from werkzeug.test import TestResponse

ENVIRONMENT = {
    "BACKEND_URL": "http://backend:9000", "PUBLISHABLE_KEY": KEY, "SIGNING_KEY": "k" * 40, "STORE_NAME": "Demo Shop",
    "PUBLIC_URL": "http://shop.example.com", "TAGLINE": "Good things for every day",
}  # fmt: skip
ADDRESS = {
    "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "address_1": "Way 1", "postal_code": "20095", "city": "Hamburg",
    "country_code": "de",
}  # fmt: skip
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: socket.socket, address: Any) -> None:
        raise RuntimeError(f"a test tried to reach {address!r}: the network is off")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def api() -> FakeStoreApi:
    return FakeStoreApi()


@pytest.fixture
def make_app(api: FakeStoreApi) -> Callable[..., Flask]:
    def make(**environment: str) -> Flask:
        return create_app(Settings.from_env(ENVIRONMENT | environment), transport=api.transport)

    return make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def services(app: Flask) -> Services:
    return app.extensions[NAME]


@pytest.fixture
def shopper(app: Flask) -> Shopper:
    return Shopper(app.test_client())


class Shopper:
    """Follows links and sends forms; knows nothing that isn't on a page."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def post(self, path: str, /, *, headers: dict[str, str] | None = None, csrf: str | None = None, **fields: Any) -> TestResponse:
        fields["csrf"] = self.csrf() if csrf is None else csrf
        return self.client.post(path, data=fields, headers=headers)

    def csrf(self) -> str:
        return hidden(self.get("/orders"), "csrf")

    def add(self, variant: str, quantity: int | str = 1, **more: Any) -> TestResponse:
        return self.post("/cart/items", variant_id=variant, quantity=quantity, **more)

    def line(self) -> str:
        found = re.search(r"/cart/items/(\w+)/quantity", text(self.get("/cart")))
        assert found, "the cart shows no line"
        return found[1]

    def ready(self, variant: str, **address: str) -> str:
        """Everything but the last button; what its form carries."""
        assert self.add(variant).status_code == 303
        assert self.post("/checkout/contact", **(ADDRESS | address)).location == "/checkout"
        option = re.search(r'value="(so_\w+)"', text(self.get("/checkout")))
        assert option, "no delivery is offered"
        assert self.post("/checkout/shipping", option_id=option[1]).location == "/checkout"
        assert self.post("/checkout/payment", provider_id="pp_system_default").location == "/checkout"
        return hidden(self.get("/checkout"), "cart")

    def place(self, token: str, **more: Any) -> TestResponse:
        return self.post("/checkout/place", cart=token, **more)

    def count(self) -> int:
        """As the header tells it."""
        found = re.search(r'id="cart-link".*?</a>', text(self.get("/orders")), re.DOTALL)
        assert found, "the header has no link to the cart"
        digits = re.search(r"\d+", re.sub(r"<[^>]*>", " ", found[0]))
        return int(digits[0]) if digits else 0

    def messages(self, path: str = "/cart") -> str:
        return messages(self.get(path))


def text(response: TestResponse) -> str:
    return response.get_data(as_text=True)


def words(response: TestResponse) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text(response))).split())


def messages(response: TestResponse) -> str:
    found = re.search(r'<[^>]*id="messages".*', text(response), re.DOTALL)
    assert found, "the page has no place for messages"
    head = re.split(r"<main|<header|<h1|<section", found[0])[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", head)).split())


def hidden(response: TestResponse, name: str) -> str:
    """The value of a hidden field."""
    for field in re.findall(r"<input[^>]*>", text(response)):
        if f'name="{name}"' in field and (value := re.search(r'value="([^"]*)"', field)):
            return unescape(value[1])
    raise AssertionError(f"no field {name}")


def field_error(response: TestResponse, name: str) -> str:
    found = re.search(rf'id="error-{name}"[^>]*>(.*?)</', text(response), re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""
