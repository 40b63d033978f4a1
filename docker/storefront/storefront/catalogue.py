"""What the shop sells, per region, read from Medusa and kept for seconds.

A catalogue of up to `SMALL` products is read as a whole, and search, filters, ordering and paging happen here: a visitor then costs Medusa
nothing. Above that, each question goes to Medusa (whose answers are kept as well); it can't order by price, so that choice is not offered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from storefront.cache import Cache
from storefront.client import NotFound, StoreApi
from storefront.products import Frame, Product, Products, Variant, categories_of, product_of, region_of

SMALL = 200
BATCH = 100
PER_PAGE = 12
LONGEST_QUERY = 80
MOST_PAGES = 1000
MOST_LISTED = 5000
FRESH, FRESH_FRAME = 10.0, 60.0

FIELDS = (
    "id,title,subtitle,description,handle,thumbnail,created_at,images.url,images.rank,categories.id,categories.handle,categories.name,"
    "options.id,options.title,variants.id,variants.title,variants.sku,variants.manage_inventory,variants.allow_backorder,"
    "variants.variant_rank,variants.options.value,variants.options.option_id,*variants.calculated_price,variants.inventory_quantity"
)
SORTS = {"newest": "Newest", "price": "Price, low to high", "price-desc": "Price, high to low", "name": "Name"}
MEDUSA_ORDER = {"newest": "-created_at", "name": "title"}


@dataclass(frozen=True)
class Question:
    """What a visitor wants to see; made by `Question.asked`, which forgives whatever was typed."""

    query: str = ""
    category: str = ""
    sort: str = "newest"
    page: int = 1

    @classmethod
    def asked(cls, args: Mapping[str, str], category: str = "") -> Question:
        page = args.get("page", "1")
        return cls(
            " ".join(args.get("q", "").split())[:LONGEST_QUERY],
            category or args.get("category", "")[:200],
            args.get("sort", "") if args.get("sort", "") in SORTS else "newest",
            min(int(page), MOST_PAGES) if page.isascii() and page.isdigit() and len(page) < 6 and int(page) > 0 else 1,
        )


@dataclass(frozen=True)
class Listing:
    products: tuple[Product, ...]
    total: int
    page: int
    pages: int
    sorts: tuple[str, ...]


class Catalogue:
    """`hosts` are origins whose pictures are this shop's own: links to them are made local."""

    def __init__(self, api: StoreApi, *, hosts: tuple[str, ...], cache: Cache | None = None, frame_cache: Cache | None = None) -> None:
        self._api, self._hosts = api, hosts
        self._cache = cache or Cache(fresh=FRESH)
        self._frames = frame_cache or Cache(fresh=FRESH_FRAME, most=4)

    def frame(self) -> Frame:
        """Raises BackendError."""
        return self._frames.get("frame", self._read_frame)

    def frame_at_hand(self) -> Frame | None:
        """The frame, if it was ever read: for pages that must not wait for Medusa."""
        return self._frames.peek("frame")

    def products(self, region: str) -> Products:
        """Raises BackendError."""
        return self._cache.get(("products", region), lambda: self._read_products(region))

    def product(self, region: str, handle: str) -> Product:
        """Raises NotFound and other BackendErrors."""
        products = self.products(region)
        if (found := products.by_handle.get(handle)) is not None:
            return found
        if products.whole or not re.fullmatch(r"[\w%.~-]{1,200}", handle):
            raise NotFound(handle)
        return self._cache.get(("product", region, handle), lambda: self._read_product(region, handle))

    def variant(self, region: str, variant_id: str) -> Variant | None:
        """None where it isn't among the products that were read."""
        return self.products(region).variants.get(variant_id)

    def search(self, region: str, question: Question, per_page: int = PER_PAGE) -> Listing:
        """Raises BackendError."""
        products = self.products(region)
        if not products.whole:
            return self._cache.get(("search", region, question), lambda: self._ask(region, question, per_page))
        words = fold(question.query).split()
        found = [
            product
            for product in products.all
            if (not question.category or question.category in self._within(product)) and all(word in searched(product) for word in words)
        ]
        ordered = in_order(found, question.sort)
        pages = max(1, -(-len(ordered) // per_page))
        page = min(question.page, pages)
        return Listing(tuple(ordered[(page - 1) * per_page : page * per_page]), len(ordered), page, pages, tuple(SORTS))

    def handles(self, region: str) -> tuple[str, ...]:
        """Of all products, up to `MOST_LISTED`. Raises BackendError."""
        products = self.products(region)
        if products.whole:
            return tuple(product.handle for product in products.all)
        return self._frames.get(("handles", region), self._read_handles)

    def _read_handles(self) -> tuple[str, ...]:
        found: list[str] = []
        while len(found) < MOST_LISTED:
            params = {"fields": "id,handle", "limit": 500, "offset": len(found), "order": "-created_at"}
            body = self._api.get("/store/products", params)
            found.extend(item["handle"] for item in body["products"])
            if not body["products"] or len(found) >= body["count"]:
                break
        return tuple(found)

    def _within(self, product: Product) -> set[str]:
        categories = self.frame().categories
        return {around for handle in product.categories if handle in categories for around in categories[handle].within}

    def _ask(self, region: str, question: Question, per_page: int) -> Listing:
        params: dict[str, Any] = {
            "region_id": region, "fields": FIELDS, "limit": per_page, "offset": (question.page - 1) * per_page,
            "order": MEDUSA_ORDER.get(question.sort, "-created_at"),
        }  # fmt: skip
        if question.query:
            params["q"] = question.query
        if question.category:
            categories = self.frame().categories
            inside = [category.id for category in categories.values() if question.category in category.within]
            params["category_id[]"] = inside or ["none"]
        body = self._api.get("/store/products", params)
        total = int(body["count"])
        products = tuple(product_of(item, self.picture) for item in body["products"])
        return Listing(products, total, question.page, max(1, -(-total // per_page)), tuple(MEDUSA_ORDER))

    def _read_products(self, region: str) -> Products:
        found: list[Product] = []
        total = 1
        while len(found) < min(total, SMALL):
            params = {"region_id": region, "fields": FIELDS, "limit": BATCH, "offset": len(found), "order": "-created_at"}
            body = self._api.get("/store/products", params)
            total = int(body["count"])
            found.extend(product_of(item, self.picture) for item in body["products"])
            if not body["products"]:
                break
        listed = tuple(found)
        return Products(
            listed, total <= len(listed), {product.handle: product for product in listed},
            {variant.id: variant for product in listed for variant in product.variants}, hash(listed),
        )  # fmt: skip

    def _read_product(self, region: str, handle: str) -> Product:
        body = self._api.get("/store/products", {"region_id": region, "fields": FIELDS, "handle": handle, "limit": 1})
        if not body["products"]:
            raise NotFound(handle)
        return product_of(body["products"][0], self.picture)

    def _read_frame(self) -> Frame:
        regions = self._api.get("/store/regions", {"fields": "id,name,currency_code,*countries", "order": "created_at", "limit": 100})
        fields = "id,name,handle,description,rank,parent_category_id"
        listed = self._api.get("/store/product-categories", {"fields": fields, "limit": 500})["product_categories"]
        views = tuple(region_of(item) for item in regions["regions"])
        categories = categories_of(listed)
        return Frame(views, categories, hash((views, tuple(categories.values()))))

    def picture(self, url: str | None) -> str | None:
        """A picture's address on this host; None for one elsewhere, which browsers would be told not to load."""
        if not url:
            return None
        if url.startswith("/") and not url.startswith(("//", "/\\")):
            return url
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        return (parts.path or None) if f"{parts.scheme}://{parts.netloc}" in self._hosts else None


def fold(text: str) -> str:
    """As search compares it: without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))


def searched(product: Product) -> str:
    return fold(
        " ".join(
            [product.title, product.subtitle, product.description, *product.categories, *(variant.sku for variant in product.variants)]
        )
    )


def in_order(products: list[Product], sort: str) -> list[Product]:
    """Sold-out and priceless ones keep their place, except that no price comes after all prices."""
    if sort == "name":
        return sorted(products, key=lambda product: fold(product.title))
    if sort in ("price", "price-desc"):
        priced = [product for product in products if product.price is not None]
        rest = [product for product in products if product.price is None]
        return sorted(priced, key=lambda product: product.price, reverse=sort == "price-desc") + rest  # type: ignore[arg-type,return-value]
    return sorted(products, key=lambda product: product.created_at, reverse=True)
