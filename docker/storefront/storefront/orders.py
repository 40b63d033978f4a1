"""Orders as their customers see them: after placing one, by a signed link, or by number and e-mail."""

from __future__ import annotations

import re

from storefront.cart import TOTALS
from storefront.client import Body, NotFound, Refused, StoreApi

FIELDS = (
    f"id,display_id,email,created_at,status,currency_code,{TOTALS},*items,*shipping_address,*shipping_methods,"
    "payment_collections.payments.provider_id"
)
NUMBER = re.compile(r"#?\s*(\d{1,9})")


class Orders:
    """All methods raise BackendAway when Medusa doesn't answer."""

    def __init__(self, api: StoreApi) -> None:
        self._api = api

    def read(self, order: str) -> Body:
        """Raises NotFound. Whoever knows the id may see it, says Medusa; who may know it is our matter."""
        if not re.fullmatch(r"\w{1,100}", order, re.ASCII):
            raise NotFound("order")
        return self._api.get(f"/store/orders/{order}", {"fields": FIELDS})["order"]

    def find(self, number: int, email: str, client_address: str) -> str | None:
        """The id of the order with this number and e-mail, if they belong together. Raises Limited."""
        params: dict[str, str | int] = {"display_id": number, "email": email}
        try:
            return self._api.get("/store/order-lookup", params, client_address=client_address)["order"]["id"]
        except (NotFound, Refused):
            return None


def order_number(text: str) -> int:
    """What somebody typed as an order number, such as "#1024"; 0 if it is none."""
    match = NUMBER.fullmatch(text.strip())
    return int(match[1]) if match else 0
