"""The cart's page, and what its forms do."""

from __future__ import annotations

from flask import Blueprint, Response, request

from storefront import seo
from storefront.answers import fragment, page, surroundings, to, wants_fragment
from storefront.cart import CartGone, CartRefused
from storefront.client import BackendError, Body
from storefront.present import MOST_AT_ONCE
from storefront.present_cart import cart_view
from storefront.security import local
from storefront.services import services, visitor
from storefront.views_cart import CartView

blueprint = Blueprint("cart", __name__)


def view_of(cart: Body | None) -> CartView:
    """What there is of a variant is taken from the catalogue, if that is at hand."""
    if cart is None:
        return CartView()
    current = services().catalogue
    try:
        variants = current.products(cart["region_id"]).variants
    except BackendError:
        variants = {}
    return cart_view(cart, stock=variants.get, picture=current.picture)


@blueprint.get("/cart")
def show() -> Response:
    _, _, shop = surroundings()
    try:
        cart = services().carts.read(visitor())
    except CartGone as gone:
        visitor().say("info", gone.reason)
        cart = None
    return page("cart.html", shop, seo.plain(shop, "Cart", "/cart"), cart=view_of(cart))


@blueprint.post("/cart/items")
def add() -> Response:
    frame, who = services().catalogue.frame(), visitor()
    region, variant = frame.region(who.region), request.form.get("variant_id", "")
    quantity = _quantity(request.form.get("quantity", "1"), least=1)
    cart: Body | None = None
    if quantity is None:
        who.say("error", f"Please choose a number from 1 to {MOST_AT_ONCE}.")
    elif region is None:
        who.say("error", "This shop doesn't sell anywhere yet.")
    else:
        try:
            cart = services().carts.add(who, region.id, variant, quantity)
        except CartRefused as refused:
            who.say("error", str(refused))
    if not wants_fragment():
        if cart is not None:
            who.say("success", "Added to your cart.")
            return to("/cart")
        return to(local(request.form.get("next", ""), _product_path(variant)))
    view = view_of(cart) if cart is not None else None
    line = None
    if cart is not None and view is not None:
        added = next((item["id"] for item in cart["items"] if item.get("variant_id") == variant), None)
        line = next((line for line in view.lines if line.id == added), None)
    return fragment("_added.html", status=200 if cart is not None else 422, oob=True, line=line, cart=view)


def _product_path(variant: str) -> str:
    """The page of the product that a form was about."""
    current, who = services().catalogue, visitor()
    region = current.frame().region(who.region)
    for product in current.products(region.id if region else "").all:
        if any(own.id == variant for own in product.variants):
            return f"/products/{product.handle}?variant={variant}"
    return "/products"


@blueprint.post("/cart/items/<line>/quantity")
def change(line: str) -> Response:
    quantity = _quantity(request.form.get("quantity", ""), least=0)
    if quantity is None:
        visitor().say("error", f"Please choose a number from 0 to {MOST_AT_ONCE}.")
        return _cart_after(None)
    return _changed(line, quantity)


@blueprint.post("/cart/items/<line>/remove")
def remove(line: str) -> Response:
    return _changed(line, 0)


def _changed(line: str, quantity: int) -> Response:
    who, cart = visitor(), None
    try:
        cart = services().carts.change(who, line, quantity)
    except CartGone as gone:
        who.say("info", gone.reason)
    except CartRefused as refused:
        who.say("error", str(refused))
    return _cart_after(cart)


def _cart_after(cart: Body | None) -> Response:
    """The cart as it is now; read again where it isn't known."""
    if not wants_fragment():
        return to("/cart")
    if cart is None:
        try:
            cart = services().carts.read(visitor())
        except CartGone as gone:
            visitor().say("info", gone.reason)
    return fragment("_cart.html", oob=True, cart=view_of(cart))


def _quantity(text: str, *, least: int) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        return None
    return int(text) if least <= int(text) <= MOST_AT_ONCE else None
