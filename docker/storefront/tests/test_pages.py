from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from conftest import HTMX, Shopper, hidden, messages, text, words
from fake import FakeStoreApi
from flask import Flask
from storefront.services import Services

PAGES = ["/", "/products", "/categories/kitchen", "/products/stoneware-mug", "/cart", "/orders", "/products?q=nothing", "/unknown"]


def test_home_shows_the_shop_and_its_products(shopper: Shopper) -> None:
    seen = words(shopper.get("/"))
    for expected in ("Demo Shop", "Good things for every day", "Harbour Linen Shirt", "€69.00", "Clothing"):
        assert expected in seen


def test_a_product_shows_variants_stock_and_price(shopper: Shopper, api: FakeStoreApi) -> None:
    api.set_stock("orchard-beanie", "Rust", 3)
    seen = words(shopper.get(f"/products/orchard-beanie?variant={api.variant('orchard-beanie', 'Rust')['id']}"))
    for expected in ("Orchard Beanie", "Rust", "Moss", "€29.00", "Only 3 left"):
        assert expected in seen


def test_a_sold_out_variant_offers_no_button(shopper: Shopper, api: FakeStoreApi) -> None:
    api.set_stock("market-tote", "Ink", 0)
    page = shopper.get(f"/products/market-tote?variant={api.variant('market-tote', 'Ink')['id']}")
    assert "sold out" in words(page).lower()
    assert 'action="/cart/items"' not in text(page) or "disabled" in text(page)


@pytest.mark.parametrize(
    "path", ["/products/unknown", "/categories/unknown", "/products?category=unknown", "/unknown", "/orders/", "/assets/../settings.py"]
)
def test_what_isnt_there_is_a_page_of_the_shop(shopper: Shopper, path: str) -> None:
    answer = shopper.get(path)
    assert answer.status_code == 404
    assert "Demo Shop" in words(answer)
    assert 'content="noindex"' in text(answer)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_its_own_and_calls_nobody_else(shopper: Shopper, path: str) -> None:
    answer = shopper.get(path)
    page = text(answer)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"\s(style|on[a-z]+)=\"", page), "an inline style or handler, which the policy would block"
    assert "<style" not in page
    assert all("src=" in tag or "application/ld+json" in tag for tag in re.findall(r"<script[^>]*>", page))
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', page):
        assert address.startswith(("/", "#", "http://shop.example.com", "data:image/")), address
        assert not address.startswith("//"), address
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert "<!--" not in re.sub(r"<!--\[if.*?-->", "", page) or not re.search(r"<!--[0-9a-f]{16}:", page), "a slot was not filled"


@pytest.mark.parametrize("path", PAGES)
def test_every_post_form_carries_the_visitors_token(shopper: Shopper, path: str) -> None:
    page, token = text(shopper.get(path)), shopper.csrf()
    forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
    assert forms, "even the region is chosen by a form"
    for form in forms:
        assert f'name="csrf" value="{token}"' in form


def test_no_route_begins_with_one_of_medusas_paths(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert rule.rule.split("/")[1] not in ("app", "admin", "auth", "store", "static", "health"), rule.rule


def test_a_burst_of_visitors_reaches_medusa_once(app: Flask, api: FakeStoreApi) -> None:
    for _ in range(20):
        visitor = Shopper(app.test_client())
        for path in ("/", "/products", "/products/stoneware-mug", "/categories/kitchen", "/sitemap.xml"):
            assert visitor.get(path).status_code == 200
    assert sorted(path for _, path in api.calls) == ["/store/product-categories", "/store/products", "/store/regions"]


def test_a_kept_page_shows_each_visitor_their_own_count(app: Flask, api: FakeStoreApi) -> None:
    one, other = Shopper(app.test_client()), Shopper(app.test_client())
    one.add(api.variant("stoneware-mug", "Sand")["id"], 3)
    for path in ("/", "/products"):
        one.get(path)
        other.get(path)
    assert (one.count(), other.count()) == (3, 0)
    assert hidden(one.get("/products"), "csrf") != hidden(other.get("/products"), "csrf")


def test_a_kept_page_changes_with_the_catalogue(shopper: Shopper, api: FakeStoreApi, services: Services) -> None:
    assert "Stoneware Mug" in words(shopper.get("/products"))
    for product in api.each_product("stoneware-mug"):
        product["title"] = "Earthen Cup"
    services.catalogue._cache.forget()
    seen = words(shopper.get("/products"))
    assert "Earthen Cup" in seen
    assert "Stoneware Mug" not in seen


def test_texts_of_the_shop_are_escaped_everywhere(make_app: Callable[..., Flask], api: FakeStoreApi) -> None:
    evil = "</script><script>alert(1)</script>\"'&"
    for product in api.each_product("stoneware-mug"):
        product.update(title=evil, subtitle=evil, description=evil)
    api.categories[0]["name"] = evil
    shopper = Shopper(make_app(STORE_NAME=evil[:90], TAGLINE=evil, ANNOUNCEMENT=evil).test_client())
    for path in ("/", "/products", "/products/stoneware-mug", f"/products?q={evil}", "/cart", "/unknown", "/icon.svg", "/sitemap.xml"):
        page = text(shopper.get(path))
        assert "<script>alert" not in page, path
        for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL):
            json.loads(block)
    shopper.add(api.variant("orchard-beanie", "Moss")["id"])
    shopper.add(api.product("stoneware-mug")["variants"][0]["id"])
    assert "<script>alert" not in text(shopper.get("/cart"))


@pytest.mark.parametrize(
    ("path", "root"),
    [("/products?sort=price", 'id="catalogue"'), ("/categories/kitchen", 'id="catalogue"'), ("/products/stoneware-mug", 'id="buy"')],
)
def test_htmx_gets_the_part_it_swaps(shopper: Shopper, path: str, root: str) -> None:
    part = shopper.get(path, **HTMX)
    assert root in text(part)
    assert "<html" not in text(part)
    assert "HX-Request" in part.headers["Vary"]
    for headers in ({"HX-Request": "true", "HX-Request-Type": "full"}, HTMX | {"HX-History-Restore-Request": "true"}):
        assert "<html" in text(shopper.get(path, **headers))


def test_a_region_has_its_currency(shopper: Shopper, api: FakeStoreApi) -> None:
    assert "€69.00" in words(shopper.get("/products"))
    chosen = shopper.post("/region", region=api.usa, next="/products")
    assert (chosen.status_code, chosen.location) == (303, "/products")
    seen = words(shopper.get("/products"))
    assert "$75.00" in seen
    assert "€" not in re.sub(r"Europe \(?EUR.*?€\)?", "", seen)


def test_an_unknown_region_changes_nothing(shopper: Shopper) -> None:
    shopper.post("/region", region="reg_unknown", next="/products")
    page = shopper.get("/products")
    assert "Please choose one of the regions." in messages(page)
    assert "€69.00" in words(page)


def test_the_cart_follows_the_region(shopper: Shopper, api: FakeStoreApi) -> None:
    shopper.add(api.variant("stoneware-mug", "Sand")["id"])
    shopper.post("/region", region=api.usa, next="/cart")
    assert "$20.00" in words(shopper.get("/cart"))
    assert shopper.count() == 1


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/%0d%0aX:x\r\n",
        "",
        "javascript:alert(1)",
        "/\t/evil",
    ],
)
def test_no_form_leads_away_from_the_shop(shopper: Shopper, api: FakeStoreApi, target: str) -> None:
    assert shopper.post("/region", region=api.europe, next=target).location == "/"
    assert shopper.post("/cart/items", variant_id="nonsense", quantity=1, next=target).location == "/products"


def test_product_data_for_machines(shopper: Shopper) -> None:
    page = text(shopper.get("/products/stoneware-mug"))
    blocks = [json.loads(block) for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)]
    product = next(block for block in blocks if block["@type"] == "Product")
    assert product["offers"][0] | {} == {
        "@type": "Offer", "sku": "STONEWARE-MUG-SAND", "url": product["offers"][0]["url"], "price": "18.00", "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
    }  # fmt: skip
    assert product["image"] == ["http://shop.example.com/static/demo/stoneware-mug.svg"]
    assert '<link rel="canonical" href="http://shop.example.com/products/stoneware-mug"' in page
    for name in ("og:title", "og:description", "og:image", "og:url", "og:type"):
        assert f'property="{name}"' in page


def test_titles_and_descriptions_differ_by_page(shopper: Shopper) -> None:
    paths = ("/", "/products", "/categories/kitchen", "/products/stoneware-mug", "/products/market-tote")
    pages = [text(shopper.get(path)) for path in paths]
    for pattern in (r"<title>(.*?)</title>", r'name="description" content="(.*?)"'):
        found = [re.search(pattern, page, re.DOTALL)[1] for page in pages]  # type: ignore[index]
        assert len(set(found)) == len(found)


def test_the_sitemap_and_robots(shopper: Shopper) -> None:
    sitemap = shopper.get("/sitemap.xml")
    assert text(sitemap).count("<loc>http://shop.example.com/products/") == 8
    assert "public" in sitemap.headers["Cache-Control"]
    robots = text(shopper.get("/robots.txt"))
    assert "Sitemap: http://shop.example.com/sitemap.xml" in robots
    assert "Disallow: /checkout" in robots


def test_assets_are_kept_for_a_year_by_their_hashed_names(shopper: Shopper) -> None:
    page = text(shopper.get("/"))
    names = re.findall(r'"(/assets/[^"]+)"', page)
    assert names
    for name in names:
        answer = shopper.get(name)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert shopper.get(name, **{"If-None-Match": answer.headers["ETag"]}).status_code == 304
    plain = re.sub(r"\.[0-9a-f]{12}\.", ".", names[0])
    assert "immutable" not in shopper.get(plain).headers["Cache-Control"]
    assert "Set-Cookie" not in shopper.get(names[0]).headers


def test_pages_of_a_visitor_are_not_kept_by_others(shopper: Shopper) -> None:
    assert shopper.get("/").headers["Cache-Control"] == "private, no-cache"


def test_two_shops_look_different(make_app: Callable[..., Flask]) -> None:
    one = Shopper(make_app(STORE_NAME="One", ACCENT="#aa0000").test_client())
    two = Shopper(make_app(STORE_NAME="Two", ACCENT="#ffee00", ANNOUNCEMENT="Hello").test_client())
    assert "--accent: #aa0000" in text(one.get("/theme.css"))
    assert "--accent: #ffee00" in text(two.get("/theme.css"))
    assert ("Hello" in words(one.get("/")), "Hello" in words(two.get("/"))) == (False, True)
