"""A customer and an admin of a Medusa shop, for the end-to-end tests.

Both reach the shop at `base_url` (an ingress, say http://127.0.0.1:8088) under the name `host`, so no name has to resolve.
A checkout is the eleven calls of a storefront. Amounts are decimal major units: 49 is 49.00.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

Json = dict[str, Any]

PAYMENT_PROVIDER = "pp_system_default"
ADDRESS: Json = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address_1": "Marktstrasse 1",
    "city": "Hamburg",
    "postal_code": "20357",
    "country_code": "de",
    "phone": "+49401234567",
}


class ShopError(AssertionError):
    """The shop answered other than a working one does; the message holds the call, the status and the body."""


@dataclass(frozen=True)
class Order:
    id: str
    display_id: int
    total: float
    currency: str


class _Client:
    def __init__(self, base_url: str, host: str, *, timeout: float = 30.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers: dict[str, str] = {"Host": host, "Accept": "application/json"}
        # retries would hide what these tests look for
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def call(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """One call; returns the JSON object of a 2xx answer, raises ShopError for anything else."""
        url = f"{self._base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._pool.request(method, url, json=body, headers=self._headers | self._json_header(body))
        except urllib3.exceptions.HTTPError as error:
            raise ShopError(f"{method} {path} got no answer from {self._headers['Host']}: {error}") from error
        text = answer.data.decode(errors="replace")
        if not 200 <= answer.status < 300:
            raise ShopError(f"{method} {path} answered {answer.status}: {text[:2000]}")
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ShopError(f"{method} {path} answered {answer.status} without JSON: {text[:2000]}") from error
        if not isinstance(found, dict):
            raise ShopError(f"{method} {path} answered no JSON object: {text[:2000]}")
        return found

    @staticmethod
    def _json_header(body: Json | None) -> dict[str, str]:
        return {} if body is None else {"Content-Type": "application/json"}


class Shop(_Client):
    """A customer: knows the publishable key, as the storefront does."""

    def __init__(self, base_url: str, host: str, publishable_key: str, *, timeout: float = 30.0) -> None:
        super().__init__(base_url, host, timeout=timeout)
        self._headers["x-publishable-api-key"] = publishable_key

    def page(self, path: str = "/") -> str:
        """What the storefront shows at a path."""
        answer = self._pool.request("GET", f"{self._base_url}{path}", headers=self._headers)
        text = answer.data.decode(errors="replace")
        if answer.status != 200:
            raise ShopError(f"GET {path} answered {answer.status}: {text[:500]}")
        return text

    def region(self, currency: str = "eur") -> Json:
        regions: list[Json] = self.call("GET", "/store/regions")["regions"]
        return _first(regions, f"region in {currency}", lambda region: region["currency_code"] == currency)

    def products(self, region_id: str) -> list[Json]:
        """All products with their variants' prices; without a region there are no prices."""
        fields = "*variants.calculated_price,+variants.inventory_quantity"
        return list(self.call("GET", "/store/products", region_id=region_id, fields=fields)["products"])

    def place_order(self, *, email: str = "ada@example.com", quantity: int = 1, handle: str | None = None, currency: str = "eur") -> Order:
        """Buys the first variant in stock (of the product `handle`, if given) and returns the order."""
        region = self.region(currency)
        variants = [
            variant for product in self.products(region["id"]) if handle in (None, product["handle"]) for variant in product["variants"]
        ]
        variant = _first(variants, "variant in stock", lambda each: (each.get("inventory_quantity") or 0) >= quantity)
        cart_id: str = self.call("POST", "/store/carts", {"region_id": region["id"]})["cart"]["id"]
        cart = f"/store/carts/{cart_id}"
        self.call("POST", f"{cart}/line-items", {"variant_id": variant["id"], "quantity": quantity})
        address = ADDRESS | {"country_code": "us" if currency == "usd" else "de"}
        self.call("POST", cart, {"email": email, "shipping_address": address, "billing_address": address})
        options: list[Json] = self.call("GET", "/store/shipping-options", cart_id=cart_id)["shipping_options"]
        self.call("POST", f"{cart}/shipping-methods", {"option_id": _first(options, "shipping option")["id"]})
        providers: list[Json] = self.call("GET", "/store/payment-providers", region_id=region["id"])["payment_providers"]
        provider = _first(providers, PAYMENT_PROVIDER, lambda each: each["id"] == PAYMENT_PROVIDER)
        payment: Json = self.call("POST", "/store/payment-collections", {"cart_id": cart_id})["payment_collection"]
        sessions = f"/store/payment-collections/{payment['id']}/payment-sessions"
        self.call("POST", sessions, {"provider_id": provider["id"]})
        done = self.call("POST", f"{cart}/complete", {})
        # a refused checkout answers 200 with the cart and an error
        if done.get("type") != "order":
            raise ShopError(f"the cart was not completed: {json.dumps(done.get('error'))}")
        order: Json = done["order"]
        return Order(order["id"], int(order["display_id"]), float(order["total"]), order["currency_code"])


class Admin(_Client):
    """The merchant in Medusa's own admin: logs in with the first call."""

    def __init__(self, base_url: str, host: str, email: str, password: str, *, timeout: float = 30.0) -> None:
        super().__init__(base_url, host, timeout=timeout)
        token: str = self.call("POST", "/auth/user/emailpass", {"email": email, "password": password})["token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def store_name(self) -> str:
        return str(_first(self.call("GET", "/admin/stores")["stores"], "store")["name"])

    def orders(self) -> list[Json]:
        """The newest first, each with id, display_id, email and total."""
        return list(self.call("GET", "/admin/orders", fields="+email", order="-created_at", limit="100")["orders"])


def _first(found: list[Json], what: str, matches: Any = lambda _: True) -> Json:
    for each in found:
        if matches(each):
            return each
    raise ShopError(f"the shop has no {what} among {len(found)}")
