"""From Medusa's carts and orders to what templates show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from storefront.client import Body
from storefront.money import Money, money
from storefront.present import MOST_AT_ONCE, most
from storefront.products import Variant
from storefront.views import ImageView
from storefront.views_cart import CartView, LineView, OrderView, TotalsView

PAYMENT_NAMES = {"pp_system_default": ("Pay on invoice", "You get an invoice with your delivery and pay by bank transfer.")}
ORDER_WORDS = {
    "pending": "Received",
    "completed": "Completed",
    "canceled": "Cancelled",
    "archived": "Completed",
    "requires_action": "Needs attention",
}

UNFIT = "Some things in your cart can't be had as they are. Please change or remove them."

Stock = Callable[[str], Variant | None]
Picture = Callable[[str | None], str | None]


def cart_view(cart: Body, *, stock: Stock, picture: Picture) -> CartView:
    """`stock` finds a variant of the catalogue, or None where that isn't known: then Medusa decides at the end."""
    currency = cart["currency_code"]
    lines = tuple(_cart_line(item, currency, stock, picture) for item in _in_order(cart.get("items") or []))
    return CartView(
        lines, sum(line.quantity for line in lines), totals(cart, shipped=bool(cart.get("shipping_methods"))) if lines else None,
        bool(lines) and not any(line.problem for line in lines),
        (UNFIT,) if any(line.problem for line in lines) else (),
    )  # fmt: skip


def count(cart: Body) -> int:
    return sum(int(item["quantity"]) for item in cart.get("items") or ())


def _in_order(items: list[Body]) -> list[Body]:
    return sorted(items, key=lambda item: (str(item.get("created_at") or ""), item["id"]))


def _cart_line(item: Body, currency: str, stock: Stock, picture: Picture) -> LineView:
    variant, quantity = stock(item.get("variant_id") or ""), int(item["quantity"])
    may = MOST_AT_ONCE if variant is None else most(variant)
    problem = ""
    if variant is not None and variant.stock is not None and quantity > variant.stock:
        problem = f"Only {variant.stock} left." if variant.stock else "Sold out: please remove it."
    elif variant is not None and not variant.available:
        problem = "No longer available: please remove it."
    return _line(item, currency, picture, most_=max(may, quantity if not problem else may), problem=problem)


def _line(item: Body, currency: str, picture: Picture, *, most_: int = 0, problem: str = "") -> LineView:
    total, original = _amount(item, "total"), _amount(item, "original_total")
    title = item.get("product_title") or item["title"]
    variant = item.get("variant_title") or ""
    url = picture(item.get("thumbnail"))
    return LineView(
        item["id"], title, "" if variant in ("Default variant", "Default", title) else variant,
        f"/products/{item['product_handle']}" + (f"?variant={item['variant_id']}" if item.get("variant_id") else "")
        if item.get("product_handle") else "",
        ImageView(url, title) if url else None, money(item["unit_price"], currency), int(item["quantity"]), most_, money(total, currency),
        money(original, currency) if original > total else None, problem,
    )  # fmt: skip


def _amount(body: Body, name: str) -> Decimal:
    return Decimal(body.get(name) or 0)


def totals(body: Body, *, shipped: bool) -> TotalsView:
    """Lines, discount, delivery and tax add up to the total: prices are shown with tax where they include it, and without where not."""
    currency = body["currency_code"]
    items = body.get("items") or ()
    included = bool(items) and all(item.get("is_tax_inclusive") for item in items)
    kind = "total" if included else "subtotal"
    discount, tax = _amount(body, "discount_total" if included else "discount_subtotal"), _amount(body, "tax_total")
    lines = _amount(body, f"original_item_{kind}")
    return TotalsView(
        money(lines, currency), money(discount, currency) if discount else None,
        money(_amount(body, f"original_shipping_{kind}"), currency) if shipped else None, money(tax, currency) if tax else None,
        money(_amount(body, "total"), currency), included,
    )  # fmt: skip


def address_lines(address: Body | None, countries: dict[str, str]) -> tuple[str, ...]:
    if not address:
        return ()
    get = lambda name: str(address.get(name) or "").strip()  # noqa: E731
    code = get("country_code").lower()
    lines = (
        f"{get('first_name')} {get('last_name')}", get("company"), get("address_1"), get("address_2"),
        " ".join(filter(None, (get("postal_code"), get("city"), get("province")))), countries.get(code, code.upper()), get("phone"),
    )  # fmt: skip
    return tuple(line.strip() for line in lines if line.strip())


def payment_name(provider_id: str) -> tuple[str, str]:
    """Name and description for people, of providers we know; else made from the id: "pp_stripe_stripe" is Stripe."""
    if provider_id in PAYMENT_NAMES:
        return PAYMENT_NAMES[provider_id]
    words = provider_id.removeprefix("pp_").split("_")
    return words[0].capitalize(), ""


def order_view(order: Body, *, countries: dict[str, str], picture: Picture, link: str) -> OrderView:
    methods = order.get("shipping_methods") or []
    return OrderView(
        int(order["display_id"]), _day(order.get("created_at")), order.get("email") or "",
        ORDER_WORDS.get(order.get("status") or "", "Received"),
        tuple(_line(item, order["currency_code"], picture) for item in _in_order(order.get("items") or [])),
        totals(order, shipped=bool(methods)), address_lines(order.get("shipping_address"), countries),
        ", ".join(method["name"] for method in methods), _paid_by(order), link,
    )  # fmt: skip


def _paid_by(order: Body) -> str:
    providers: list[Any] = [
        payment.get("provider_id")
        for collection in order.get("payment_collections") or ()
        for payment in (collection.get("payments") or collection.get("payment_sessions") or ())
    ]
    return payment_name(providers[-1])[0] if providers and providers[-1] else ""


def _day(text: str | None) -> str:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return ""
    return f"{moment.day} {moment:%B %Y}"


def total_of(cart: Body) -> Money:
    return money(_amount(cart, "total"), cart["currency_code"])
