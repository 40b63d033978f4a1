"""The checkout: contact → delivery → payment, then the order is placed.

Where a visitor stands is read from the cart itself, so nothing can be skipped, and any tab or device goes on at the same place.

A cart becomes one order however often it is asked for: calls for one cart wait for each other, the order a cart has become is remembered,
and Medusa answers the completion of a completed cart with the same order, which holds across processes and restarts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from storefront.cache import Cache
from storefront.cart import WANTED, CartGone, CartRefused
from storefront.client import Body, NotFound, Refused, StoreApi
from storefront.money import money
from storefront.present_cart import payment_name
from storefront.views_cart import PaymentOptionView, ShippingOptionView, StepView

STEPS = (("contact", "Contact and address"), ("shipping", "Delivery"), ("payment", "Payment"))
REMEMBERED = 1000
PAYMENT_FAILED = "The payment didn't go through, and nothing was ordered. Your cart is as it was: please try again or pay in another way."


class PlacingFailed(Exception):
    """No order was made, the cart is as it was; the message is for the visitor."""


@dataclass(frozen=True)
class Standing:
    """Which steps a cart has behind it."""

    contact: bool
    shipping: bool
    payment: bool

    @property
    def next(self) -> str:
        """The first step that is not done, or ""."""
        return next((name for name, _ in STEPS if not getattr(self, name)), "")


def standing(cart: Body) -> Standing:
    address = cart.get("shipping_address") or {}
    contact = bool(cart.get("email") and address.get("address_1") and address.get("country_code"))
    shipping = contact and bool(cart.get("shipping_methods"))
    return Standing(contact, shipping, shipping and session_of(cart) is not None)


def session_of(cart: Body) -> Body | None:
    """The open payment session, if it is for what the cart costs now."""
    collection = cart.get("payment_collection") or {}
    if Decimal(collection.get("amount") or 0) != Decimal(cart.get("total") or 0):
        return None
    sessions = collection.get("payment_sessions") or ()
    return next((session for session in sessions if session.get("status") in ("pending", "requires_more", "authorized")), None)


def steps(cart: Body, opened: str, address: tuple[str, ...]) -> tuple[StepView, ...]:
    """`opened` is a step to show instead of the next one, if everything before it is done."""
    done = standing(cart)
    reachable = [name for name, _ in STEPS if getattr(done, name)] + [done.next]
    current = opened if opened in reachable else done.next
    methods = [str(method["name"]) for method in cart.get("shipping_methods") or ()]
    session = session_of(cart)
    summaries = {
        "contact": (str(cart.get("email") or ""), *address),
        "shipping": tuple(methods),
        "payment": (payment_name(session["provider_id"])[0],) if session else (),
    }
    made: list[StepView] = []
    for number, (name, title) in enumerate(STEPS, 1):
        finished = getattr(done, name)
        state = "current" if name == current else "done" if finished else "todo"
        edit = f"/checkout?step={name}" if state == "done" else ""
        made.append(StepView(name, number, title, state, edit, summaries[name] if finished else ()))  # type: ignore[arg-type]
    return tuple(made)


class Checkout:
    """All methods raise BackendAway when Medusa doesn't answer."""

    def __init__(self, api: StoreApi) -> None:
        self._api = api
        self._providers = Cache(fresh=60.0, most=32)
        self._guard = threading.Lock()
        self._busy: dict[str, tuple[threading.Lock, int]] = {}
        self._placed: OrderedDict[str, str] = OrderedDict()

    def shipping_options(self, cart: Body) -> tuple[ShippingOptionView, ...]:
        params = {"cart_id": cart["id"], "fields": "id,name,amount,price_type,type.description,insufficient_inventory"}
        chosen = {method.get("shipping_option_id") for method in cart.get("shipping_methods") or ()}
        made: list[ShippingOptionView] = []
        for option in self._api.get("/store/shipping-options", params)["shipping_options"]:
            amount = option.get("amount")
            if option.get("price_type") == "calculated":
                amount = self._calculated(cart["id"], option["id"])
            if amount is not None and not option.get("insufficient_inventory"):
                price = money(amount, cart["currency_code"])
                description = (option.get("type") or {}).get("description") or ""
                made.append(ShippingOptionView(option["id"], option["name"], description, price, option["id"] in chosen))
        return tuple(sorted(made, key=lambda option: option.price))

    def _calculated(self, cart: str, option: str) -> Any:
        try:
            return self._api.post(f"/store/shipping-options/{option}/calculate", {"cart_id": cart})["shipping_option"].get("amount")
        except (NotFound, Refused):
            return None

    def choose_shipping(self, cart: str, option: str) -> Body:
        """Raises CartRefused, CartGone."""
        try:
            return self._api.post(f"/store/carts/{cart}/shipping-methods", {"option_id": option}, WANTED)["cart"]
        except (NotFound, Refused) as refused:
            raise _translated(refused, "Please choose one of the deliveries.") from refused

    def payment_options(self, cart: Body) -> tuple[PaymentOptionView, ...]:
        session = session_of(cart)
        chosen = session["provider_id"] if session else None
        ids = self._provider_ids(cart["region_id"])
        return tuple(PaymentOptionView(name, *payment_name(name), name == chosen or len(ids) == 1) for name in ids)

    def _provider_ids(self, region: str) -> tuple[str, ...]:
        def read() -> tuple[str, ...]:
            listed = self._api.get("/store/payment-providers", {"region_id": region, "limit": 100})["payment_providers"]
            return tuple(provider["id"] for provider in listed)

        return self._providers.get(region, read)

    def choose_payment(self, cart: Body, provider: str) -> None:
        """A session with this provider for what the cart costs; one that is there already is used. Raises CartRefused, CartGone."""
        if provider not in self._provider_ids(cart["region_id"]):
            raise CartRefused("Please choose one of the ways to pay.")
        session = session_of(cart)
        if session is not None and session["provider_id"] == provider:
            return
        try:
            collection = (cart.get("payment_collection") or {}).get("id")
            if not collection:
                collection = self._api.post("/store/payment-collections", {"cart_id": cart["id"]})["payment_collection"]["id"]
            self._api.post(f"/store/payment-collections/{collection}/payment-sessions", {"provider_id": provider})
        except (NotFound, Refused) as refused:
            raise _translated(refused, "This way to pay can't be used just now. Please choose another one.") from refused

    def placed(self, cart: str) -> str | None:
        """The order this cart has become, as far as this process remembers."""
        with self._guard:
            return self._placed.get(cart)

    def place(self, cart: str) -> str:
        """The id of the order that the cart becomes or has become. Raises PlacingFailed, CartGone."""
        with self._one_at_a_time(cart):
            if (known := self.placed(cart)) is not None:
                return known
            try:
                answer = self._api.post(f"/store/carts/{cart}/complete", {})
            except NotFound:
                raise CartGone("This cart has expired, and nothing was ordered from it.") from None
            except Refused as refused:
                raise PlacingFailed(_why_not(refused.code, refused.message)) from refused
            if answer.get("type") != "order":
                error = answer.get("error") or {}
                raise PlacingFailed(_why_not(str(error.get("type") or error.get("name") or ""), str(error.get("message") or "")))
            with self._guard:
                self._placed[cart] = answer["order"]["id"]
                while len(self._placed) > REMEMBERED:
                    self._placed.popitem(last=False)
            return answer["order"]["id"]

    @contextmanager
    def _one_at_a_time(self, cart: str) -> Generator[None]:
        with self._guard:
            lock, users = self._busy.get(cart, (threading.Lock(), 0))
            self._busy[cart] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._busy[cart]
                if users == 1:
                    del self._busy[cart]
                else:
                    self._busy[cart] = (lock, users - 1)


def _why_not(code: str, message: str) -> str:
    if "inventory" in code or "inventory" in message:
        return "Something in your cart has just been sold out, and nothing was ordered. Please look at your cart."
    if "payment" in code or "payment" in message.lower():
        return PAYMENT_FAILED
    return "The order could not be placed, and nothing was ordered. Your cart is as it was: please try again."


def _translated(error: NotFound | Refused, sentence: str) -> CartGone | CartRefused:
    if isinstance(error, Refused) and error.completed:
        return CartGone("This cart has been ordered already.")
    return CartRefused(sentence)
