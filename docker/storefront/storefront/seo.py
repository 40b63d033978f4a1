"""What search engines and previews of links are told. Texts are plain; templates escape them."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from storefront.views import CatalogueView, PageMeta, ProductPage, ShopView
from storefront.views_cart import OrderView

LONGEST = 160
# in a script element: nothing that could end it, or that old parsers take for a line's end
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def json_block(data: Any) -> Markup:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char, escaped in UNSAFE.items():
        text = text.replace(char, escaped)
    return Markup(text)  # noqa: S704 - escaped just above for the one place it goes to


def short(text: str) -> str:
    """One line, cut at a word."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def plain(shop: ShopView, title: str, path: str, *, description: str = "", robots: str = "noindex") -> PageMeta:
    """A page that is nobody's business but the visitor's."""
    return PageMeta(f"{title} · {shop.name}", short(description or shop.tagline or shop.name), shop.url + path, robots=robots)


def home(shop: ShopView) -> PageMeta:
    data = {"@context": "https://schema.org", "@type": "WebSite", "name": shop.name, "url": shop.url + "/"}
    if shop.tagline:
        data["description"] = shop.tagline
    title = f"{shop.name} · {shop.tagline}" if shop.tagline else shop.name
    return PageMeta(title, short(shop.tagline or f"Everything {shop.name} has to offer."), shop.url + "/", json_ld=(json_block(data),))


def listing(shop: ShopView, view: CatalogueView) -> PageMeta:
    path = view.category.url if view.category else "/products"
    canonical = shop.url + path + (f"?page={view.pagination.page}" if view.pagination.page > 1 else "")
    description = view.text or f"{view.heading} at {shop.name}: {view.total} {'product' if view.total == 1 else 'products'}."
    crumbs = [("Products", "/products")] + ([(view.category.name, view.category.url)] if view.category else [])
    robots = "noindex" if view.query or not view.total else ""
    return PageMeta(f"{view.heading} · {shop.name}", short(description), canonical, robots=robots, json_ld=(_crumbs(shop, crumbs),))


def product(shop: ShopView, view: ProductPage) -> PageMeta:
    image = absolute(shop, view.images[0].url) if view.images else ""
    crumbs = [("Products", "/products"), *((category.name, category.url) for category in view.categories[:1]), (view.title, view.url)]
    return PageMeta(
        f"{view.title} · {shop.name}", short(view.description or view.subtitle or view.title), shop.url + view.url, image, "product",
        json_ld=(json_block(_product(shop, view)), _crumbs(shop, crumbs)),
    )  # fmt: skip


def order(shop: ShopView, view: OrderView) -> PageMeta:
    return plain(shop, f"Order {view.number}", "/orders")


def absolute(shop: ShopView, url: str) -> str:
    return shop.url + url if url.startswith("/") else url


def _product(shop: ShopView, view: ProductPage) -> dict[str, Any]:
    offers = [
        {
            "@type": "Offer", "sku": variant.sku or variant.id, "url": shop.url + variant.url, "price": variant.price.plain,
            "priceCurrency": variant.price.currency,
            "availability": f"https://schema.org/{'InStock' if variant.available else 'OutOfStock'}",
        }
        for variant in view.variants
        if variant.price is not None
    ]  # fmt: skip
    data: dict[str, Any] = {
        "@context": "https://schema.org", "@type": "Product", "name": view.title, "url": shop.url + view.url,
        "brand": {"@type": "Brand", "name": shop.name},
    }  # fmt: skip
    if view.description or view.subtitle:
        data["description"] = view.description or view.subtitle
    if view.images:
        data["image"] = [absolute(shop, image.url) for image in view.images]
    if offers:
        data["offers"] = offers
    return data


def _crumbs(shop: ShopView, crumbs: list[tuple[str, str]]) -> Markup:
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": shop.url + path}
        for position, (name, path) in enumerate([("Home", "/"), *crumbs], 1)
    ]
    return json_block({"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": items})


def sitemap(shop: ShopView, handles: tuple[str, ...]) -> str:
    paths = ["/", "/products", *(category.url for category in shop.categories), *(f"/products/{handle}" for handle in handles)]
    urls = "".join(f"<url><loc>{Markup.escape(shop.url + path)}</loc></url>\n" for path in paths)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'


def robots(shop: ShopView) -> str:
    closed = "".join(f"Disallow: {path}\n" for path in ("/cart", "/checkout", "/orders", "/region", "/app", "/admin", "/auth", "/store/"))
    return f"User-agent: *\n{closed}\nSitemap: {shop.url}/sitemap.xml\n"
