"""A Store API in memory for tests and the preview: the recorded catalogue, and carts that behave as the recorded answers show."""

from __future__ import annotations

import copy
import itertools
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from storefront.client import parse

RECORDED = Path(__file__).with_name("recorded")
PICTURES = Path(__file__).parents[2] / "medusa" / "demo"
KEY = "pk_0123456789abcdef"
Body = dict[str, Any]


@cache
def _recorded(name: str) -> Body:
    return parse((RECORDED / f"{name}.json").read_bytes())


def recorded(name: str) -> Body:
    """The body of a recorded answer, the caller's own copy."""
    return copy.deepcopy(_recorded(name)["body"])


class Problem(Exception):
    def __init__(self, status: int, kind: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"type": kind, "message": message, **more}


class FakeStoreApi:
    """`calls` are (method, path) as they came. `fault` is called with every request before it is answered, and may raise or answer."""

    def __init__(self) -> None:
        self.regions = recorded("regions")["regions"]
        self.categories = recorded("categories")["product_categories"]
        self.products = {
            self._region("eur"): recorded("products-eur")["products"],
            self._region("usd"): recorded("products-usd")["products"],
        }
        self.carts: dict[str, Body] = {}
        self.orders: dict[str, Body] = {}
        self.calls: list[tuple[str, str]] = []
        self.fault: Callable[[httpx.Request], httpx.Response | None] | None = None
        self.payment_fails: Callable[[Body], bool] = lambda cart: cart["email"] == "fail@example.com"
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self.transport = httpx.MockTransport(self.answer)

    def _region(self, currency: str) -> str:
        return next(region["id"] for region in self.regions if region["currency_code"] == currency)

    @property
    def europe(self) -> str:
        return self._region("eur")

    @property
    def usa(self) -> str:
        return self._region("usd")

    def product(self, handle: str, region: str | None = None) -> Body:
        return next(product for product in self.products[region or self.europe] if product["handle"] == handle)

    def variant(self, handle: str, title: str) -> Body:
        return next(variant for variant in self.product(handle)["variants"] if variant["title"] == title)

    def each_product(self, handle: str) -> list[Body]:
        """The product in every region."""
        return [self.product(handle, region) for region in self.products]

    def set_stock(self, handle: str, title: str | None, stock: int) -> None:
        for product in self.each_product(handle):
            for variant in product["variants"]:
                if title in (None, variant["title"]):
                    variant["inventory_quantity"] = stock

    def answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            path = unquote(request.url.path)
            self.calls.append((request.method, path))
        if self.fault is not None and (faulty := self.fault(request)) is not None:
            return faulty
        if path == "/ready":
            return httpx.Response(200, json={"ready": True})
        if request.headers.get("x-publishable-api-key") != KEY:
            return httpx.Response(400, json={"type": "not_allowed", "message": "Publishable API key required"})
        with self._lock:
            try:
                body = self._route(request.method, path.removeprefix("/store/").split("/"), request)
            except Problem as problem:
                return httpx.Response(problem.status, json=problem.body)
        return httpx.Response(200, content=json.dumps(body, default=_plain))

    def _route(self, method: str, path: list[str], request: httpx.Request) -> Body:
        params = request.url.params
        sent = json.loads(request.content) if request.content else {}
        if path[0] == "carts":
            return self._cart_route(method, path[1:], sent)
        match (method, *path):
            case ("GET", "regions"):
                return {"regions": self.regions}
            case ("GET", "product-categories"):
                return {"product_categories": self.categories}
            case ("GET", "products"):
                return self._products(params)
            case ("GET", "shipping-options" | "payment-providers" as name):
                return recorded(name)
            case ("POST", "payment-collections"):
                return self._collection(self._open(sent["cart_id"]))
            case ("POST", "payment-collections", collection, "payment-sessions"):
                return self._session(collection, sent["provider_id"])
            case ("GET", "orders", order) if order in self.orders:
                return {"order": self.orders[order]}
            case ("GET", "order-lookup"):
                return self._look_up(params)
            case _:
                raise Problem(404, "not_found", f"{method} {request.url.path}")

    def _cart_route(self, method: str, path: list[str], sent: Body) -> Body:
        match (method, *path):
            case ("POST",):
                return self._make(sent)
            case ("GET", cart):
                return {"cart": self._cart(cart)}
            case ("POST", cart):
                return self._update(self._open(cart), sent)
            case ("POST", cart, "line-items"):
                return self._add(self._open(cart), sent)
            case ("POST", cart, "line-items", line):
                return self._change(self._open(cart), line, sent["quantity"])
            case ("DELETE", cart, "line-items", line):
                return self._remove(self._open(cart), line)
            case ("POST", cart, "shipping-methods"):
                return self._ship(self._open(cart), sent["option_id"])
            case ("POST", cart, "complete"):
                return self._complete(self._cart(cart))
            case _:
                raise Problem(404, "not_found", f"{method} carts/{'/'.join(path)}")

    def _products(self, params: httpx.QueryParams) -> Body:
        listed = self.products[params.get("region_id", self.europe)]
        if "handle" in params:
            listed = [product for product in listed if product["handle"] == params["handle"]]
        if "q" in params:
            listed = [product for product in listed if params["q"].lower() in product["title"].lower()]
        if wanted := set(params.get_list("category_id[]")):
            listed = [product for product in listed if wanted & {category["id"] for category in product["categories"]}]
        if params.get("order") == "title":
            listed = sorted(listed, key=lambda product: product["title"])
        offset, limit = int(params.get("offset", 0)), int(params.get("limit", 50))
        return {"products": listed[offset : offset + limit], "count": len(listed), "offset": offset, "limit": limit}

    def _cart(self, cart: str) -> Body:
        if cart not in self.carts:
            raise Problem(404, "not_found", f"Cart id not found: {cart}")
        return self.carts[cart]

    def _open(self, cart: str) -> Body:
        found = self._cart(cart)
        if found["completed_at"]:
            raise Problem(400, "invalid_data", f"Cart {cart} is already completed.")
        return found

    def _make(self, sent: Body) -> Body:
        cart = recorded("cart-made")["cart"]
        region = sent.get("region_id", self.europe)
        currency = next(known["currency_code"] for known in self.regions if known["id"] == region)
        cart.update(id=f"cart_{next(self._numbers):04}", region_id=region, currency_code=currency, items=[])
        for item in sent.get("items", ()):
            self._put(cart, item)
        self.carts[cart["id"]] = cart
        return {"cart": _reckoned(cart)}

    def _add(self, cart: Body, item: Body) -> Body:
        self._put(cart, item)
        return {"cart": _reckoned(cart)}

    def _put(self, cart: Body, item: Body) -> None:
        product, variant = self._known(cart["region_id"], item["variant_id"])
        existing = next((line for line in cart["items"] if line["variant_id"] == variant["id"]), None)
        quantity = item["quantity"] + (existing["quantity"] if existing else 0)
        _check(variant, quantity)
        if existing:
            existing["quantity"] = quantity
            return
        line = recorded("cart-made")["cart"]["items"][0]
        line.update(
            id=f"cali_{next(self._numbers):04}", variant_id=variant["id"], product_title=product["title"], title=product["title"],
            product_handle=product["handle"], variant_title=variant["title"], subtitle=variant["title"], thumbnail=product["thumbnail"],
            unit_price=variant["calculated_price"]["calculated_amount"], quantity=quantity,
            created_at=f"2026-01-02T03:04:{len(cart['items']):02}.000Z",
        )  # fmt: skip
        cart["items"].append(line)

    def _known(self, region: str, variant: str) -> tuple[Body, Body]:
        for product in self.products[region]:
            for known in product["variants"]:
                if known["id"] == variant:
                    return product, known
        raise Problem(400, "invalid_data", f"Variants {variant} do not exist or belong to a product that is not published")

    def _change(self, cart: Body, line: str, quantity: int) -> Body:
        found = next((item for item in cart["items"] if item["id"] == line), None)
        if found is None:
            raise Problem(404, "not_found", f"Line item with id: {line} was not found")
        _check(self._known(cart["region_id"], found["variant_id"])[1], quantity)
        found["quantity"] = quantity
        return {"cart": _reckoned(cart)}

    def _remove(self, cart: Body, line: str) -> Body:
        cart["items"] = [item for item in cart["items"] if item["id"] != line]
        return {"id": line, "object": "line-item", "deleted": True, "parent": _reckoned(cart)}

    def _update(self, cart: Body, sent: Body) -> Body:
        region = next(known for known in self.regions if known["id"] == sent.get("region_id", cart["region_id"]))
        country = (sent.get("shipping_address") or {}).get("country_code")
        if country and country not in {known["iso_2"] for known in region["countries"]}:
            raise Problem(400, "invalid_data", f"Country with code {country} is not within region {region['name']}")
        if region["id"] != cart["region_id"]:
            cart.update(shipping_address=None, shipping_methods=[])
            for line in cart["items"]:
                line["unit_price"] = self._known(region["id"], line["variant_id"])[1]["calculated_price"]["calculated_amount"]
        cart.update({name: value for name, value in sent.items() if name in ("email", "shipping_address", "region_id")})
        cart["currency_code"] = region["currency_code"]
        return {"cart": _reckoned(cart)}

    def _ship(self, cart: Body, option: str) -> Body:
        found = next((known for known in recorded("shipping-options")["shipping_options"] if known["id"] == option), None)
        if found is None:
            raise Problem(400, "invalid_data", "Shipping Options are invalid for cart.")
        method = recorded("shipping-chosen")["cart"]["shipping_methods"][0]
        method.update(name=found["name"], shipping_option_id=option, amount=found["amount"])
        cart["shipping_methods"] = [method]
        return {"cart": _reckoned(cart)}

    def _collection(self, cart: Body) -> Body:
        if not cart.get("payment_collection"):
            cart["payment_collection"] = {"id": f"pay_col_{cart['id']}", "amount": cart["total"], "payment_sessions": []}
        return {"payment_collection": cart["payment_collection"]}

    def _session(self, collection: str, provider: str) -> Body:
        cart = next(cart for cart in self.carts.values() if (cart.get("payment_collection") or {}).get("id") == collection)
        session = {"id": f"payses_{next(self._numbers):04}", "provider_id": provider, "status": "pending", "amount": cart["total"]}
        cart["payment_collection"]["payment_sessions"] = [session]
        return {"payment_collection": cart["payment_collection"]}

    def _complete(self, cart: Body) -> Body:
        if cart["completed_at"]:
            return {"type": "order", "order": self.orders[f"order_{cart['id']}"]}
        if not (cart.get("payment_collection") or {}).get("payment_sessions"):
            raise Problem(400, "invalid_data", "Payment collection has not been initiated for cart")
        if self.payment_fails(cart):
            error = {"message": "Payment authorization failed", "name": "Error", "type": "payment_authorization_error"}
            return {"type": "cart", "cart": cart, "error": error}
        for line in cart["items"]:
            variant = self._known(cart["region_id"], line["variant_id"])[1]
            _check(variant, line["quantity"])
            variant["inventory_quantity"] -= line["quantity"]
        order = recorded("order")["order"] | {
            name: copy.deepcopy(cart[name]) for name in cart if name not in ("completed_at", "region_id", "payment_collection")
        }
        order.update(id=f"order_{cart['id']}", display_id=1000 + len(self.orders) + 1)
        self.orders[order["id"]] = order
        cart["completed_at"] = "2026-01-02T03:04:05.678Z"
        return {"type": "order", "order": order}

    def _look_up(self, params: httpx.QueryParams) -> Body:
        for order in self.orders.values():
            if str(order["display_id"]) == params["display_id"] and order["email"].lower() == params["email"].lower():
                return {"order": {"id": order["id"], "display_id": order["display_id"]}}
        raise Problem(404, "not_found", "There is no order with this number and e-mail")


def _check(variant: Body, quantity: int) -> None:
    if variant["manage_inventory"] and quantity > variant["inventory_quantity"]:
        message = "Some variant does not have the required inventory"
        raise Problem(400, "not_allowed", message, code="insufficient_inventory")


def _reckoned(cart: Body) -> Body:
    """With its totals, and as Medusa does it without payment sessions for another amount."""
    for line in cart["items"]:
        for name in ("total", "subtotal", "original_total", "original_subtotal"):
            line[name] = line["unit_price"] * line["quantity"]
    items = sum((line["total"] for line in cart["items"]), Decimal())
    shipping = sum((method["amount"] for method in cart.get("shipping_methods") or ()), Decimal())
    cart.update(
        original_item_total=items, original_item_subtotal=items, original_shipping_total=shipping, original_shipping_subtotal=shipping,
        total=items + shipping,
    )  # fmt: skip
    collection = cart.get("payment_collection")
    if collection and collection["amount"] != cart["total"]:
        collection.update(amount=cart["total"], payment_sessions=[])
    return cart


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)
