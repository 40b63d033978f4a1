"""From what the catalogue knows to what templates show: cards, product pages, lists with their links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from storefront.catalogue import SORTS, Listing, Question
from storefront.products import Category, Frame, Product, Products, Variant
from storefront.views import (
    CatalogueView,
    CategoryView,
    Choice,
    OptionValueView,
    OptionView,
    PageLink,
    Pagination,
    ProductCard,
    ProductPage,
    VariantView,
)  # fmt: skip

LOW_STOCK = 5
MOST_AT_ONCE = 20
NEW_DAYS = 14
RELATED = 4
FEATURED = 8


def card(product: Product, categories: Mapping[str, Category], *, is_new: bool = False) -> ProductCard:
    prices = [variant.price for variant in product.variants if variant.price is not None]
    lowest = min(prices, default=None)
    cheapest = next((variant for variant in product.variants if variant.price == lowest), None)
    first = next((categories[handle].view.name for handle in product.categories if handle in categories), "")
    return ProductCard(
        product.id, product.handle, f"/products/{product.handle}", product.title, product.subtitle,
        product.images[0] if product.images else None, lowest, cheapest.original_price if cheapest and lowest is not None else None,
        len(set(prices)) > 1, not any(variant.available for variant in product.variants), is_new, first,
    )  # fmt: skip


def cards(products: tuple[Product, ...], within: Products | None, categories: Mapping[str, Category]) -> tuple[ProductCard, ...]:
    """ "New" says something only beside products that are older: in a shop filled yesterday nothing is."""
    since = _new_since(within.all) if within else None
    return tuple(card(product, categories, is_new=since is not None and product.created_at >= since) for product in products)


def _new_since(products: tuple[Product, ...]) -> str | None:
    dates = sorted(product.created_at for product in products if product.created_at)
    if not dates:
        return None
    newest = _moment(dates[-1])
    if newest is None:
        return None
    since = (newest - timedelta(days=NEW_DAYS)).isoformat()
    return since if dates[0] < since else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def selected_variant(product: Product, wanted: str) -> Variant | None:
    """The wanted one, else the first that can be had, else the first."""
    by_id = {variant.id: variant for variant in product.variants}
    return by_id.get(wanted) or next((variant for variant in product.variants if variant.available), next(iter(product.variants), None))


def product_page(product: Product, wanted: str, products: Products, categories: Mapping[str, Category]) -> ProductPage:
    chosen = selected_variant(product, wanted)
    url = f"/products/{product.handle}"
    variants = tuple(_variant(variant, url, selected=variant is chosen) for variant in product.variants)
    own = tuple(categories[handle].view for handle in product.categories if handle in categories)
    near = [other for other in products.all if other.handle != product.handle]
    near.sort(key=lambda other: not set(other.categories) & set(product.categories))  # stable: its own categories first
    return ProductPage(
        product.id, product.handle, url, product.title, product.subtitle, product.description, product.images,
        _options(product, chosen, url), variants, next((view for view in variants if view.selected), None),
        most(chosen) if chosen else 0, own,
        cards(tuple(near[:RELATED]), products, categories),
    )  # fmt: skip


def most(variant: Variant) -> int:
    """How many may be asked for at once."""
    if not variant.available:
        return 0
    return MOST_AT_ONCE if variant.stock is None else min(variant.stock, MOST_AT_ONCE)


def _variant(variant: Variant, url: str, *, selected: bool) -> VariantView:
    low = variant.stock is not None and 0 < variant.stock <= LOW_STOCK
    return VariantView(
        variant.id, variant.title, variant.sku, variant.price, variant.original_price, variant.stock, variant.available, low, selected,
        f"{url}?{urlencode({'variant': variant.id})}",
    )  # fmt: skip


def _options(product: Product, chosen: Variant | None, url: str) -> tuple[OptionView, ...]:
    now = dict(chosen.options) if chosen else {}
    made: list[OptionView] = []
    for title in product.options:
        values = list(dict.fromkeys(value for variant in product.variants for name, value in variant.options if name == title))
        choices: list[OptionValueView] = []
        for value in values:
            variant = _nearest(product, title, value, now)
            available = variant is not None and variant.available
            link = f"{url}?{urlencode({'variant': variant.id})}" if variant else url
            choices.append(OptionValueView(value, now.get(title) == value, available, link))
        if choices:
            made.append(OptionView(title, tuple(choices)))
    return tuple(made)


def _nearest(product: Product, title: str, value: str, now: Mapping[str, str]) -> Variant | None:
    """Of the variants with this value the one that keeps most of the other choices; one that can be had, if that is a tie."""
    fitting = [variant for variant in product.variants if dict(variant.options).get(title) == value]

    def nearness(variant: Variant) -> tuple[int, bool]:
        return sum(now.get(name) == own for name, own in variant.options if name != title), variant.available

    return max(fitting, key=nearness, default=None)


def catalogue_view(
    listing: Listing, question: Question, frame: Frame, products: Products, category: CategoryView | None, path: str
) -> CatalogueView:
    def url(**changes: str | int) -> str:
        return link(replace(question, **{"page": 1, **changes}), path, in_path=category is not None)  # type: ignore[arg-type]

    if category is not None:
        filters = [Choice("All", "", link(replace(question, category="", page=1), "/products"), selected=False)]
    else:
        filters = [Choice("All", "", url(category=""), selected=not question.category)]
    for root in frame.roots:
        filters.append(Choice(root.name, root.handle, _filter_url(root, question), root.handle == question.category))
    count = len(listing.products)
    first = (listing.page - 1) * _per_page(listing, count) + 1 if count else 0
    heading = category.name if category else (f"Results for “{question.query}”" if question.query else "All products")
    return CatalogueView(
        heading, category.description if category else "", cards(listing.products, products, frame.categories), tuple(filters),
        tuple(Choice(SORTS[sort], sort, url(sort=sort), sort == question.sort) for sort in listing.sorts),
        _pagination(listing, lambda page: url(page=page)), listing.total, first, first + count - 1 if count else 0,
        question.query, category, question.sort, path, "/products",
    )  # fmt: skip


def _per_page(listing: Listing, count: int) -> int:
    """All pages but the last are full."""
    return count if listing.page < listing.pages or listing.pages == 1 else (listing.total - count) // (listing.pages - 1)


def _filter_url(category: CategoryView, question: Question) -> str:
    return link(replace(question, category=category.handle, page=1), category.url, in_path=True)


def link(question: Question, path: str, *, in_path: bool = False) -> str:
    """The address of a question, without what is the default anyway."""
    values = {
        "q": question.query,
        "category": "" if in_path else question.category,
        "sort": "" if question.sort == "newest" else question.sort,
        "page": "" if question.page == 1 else str(question.page),
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path


def _pagination(listing: Listing, to: Callable[[int], str]) -> Pagination:
    near = {1, listing.pages, *range(listing.page - 1, listing.page + 2)}
    links: list[PageLink] = []
    for number in sorted(page for page in near if 1 <= page <= listing.pages):
        if links and number - links[-1].number > 1:
            links.append(PageLink(0, "", current=False))
        links.append(PageLink(number, to(number), number == listing.page))
    return Pagination(
        listing.page, listing.pages, tuple(links), to(listing.page - 1) if listing.page > 1 else "",
        to(listing.page + 1) if listing.page < listing.pages else "",
    )  # fmt: skip
