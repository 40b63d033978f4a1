"""What our own Medusa said, and what becomes of it: no guess about the API is made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fake import RECORDED, recorded
from storefront.cart import CartGone, CartRefused, Carts
from storefront.checkout import PAYMENT_FAILED, Checkout, PlacingFailed, session_of, standing
from storefront.client import StoreApi
from storefront.orders import Orders
from storefront.present_cart import cart_view, count, order_view, totals
from storefront.visitor import Visitor


def saying(name: str, seen: list[tuple[str, str]] | None = None) -> StoreApi:
    """Medusa as it once answered, whatever it is asked now."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append((request.method, request.url.path))
        whole = recorded_whole(name)
        return httpx.Response(whole["status"], json=whole["body"])

    return StoreApi("http://backend:9000", "pk_0123456789abcdef", transport=httpx.MockTransport(answer))


def recorded_whole(name: str) -> Any:
    return httpx.Response(200, content=(RECORDED / f"{name}.json").read_bytes()).json()


@pytest.fixture
def visitor() -> Visitor:
    return Visitor("v", cart="cart_0002", count=3)


def test_a_cart_is_understood() -> None:
    cart = recorded("cart-ready")["cart"]
    view = cart_view(cart, stock=lambda _: None, picture=lambda url: url)
    (line,) = view.lines
    assert (line.title, line.variant, line.unit_price.text, line.quantity) == ("Stoneware Mug", "Sand", "€18.00", 1)
    assert view.totals is not None
    assert view.totals.shipping is not None
    assert (view.totals.subtotal.text, view.totals.shipping.text, view.totals.total.text) == ("€18.00", "€5.00", "€23.00")
    assert view.can_check_out


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("order-cart", (False, False, False)), ("contact", (True, False, False)), ("shipping-chosen", (True, True, False)),
        ("cart-ready", (True, True, True)), ("cart-other-region", (False, False, False)),
    ],
)  # fmt: skip
def test_a_cart_tells_where_its_visitor_stands(name: str, behind: tuple[bool, ...]) -> None:
    found = standing(recorded(name)["cart"])
    assert (found.contact, found.shipping, found.payment) == behind


def test_a_payment_session_for_another_amount_is_none() -> None:
    cart = recorded("cart-ready")["cart"]
    assert session_of(cart) is not None
    cart["total"] += 1
    assert session_of(cart) is None


def test_an_order_is_understood() -> None:
    order = recorded("order")["order"]
    view = order_view(order, countries={"de": "Germany"}, picture=lambda url: url, link="")
    assert (view.email, view.placed_on, view.delivery, view.payment) == (
        "ann@example.com",
        "2 January 2026",
        "Standard delivery",
        "Pay on invoice",
    )
    assert view.address == ("Ann Lee", "Way 1", "20095 Hamburg", "Germany")
    assert view.totals.total.text == "€23.00"
    assert view.totals.shipping is not None, "only the whole of a shipping method makes Medusa count it"


@pytest.mark.parametrize("included", [True, False])
def test_what_is_shown_adds_up(included: bool) -> None:
    cart = recorded("cart-ready")["cart"]
    cart["items"][0]["is_tax_inclusive"] = included
    cart.update(
        original_item_total=119, original_item_subtotal=100, original_shipping_total=12, original_shipping_subtotal=10, discount_total=11,
        discount_subtotal=10, tax_total=20, total=120,
    )  # fmt: skip
    shown = totals(cart, shipped=True)
    assert shown.discount is not None
    assert shown.shipping is not None
    assert shown.tax is not None
    added = shown.subtotal.amount - shown.discount.amount + shown.shipping.amount + (0 if included else shown.tax.amount)
    assert (added, shown.tax_included) == (shown.total.amount, included)


@pytest.mark.parametrize("name", ["cart-made", "line-added", "line-changed"])
def test_pieces_are_counted(name: str) -> None:
    assert count(recorded(name)["cart"]) == {"cart-made": 2, "line-added": 4, "line-changed": 3}[name]


def test_removing_answers_with_the_cart(visitor: Visitor) -> None:
    seen: list[tuple[str, str]] = []
    Carts(saying("line-removed", seen)).change(visitor, "cali_0001", 0)
    assert (visitor.count, len(seen)) == (0, 1)


def add(name: str) -> Callable[[Visitor], object]:
    return lambda visitor: Carts(saying(name)).add(visitor, "reg_0001", "variant_1", 1)


def change(name: str) -> Callable[[Visitor], object]:
    return lambda visitor: Carts(saying(name)).change(visitor, "cali_1", 2)


def update(name: str) -> Callable[[Visitor], object]:
    return lambda visitor: Carts(saying(name)).update(visitor, {})


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (add("line-too-many"), CartRefused, "not that many left"), (add("line-unknown-variant"), CartRefused, "no longer available"),
        (change("line-changed-too-many"), CartRefused, "not that many left"), (change("cart-unknown-add"), CartGone, "expired"),
        (change("line-on-completed"), CartGone, "ordered already"), (update("contact-on-completed"), CartGone, "ordered already"),
        (update("contact-wrong-country"), CartRefused, "didn't work"), (update("cart-unknown"), CartGone, "expired"),
        (lambda visitor: Carts(saying("cart-completed")).read(visitor), CartGone, "ordered already"),
        (lambda visitor: Carts(saying("cart-unknown")).read(visitor), CartGone, "expired"),
        (lambda _: Checkout(saying("shipping-unknown")).choose_shipping("cart_1", "so_1"), CartRefused, "one of the deliveries"),
        (lambda _: Checkout(saying("complete-without-payment")).place("cart_1"), PlacingFailed, PAYMENT_FAILED),
        (lambda _: Checkout(saying("cart-unknown-add")).place("cart_1"), CartGone, "nothing was ordered"),
    ],
)  # fmt: skip
def test_refusals_become_sentences(visitor: Visitor, act: Callable[[Visitor], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words.split(",", maxsplit=1)[0]):
        act(visitor)


@pytest.mark.parametrize("name", ["complete", "complete-again"])
def test_completing_answers_with_the_order_also_the_second_time(name: str) -> None:
    assert Checkout(saying(name)).place("cart_1") == recorded("complete")["order"]["id"]


def test_deliveries_and_ways_to_pay() -> None:
    options = Checkout(saying("shipping-options")).shipping_options(recorded("contact")["cart"])
    assert [(option.name, option.price.text, option.selected) for option in options] == [
        ("Standard delivery", "€5.00", False),
        ("Express delivery", "€12.00", False),
    ]
    (option,) = Checkout(saying("payment-providers")).payment_options(recorded("cart-ready")["cart"])
    assert (option.id, option.selected) == ("pp_system_default", True)


@pytest.mark.parametrize(("name", "found"), [("lookup", True), ("lookup-other-email", False), ("lookup-nonsense", False)])
def test_orders_are_found_only_by_what_belongs_together(name: str, found: bool) -> None:
    assert (Orders(saying(name)).find(1, "ann@example.com", "") is not None) == found
