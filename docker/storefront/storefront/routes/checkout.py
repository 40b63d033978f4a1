"""The checkout's page, and what its three forms and the last button do."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from storefront import address, seo
from storefront.answers import fragment, page, surroundings, to, wants_fragment
from storefront.cart import CartGone, CartRefused
from storefront.checkout import Checkout, PlacingFailed, standing, steps
from storefront.client import Body, NotFound
from storefront.present_cart import address_lines, total_of
from storefront.routes.cart import view_of
from storefront.services import services, visitor
from storefront.views_cart import CheckoutView, FormView

blueprint = Blueprint("checkout", __name__)

PURPOSE = "place"
EMPTY = "Your cart is empty: there is nothing to check out."
CHANGED = "Your cart has changed meanwhile. Please look at it once more, then place the order."


@blueprint.get("/checkout")
def show() -> Response:
    return _with_cart(lambda cart: _answer(cart, opened=request.args.get("step", "")))


@blueprint.post("/checkout/contact")
def contact() -> Response:
    def act(cart: Body) -> Response:
        values = address.typed(request.form)
        faults = address.faults(values, _countries(cart))
        if faults:
            return _answer(cart, opened="contact", contact=FormView(values, faults), status=422)
        try:
            changed = services().carts.update(visitor(), address.as_medusa(values))
        except CartRefused as refused:
            return _answer(cart, opened="contact", contact=FormView(values), problem=str(refused), status=422)
        return _next(changed)

    return _with_cart(act)


@blueprint.post("/checkout/shipping")
def shipping() -> Response:
    def act(cart: Body) -> Response:
        if not standing(cart).contact:
            return _answer(cart, status=422)
        try:
            changed = services().checkout.choose_shipping(cart["id"], request.form.get("option_id", ""))
        except CartRefused as refused:
            return _answer(cart, opened="shipping", problem=str(refused), status=422)
        return _next(changed)

    return _with_cart(act)


@blueprint.post("/checkout/payment")
def payment() -> Response:
    def act(cart: Body) -> Response:
        if not standing(cart).shipping:
            return _answer(cart, status=422)
        try:
            services().checkout.choose_payment(cart, request.form.get("provider_id", ""))
        except CartRefused as refused:
            return _answer(cart, opened="payment", problem=str(refused), status=422)
        return _next(services().carts.read(visitor()) if wants_fragment() else cart)

    return _with_cart(act)


@blueprint.post("/checkout/place")
def place() -> Response:
    """However often the button is pressed, and in however many tabs: the cart of the form becomes one order."""
    who, current = visitor(), services()
    signed = current.visitors.signed(PURPOSE, request.form.get("cart", ""))
    if not isinstance(signed, list) or len(signed) != 3 or signed[0] != who.id:
        who.say("error", CHANGED)
        return to("/checkout")
    _, cart_id, total = signed
    if current.checkout.placed(cart_id) is None and who.cart in ("", cart_id):
        refusal = _unfit(cart_id, total)
        if refusal is not None:
            return refusal
    elif current.checkout.placed(cart_id) is None:
        who.say("error", CHANGED)
        return to("/checkout")
    try:
        order = current.checkout.place(cart_id)
    except CartGone as gone:
        who.has("", 0)
        who.say("error", gone.reason)
        return to("/cart")
    except PlacingFailed as failed:
        reason = str(failed)
        return _with_cart(lambda cart: _answer(cart, problem=reason, status=422))
    if who.cart == cart_id:
        who.ordered(order)
    else:
        who.may_see(order)
    return to(f"/orders/{order}?placed=1")


def _unfit(cart_id: str, total: str) -> Response | None:
    """The answer where the cart isn't what was agreed to. None: it is, or it has become an order already."""
    who = visitor()
    if not who.cart:
        # ordered in another tab, which this cookie doesn't know yet; else there is nothing to order
        return None if _completed(cart_id) else to("/cart")
    try:
        cart = services().carts.read(who)
    except CartGone as gone:
        if _completed(cart_id):
            who.has(cart_id, 0)
            return None
        who.say("info", gone.reason)
        return to("/cart")
    if cart is None or standing(cart).next or total_of(cart).plain != total or not view_of(cart).can_check_out:
        return _answer(cart, problem=CHANGED, status=409) if cart is not None else to("/cart")
    return None


def _completed(cart_id: str) -> bool:
    try:
        cart = services().api.get(f"/store/carts/{cart_id}", {"fields": "id,completed_at"})["cart"]
    except NotFound:
        return False
    return bool(cart.get("completed_at"))


def _with_cart(act: Callable[[Body], Response]) -> Response:
    """Do something with the visitor's cart; without one that has something in it, there is only the cart's page."""
    who = visitor()
    try:
        cart = services().carts.read(who)
        if cart is not None and cart.get("items"):
            return act(cart)
        who.say("info", EMPTY)
    except CartGone as gone:
        who.say("info", gone.reason)
    return to("/cart")


def _next(cart: Body | None) -> Response:
    return _answer(cart) if cart is not None and wants_fragment() else to("/checkout")


def _answer(cart: Body, *, opened: str = "", contact: FormView | None = None, problem: str = "", status: int = 200) -> Response:
    _, _, shop = surroundings()
    view = _view(cart, services().checkout, opened, contact, problem)
    if wants_fragment():
        return fragment("_checkout.html", status=status, oob=True, checkout=view, shop=shop)
    return page("checkout.html", shop, seo.plain(shop, "Checkout", "/checkout"), status=status, path="/checkout", checkout=view)


def _view(cart: Body, current: Checkout, opened: str, contact: FormView | None, problem: str) -> CheckoutView:
    countries = _countries(cart)
    shown = steps(cart, opened, address_lines(cart.get("shipping_address"), dict(countries)))
    open_step = next((step.name for step in shown if step.state == "current"), "")
    view = view_of(cart)
    return CheckoutView(
        shown, view, contact or FormView(address.from_medusa(cart)), countries,
        current.shipping_options(cart) if open_step == "shipping" else (),
        current.payment_options(cart) if open_step == "payment" else (),
        not open_step and view.can_check_out, problem or (view.problems[0] if view.problems else ""),
        services().visitors.sign(PURPOSE, [visitor().id, cart["id"], total_of(cart).plain]),
    )  # fmt: skip


def _countries(cart: Body) -> tuple[tuple[str, str], ...]:
    region = next((region for region in services().catalogue.frame().regions if region.id == cart["region_id"]), None)
    return region.countries if region else ()
