"""The visitor's cart: it lives in Medusa, its id and count in the visitor's cookie.

A cart that is unknown there, or has become an order, is replaced by a new one, and the visitor is told.
"""

from __future__ import annotations

import re
from typing import Any

from storefront.client import Body, NotFound, Refused, StoreApi
from storefront.present_cart import count
from storefront.visitor import Visitor

TOTALS = (
    "total,tax_total,discount_total,discount_subtotal,original_item_total,original_item_subtotal,original_shipping_total,"
    "original_shipping_subtotal"
)
# the relations whole: from a part of them Medusa reckons wrong totals
FIELDS = (
    f"id,completed_at,region_id,email,currency_code,{TOTALS},*items,*shipping_address,*shipping_methods,"
    "*payment_collection,*payment_collection.payment_sessions"
)
WANTED = {"fields": FIELDS}
MOST_LINES = 50

EXPIRED = "Your previous cart had expired, so we started a new one."
ORDERED = "Your previous cart has been ordered already, so we started a new one."


class CartGone(Exception):
    """The visitor's cart can't be used any more; `reason` is what to tell. The visitor has none now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CartRefused(Exception):
    """Medusa doesn't do it; the message is for the visitor."""


class Carts:
    """Each method keeps the visitor's cookie in step with what Medusa answered. All raise BackendAway when it doesn't answer."""

    def __init__(self, api: StoreApi) -> None:
        self._api = api

    def read(self, visitor: Visitor) -> Body | None:
        """The cart as Medusa has it, or None without one. Raises CartGone."""
        if not visitor.cart:
            return None
        try:
            cart = self._api.get(f"/store/carts/{visitor.cart}", WANTED)["cart"]
        except (NotFound, Refused):
            raise _gone(visitor, EXPIRED) from None
        if cart.get("completed_at"):
            raise _gone(visitor, ORDERED)
        visitor.has(cart["id"], count(cart))
        return cart

    def add(self, visitor: Visitor, region: str, variant: str, quantity: int) -> Body:
        """Raises CartRefused. A cart that is gone is replaced, and the visitor told."""
        if not re.fullmatch(r"\w{1,100}", variant, re.ASCII):
            raise CartRefused("Please choose what you would like to have.")
        item = {"variant_id": variant, "quantity": quantity}
        if visitor.cart:
            try:
                cart = self._api.post(f"/store/carts/{visitor.cart}/line-items", item, WANTED)["cart"]
            except NotFound:
                visitor.say("info", _gone(visitor, EXPIRED).reason)
            except Refused as refused:
                if not refused.completed:
                    raise CartRefused(_why(refused)) from refused
                visitor.say("info", _gone(visitor, ORDERED).reason)
            else:
                visitor.has(cart["id"], count(cart))
                return cart
        try:
            cart = self._api.post("/store/carts", {"region_id": region, "items": [item]}, WANTED)["cart"]
        except (NotFound, Refused) as refused:
            raise CartRefused(_why(refused)) from refused
        visitor.has(cart["id"], count(cart))
        return cart

    def change(self, visitor: Visitor, line: str, quantity: int) -> Body:
        """Set a line's quantity; 0 removes it. Raises CartGone, CartRefused."""
        if not visitor.cart or not re.fullmatch(r"\w{1,100}", line, re.ASCII):
            raise CartGone("Your cart is empty.")
        path = f"/store/carts/{visitor.cart}/line-items/{line}"
        try:
            if quantity == 0:
                cart = self._api.delete(path, WANTED)["parent"]
            else:
                cart = self._api.post(path, {"quantity": quantity}, WANTED)["cart"]
        except NotFound:
            # the line or the whole cart: looking again tells, and raises CartGone for the cart
            self.read(visitor)
            raise CartRefused("That was no longer in your cart.") from None
        except Refused as refused:
            if refused.completed:
                raise _gone(visitor, ORDERED) from refused
            raise CartRefused(_why(refused)) from refused
        visitor.has(cart["id"], count(cart))
        return cart

    def update(self, visitor: Visitor, changes: dict[str, Any]) -> Body:
        """Set e-mail, addresses or region. Raises CartGone, CartRefused."""
        try:
            cart = self._api.post(f"/store/carts/{visitor.cart}", changes, WANTED)["cart"]
        except NotFound:
            raise _gone(visitor, EXPIRED) from None
        except Refused as refused:
            if refused.completed:
                raise _gone(visitor, ORDERED) from refused
            raise CartRefused(_why(refused)) from refused
        visitor.has(cart["id"], count(cart))
        return cart


def _gone(visitor: Visitor, reason: str) -> CartGone:
    visitor.has("", 0)
    return CartGone(reason)


def _why(error: NotFound | Refused) -> str:
    if isinstance(error, Refused):
        if error.out_of_stock:
            return "There are not that many left. Please choose fewer."
        if "do not exist" in error.message:
            return "This product is no longer available."
        if "do not have a price" in error.message or "not have a price" in error.message:
            return "This product can't be bought in your region."
    return "That didn't work. Please try again."
