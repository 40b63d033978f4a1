"""What templates are given of carts, the checkout and orders; see views.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from storefront.money import Money
from storefront.views import ImageView


@dataclass(frozen=True)
class LineView:
    """`problem` is "" or a sentence to show at this line. `original_total` is set where a discount lowered it."""

    id: str
    title: str
    variant: str
    url: str
    image: ImageView | None
    unit_price: Money
    quantity: int
    max_quantity: int
    total: Money
    original_total: Money | None = None
    problem: str = ""


@dataclass(frozen=True)
class TotalsView:
    """`shipping` is None while no delivery is chosen. `tax_included`: the tax is part of the prices, say "incl. … tax"."""

    subtotal: Money  # of the lines
    discount: Money | None
    shipping: Money | None
    tax: Money | None
    total: Money
    tax_included: bool


@dataclass(frozen=True)
class CartView:
    """`totals` is None for an empty cart. `problems` are sentences about it all; `can_check_out` is False while a line can't be had."""

    lines: tuple[LineView, ...] = ()
    count: int = 0
    totals: TotalsView | None = None
    can_check_out: bool = False
    problems: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.lines


@dataclass(frozen=True)
class FormView:
    """Values and errors of a form, by field name; every name may be asked for."""

    values: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.faults.get(name, "")

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.faults.items())


@dataclass(frozen=True)
class StepView:
    """A step of the checkout. `edit_url` is "" unless it is done and may be opened again; `summary` are lines that tell what was chosen."""

    name: Literal["contact", "shipping", "payment"]
    number: int
    title: str
    state: Literal["done", "current", "todo"]
    edit_url: str
    summary: tuple[str, ...]


@dataclass(frozen=True)
class ShippingOptionView:
    id: str
    name: str
    description: str
    price: Money
    selected: bool


@dataclass(frozen=True)
class PaymentOptionView:
    id: str
    name: str
    description: str
    selected: bool


@dataclass(frozen=True)
class CheckoutView:
    """Three steps, of which at most one is current; once all are done `ready` is True: show the review and the last button.

    `problem` is "" or a sentence above the steps, such as why a payment failed. `token` goes into the hidden field `cart` of the last form.
    """

    steps: tuple[StepView, ...]
    cart: CartView
    contact: FormView
    countries: tuple[tuple[str, str], ...]
    shipping_options: tuple[ShippingOptionView, ...]
    payment_options: tuple[PaymentOptionView, ...]
    ready: bool
    problem: str
    token: str

    def step(self, name: str) -> StepView:
        return next(step for step in self.steps if step.name == name)

    @property
    def current(self) -> str:
        """The open step's name, or "review"."""
        return next((step.name for step in self.steps if step.state == "current"), "review")


@dataclass(frozen=True)
class OrderView:
    """`status`, `payment` and `delivery` are words for people; `link` opens this page from anywhere (signed)."""

    number: int
    placed_on: str
    email: str
    status: str
    lines: tuple[LineView, ...]
    totals: TotalsView
    address: tuple[str, ...]
    delivery: str
    payment: str
    link: str
