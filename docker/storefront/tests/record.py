"""Writes tests/recorded/*.json: what our own Medusa answers to the calls that the storefront makes. Run where the API or our calls changed:

    cd docker/storefront && python tests/record.py http://127.0.0.1:9000 pk_...

The shop must be a new one with the demo catalogue. Ids and moments are replaced by constant ones.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from storefront import cart as cart_module
from storefront import catalogue as catalogue_module
from storefront import orders as orders_module

FOLDER = Path(__file__).with_name("recorded")
ADDRESS = {
    "first_name": "Ann", "last_name": "Lee", "address_1": "Way 1", "address_2": "", "postal_code": "20095", "city": "Hamburg",
    "province": "", "country_code": "de", "phone": "",
}  # fmt: skip


class Recorder:
    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"x-publishable-api-key": key}, timeout=60)
        self._ids: dict[str, str] = {}

    def get(self, name: str, path: str, **params: Any) -> Any:
        return self._keep(name, self._client.get(path, params=params))

    def post(self, name: str, path: str, body: Any, **params: Any) -> Any:
        return self._keep(name, self._client.post(path, json=body, params=params))

    def delete(self, name: str, path: str, **params: Any) -> Any:
        return self._keep(name, self._client.delete(path, params=params))

    def _keep(self, name: str, response: httpx.Response) -> Any:
        kept = {"status": response.status_code, "body": response.json()}
        text = json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / f"{name}.json").write_text(self._scrubbed(text) + "\n")
        return response.json()

    def _scrubbed(self, text: str) -> str:
        def constant(match: re.Match[str]) -> str:
            prefix = match[1]
            number = 1 + sum(known.startswith(prefix) for known in self._ids.values())
            return self._ids.setdefault(match[0], f"{prefix}{number:04}")

        text = re.sub(r"\b([a-z_]+_)0[0-9A-HJKMNP-TV-Z]{25}\b", constant, text)
        return re.sub(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-01-02T03:04:05.678Z", text)


def main(url: str, key: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    record = Recorder(url, key)
    wanted = {"fields": cart_module.FIELDS}
    regions = record.get("regions", "/store/regions", fields="id,name,currency_code,*countries", order="created_at", limit=100)["regions"]
    europe, usa = (next(region["id"] for region in regions if region["currency_code"] == code) for code in ("eur", "usd"))
    record.get("categories", "/store/product-categories", fields="id,name,handle,description,rank,parent_category_id", limit=500)
    asked = {"fields": catalogue_module.FIELDS, "limit": 100, "offset": 0, "order": "-created_at"}
    products = record.get("products-eur", "/store/products", region_id=europe, **asked)["products"]
    record.get("products-usd", "/store/products", region_id=usa, **asked)
    variant = next(product for product in products if product["handle"] == "stoneware-mug")["variants"][0]["id"]
    lines(record, europe, usa, variant, wanted)
    order(record, europe, variant, wanted)


def lines(record: Recorder, europe: str, usa: str, variant: str, wanted: dict[str, str]) -> None:
    item = {"variant_id": variant, "quantity": 2}
    made = record.post("cart-made", "/store/carts", {"region_id": europe, "items": [item]}, **wanted)["cart"]
    path, line = f"/store/carts/{made['id']}", made["items"][0]["id"]
    record.post("line-added", f"{path}/line-items", item, **wanted)
    record.post("line-too-many", f"{path}/line-items", {"variant_id": variant, "quantity": 20_000}, **wanted)
    record.post("line-unknown-variant", f"{path}/line-items", {"variant_id": "variant_unknown", "quantity": 1}, **wanted)
    record.post("cart-unknown-add", "/store/carts/cart_unknown/line-items", item, **wanted)
    record.get("cart-unknown", "/store/carts/cart_unknown", **wanted)
    record.post("line-changed", f"{path}/line-items/{line}", {"quantity": 3}, **wanted)
    record.post("line-changed-too-many", f"{path}/line-items/{line}", {"quantity": 3000}, **wanted)
    record.post("line-unknown", f"{path}/line-items/cali_unknown", {"quantity": 3}, **wanted)
    record.post("cart-other-region", path, {"region_id": usa}, **wanted)
    record.delete("line-removed", f"{path}/line-items/{line}", **wanted)


def order(record: Recorder, europe: str, variant: str, wanted: dict[str, str]) -> None:
    items = [{"variant_id": variant, "quantity": 1}]
    made = record.post("order-cart", "/store/carts", {"region_id": europe, "items": items}, **wanted)["cart"]
    path = f"/store/carts/{made['id']}"
    contact = {"email": "ann@example.com", "shipping_address": ADDRESS, "billing_address": ADDRESS}
    record.post("contact-wrong-country", path, contact | {"shipping_address": ADDRESS | {"country_code": "us"}}, **wanted)
    record.post("contact", path, contact, **wanted)
    record.post("complete-without-payment", f"{path}/complete", {})
    fields = "id,name,amount,price_type,type.description,insufficient_inventory"
    options = record.get("shipping-options", "/store/shipping-options", cart_id=made["id"], fields=fields)["shipping_options"]
    record.post("shipping-unknown", f"{path}/shipping-methods", {"option_id": "so_unknown"}, **wanted)
    record.post("shipping-chosen", f"{path}/shipping-methods", {"option_id": options[0]["id"]}, **wanted)
    record.get("payment-providers", "/store/payment-providers", region_id=europe, limit=100)
    collection = record.post("payment-collection", "/store/payment-collections", {"cart_id": made["id"]})["payment_collection"]["id"]
    session = {"provider_id": "pp_system_default"}
    record.post("payment-session", f"/store/payment-collections/{collection}/payment-sessions", session)
    record.get("cart-ready", path, **wanted)
    placed = record.post("complete", f"{path}/complete", {})["order"]
    record.post("complete-again", f"{path}/complete", {})
    record.get("cart-completed", path, **wanted)
    record.post("line-on-completed", f"{path}/line-items", {"variant_id": variant, "quantity": 1}, **wanted)
    record.post("contact-on-completed", path, contact, **wanted)
    record.get("order", f"/store/orders/{placed['id']}", fields=orders_module.FIELDS)
    record.get("order-unknown", "/store/orders/order_unknown", fields=orders_module.FIELDS)
    number = placed["display_id"]
    record.get("lookup", "/store/order-lookup", display_id=number, email="ANN@example.com")
    record.get("lookup-other-email", "/store/order-lookup", display_id=number, email="bob@example.com")
    record.get("lookup-nonsense", "/store/order-lookup", display_id="x", email="bob")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
