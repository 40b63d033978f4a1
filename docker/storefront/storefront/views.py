"""What templates are given: frozen shapes that hold text, links and money ready to be shown, and nothing of Medusa's JSON.

A template that needs more than these gets a new field here, not a look into an API answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from storefront.money import Money


@dataclass(frozen=True)
class RegionView:
    """A part of the world with one currency; `currency` is upper case. `countries`: (code in lower case, name)."""

    id: str
    name: str
    currency: str
    countries: tuple[tuple[str, str], ...] = ()
    tax_included: bool = False


@dataclass(frozen=True)
class CategoryView:
    handle: str
    name: str
    url: str
    description: str = ""


@dataclass(frozen=True)
class ShopView:
    """`initial` is one character for the logo, `accent` is #rrggbb, `announcement` may be "". Without a backend there is no region."""

    name: str
    tagline: str
    initial: str
    accent: str
    announcement: str
    url: str
    regions: tuple[RegionView, ...] = ()
    region: RegionView | None = None
    categories: tuple[CategoryView, ...] = ()


@dataclass(frozen=True)
class PageMeta:
    """What the head of a page says. `title` is the whole title; `image` and `robots` may be ""; `json_ld` is safe in script elements."""

    title: str
    description: str
    canonical: str
    image: str = ""
    kind: str = "website"
    robots: str = ""
    json_ld: tuple[Markup, ...] = ()


@dataclass(frozen=True)
class Message:
    kind: Literal["success", "info", "error"]
    text: str


@dataclass(frozen=True)
class ImageView:
    url: str
    alt: str


@dataclass(frozen=True)
class ProductCard:
    """A product in a list. `price` is the lowest of its variants (None: no price here), `from_price` says that others cost more."""

    id: str
    handle: str
    url: str
    title: str
    subtitle: str
    image: ImageView | None
    price: Money | None
    original_price: Money | None  # before a reduction
    from_price: bool
    sold_out: bool
    is_new: bool
    category: str  # name of its first category, or ""


@dataclass(frozen=True)
class VariantView:
    """`stock` is None where it isn't counted (or back-orders are allowed); `low` means: say "Only {stock} left"."""

    id: str
    title: str
    sku: str
    price: Money | None
    original_price: Money | None
    stock: int | None
    available: bool
    low: bool
    selected: bool
    url: str


@dataclass(frozen=True)
class OptionValueView:
    """`url` chooses it: a link works without JavaScript. `available` is False where the variant it leads to is sold out."""

    value: str
    selected: bool
    available: bool
    url: str


@dataclass(frozen=True)
class OptionView:
    title: str
    values: tuple[OptionValueView, ...]


@dataclass(frozen=True)
class ProductPage:
    """`selected` is the variant shown (None: the product has none). `max_quantity` is the most that may be asked for, 0 if sold out."""

    id: str
    handle: str
    url: str
    title: str
    subtitle: str
    description: str  # plain text, paragraphs divided by an empty line
    images: tuple[ImageView, ...]
    options: tuple[OptionView, ...]
    variants: tuple[VariantView, ...]
    selected: VariantView | None
    max_quantity: int
    categories: tuple[CategoryView, ...]
    related: tuple[ProductCard, ...]

    @property
    def paragraphs(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.description.split("\n\n") if part.strip())


@dataclass(frozen=True)
class Choice:
    """One entry of a filter or of an ordering."""

    label: str
    value: str
    url: str
    selected: bool


@dataclass(frozen=True)
class PageLink:
    """`number` 0 is a gap ("…") without a link."""

    number: int
    url: str
    current: bool


@dataclass(frozen=True)
class Pagination:
    page: int
    pages: int
    links: tuple[PageLink, ...]
    previous: str  # url, or ""
    next: str  # url, or ""


@dataclass(frozen=True)
class CatalogueView:
    """`filters` begins with "All". `total` counts all pages; `first` and `last` are the numbers of the products shown, from 1."""

    heading: str
    text: str
    products: tuple[ProductCard, ...]
    filters: tuple[Choice, ...]
    sorts: tuple[Choice, ...]
    pagination: Pagination
    total: int
    first: int
    last: int
    query: str
    category: CategoryView | None
    sort: str
    action: str  # where the search form goes, by GET
    clear_url: str  # without query and category


@dataclass(frozen=True)
class ErrorView:
    """A page that says what went wrong in the visitor's words. `retry_after` (seconds) is set on the pages of a shop that is away."""

    status: int
    title: str
    text: str
    action_url: str = "/"
    action_label: str = "Back to the shop"
    retry_after: int | None = None
