"""What the shop sells, as read from Medusa's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from storefront.client import Body
from storefront.money import Money, money
from storefront.views import CategoryView, ImageView, RegionView

Picture = Callable[[str | None], str | None]


@dataclass(frozen=True)
class Category:
    """`within` are the handles of itself and all categories around it."""

    id: str
    view: CategoryView
    root: bool
    within: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """`options` are pairs of option title and value. `stock` None: not counted."""

    id: str
    title: str
    sku: str
    price: Money | None
    original_price: Money | None
    stock: int | None
    options: tuple[tuple[str, str], ...]

    @property
    def available(self) -> bool:
        return self.price is not None and (self.stock is None or self.stock > 0)


@dataclass(frozen=True)
class Product:
    id: str
    handle: str
    title: str
    subtitle: str
    description: str
    created_at: str
    images: tuple[ImageView, ...]
    categories: tuple[str, ...]  # handles
    options: tuple[str, ...]  # titles
    variants: tuple[Variant, ...]

    @property
    def price(self) -> Money | None:
        return min((variant.price for variant in self.variants if variant.price is not None), default=None)


@dataclass(frozen=True)
class Products:
    """The products of a region. `whole` is False where Medusa has more than are read. `version` changes when anything in it does."""

    all: tuple[Product, ...]
    whole: bool
    by_handle: Mapping[str, Product]
    variants: Mapping[str, Variant]
    version: int


@dataclass(frozen=True)
class Frame:
    """What surrounds every page: regions and categories."""

    regions: tuple[RegionView, ...]
    categories: Mapping[str, Category]  # by handle
    version: int

    def region(self, chosen: str) -> RegionView | None:
        """The chosen one, else the shop's first."""
        return next((region for region in self.regions if region.id == chosen), self.regions[0] if self.regions else None)

    @property
    def roots(self) -> tuple[CategoryView, ...]:
        return tuple(category.view for category in self.categories.values() if category.root)


def product_of(item: Body, picture: Picture) -> Product:
    titles = {option["id"]: str(option["title"]) for option in item.get("options") or ()}
    ranked = sorted(item.get("variants") or (), key=lambda variant: variant.get("variant_rank") or 0)
    urls = [item.get("thumbnail")] + [image["url"] for image in sorted(item.get("images") or (), key=lambda image: image.get("rank") or 0)]
    local = dict.fromkeys(filter(None, (picture(url) for url in urls)))
    return Product(
        item["id"], item["handle"], item["title"], item.get("subtitle") or "", item.get("description") or "",
        str(item.get("created_at") or ""), tuple(ImageView(url, item["title"]) for url in local),
        tuple(category["handle"] for category in item.get("categories") or ()), tuple(titles.values()),
        tuple(_variant(variant, titles) for variant in ranked),
    )  # fmt: skip


def region_of(item: Body) -> RegionView:
    countries = sorted(
        (country["iso_2"], country.get("display_name") or country["iso_2"].upper()) for country in item.get("countries") or ()
    )
    return RegionView(item["id"], item["name"], item["currency_code"].upper(), tuple(sorted(countries, key=lambda country: country[1])))


def categories_of(listed: list[Body]) -> dict[str, Category]:
    by_id = {item["id"]: item for item in listed}

    def around(item: Body) -> tuple[str, ...]:
        handles: list[str] = []
        current: Body | None = item
        while current is not None and current["handle"] not in handles:
            handles.append(current["handle"])
            current = by_id.get(current.get("parent_category_id") or "")
        return tuple(handles)

    ordered = sorted(listed, key=lambda item: (item.get("rank") or 0, item["name"]))
    return {
        item["handle"]: Category(
            item["id"],
            CategoryView(item["handle"], item["name"], f"/categories/{item['handle']}", item.get("description") or ""),
            item.get("parent_category_id") not in by_id,
            around(item),
        )
        for item in ordered
    }


def _variant(item: Body, titles: Mapping[str, str]) -> Variant:
    price = item.get("calculated_price") or {}
    currency = price.get("currency_code") or ""
    amount = price.get("calculated_amount_with_tax", price.get("calculated_amount"))
    original = price.get("original_amount_with_tax", price.get("original_amount"))
    counted = item.get("manage_inventory") and not item.get("allow_backorder")
    return Variant(
        item["id"], item.get("title") or "", item.get("sku") or "",
        None if amount is None else money(amount, currency),
        money(original, currency) if original is not None and amount is not None and original > amount else None,
        max(0, int(item.get("inventory_quantity") or 0)) if counted else None,
        tuple((titles.get(value.get("option_id") or "", ""), str(value["value"])) for value in item.get("options") or ()),
    )  # fmt: skip
