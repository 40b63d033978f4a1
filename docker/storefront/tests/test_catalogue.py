from __future__ import annotations

import pytest
from conftest import Shopper, text, words
from fake import FakeStoreApi
from storefront import catalogue as module
from storefront.catalogue import Catalogue, Question
from storefront.client import NotFound
from storefront.present import cards, catalogue_view, link, product_page
from storefront.services import Services


@pytest.fixture
def catalogue(services: Services) -> Catalogue:
    return services.catalogue


def titles(catalogue: Catalogue, api: FakeStoreApi, **asked: str) -> list[str]:
    return [product.title for product in catalogue.search(api.europe, Question.asked(asked)).products]


def test_the_recorded_catalogue_is_understood(catalogue: Catalogue, api: FakeStoreApi) -> None:
    products = catalogue.products(api.europe)
    assert (len(products.all), products.whole) == (8, True)
    shirt = products.by_handle["harbour-linen-shirt"]
    assert [variant.title for variant in shirt.variants] == ["S", "M", "L", "XL"]
    assert (shirt.variants[0].price and shirt.variants[0].price.text, shirt.variants[0].stock) == ("€69.00", 40)
    assert [image.url for image in shirt.images] == ["/static/demo/harbour-linen-shirt.svg"]
    usd = catalogue.products(api.usa).by_handle["harbour-linen-shirt"].price
    assert usd is not None
    assert usd.text == "$75.00"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"q": "mug"}, ["Stoneware Mug"]),
        ({"q": "LINEN shirt"}, ["Harbour Linen Shirt"]),
        ({"q": "línen cover"}, ["Meadow Cushion"]),
        ({"q": "ORCHARD-BEANIE"}, ["Orchard Beanie"]),
        ({"q": "<script>"}, []),
        ({"category": "kitchen", "sort": "name"}, ["Oak Serving Board", "Stoneware Mug"]),
        ({"category": "kitchen", "sort": "price"}, ["Stoneware Mug", "Oak Serving Board"]),
        ({"category": "kitchen", "sort": "price-desc"}, ["Oak Serving Board", "Stoneware Mug"]),
    ],
)
def test_search_filters_and_orders(catalogue: Catalogue, api: FakeStoreApi, asked: dict[str, str], expected: list[str]) -> None:
    assert titles(catalogue, api, **asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"page": "2"}, Question(page=2)), ({"page": "0"}, Question()), ({"page": "-1"}, Question()), ({"page": "²"}, Question()),
        ({"page": "999999999"}, Question()), ({"sort": "evil"}, Question()), ({"q": "  a \n b "}, Question(query="a b")),
        ({"q": "x" * 500}, Question(query="x" * 80)),
    ],
)  # fmt: skip
def test_whatever_is_asked_is_understood_or_forgiven(asked: dict[str, str], expected: Question) -> None:
    assert Question.asked(asked) == expected


def test_pages_are_divided_and_a_page_too_far_is_the_last(catalogue: Catalogue, api: FakeStoreApi) -> None:
    question = Question(sort="name", page=9)
    listing = catalogue.search(api.europe, question, per_page=3)
    assert (listing.page, listing.pages, listing.total, len(listing.products)) == (3, 3, 8, 2)
    view = catalogue_view(listing, question, catalogue.frame(), catalogue.products(api.europe), None, "/products")
    assert (view.first, view.last) == (7, 8)
    assert view.pagination.previous == "/products?sort=name&page=2"
    assert view.pagination.next == ""
    assert [page.number for page in view.pagination.links] == [1, 2, 3]


def test_links_leave_out_what_is_the_default() -> None:
    assert link(Question(), "/products") == "/products"
    assert link(Question("a&b", "kitchen", "price", 2), "/products") == "/products?q=a%26b&category=kitchen&sort=price&page=2"


def test_a_parent_category_shows_what_is_in_its_children(api: FakeStoreApi, catalogue: Catalogue) -> None:
    child = next(category for category in api.categories if category["handle"] == "kitchen")
    child["parent_category_id"] = next(category["id"] for category in api.categories if category["handle"] == "living")
    assert "Stoneware Mug" in titles(catalogue, api, category="living")
    assert [category.handle for category in catalogue.frame().roots] == ["clothing", "accessories", "living"]


def test_categories_that_go_in_circles_end(api: FakeStoreApi, catalogue: Catalogue) -> None:
    for category in api.categories:
        category["parent_category_id"] = api.categories[0]["id"]
    assert set(catalogue.frame().categories) == {"clothing", "accessories", "kitchen", "living"}


class TestLarge:
    """More products than are read as a whole."""

    @pytest.fixture(autouse=True)
    def _large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "SMALL", 3)
        monkeypatch.setattr(module, "BATCH", 3)

    def test_questions_go_to_medusa_and_prices_are_no_order(self, catalogue: Catalogue, api: FakeStoreApi) -> None:
        listing = catalogue.search(api.europe, Question(category="kitchen", sort="name"))
        assert [product.title for product in listing.products] == ["Oak Serving Board", "Stoneware Mug"]
        assert listing.sorts == ("newest", "name")
        assert [product.title for product in catalogue.search(api.europe, Question(query="mug")).products] == ["Stoneware Mug"]

    def test_a_product_that_was_not_read_is_asked_for(self, catalogue: Catalogue, api: FakeStoreApi) -> None:
        listed = catalogue.products(api.europe)
        other = next(product["handle"] for product in api.products[api.europe] if product["handle"] not in listed.by_handle)
        assert catalogue.product(api.europe, other).handle == other
        with pytest.raises(NotFound):
            catalogue.product(api.europe, "unknown")

    def test_pages_work(self, shopper: Shopper) -> None:
        assert shopper.get("/products?q=mug").status_code == 200
        assert "Oak Serving Board" in words(shopper.get("/categories/kitchen"))
        assert text(shopper.get("/sitemap.xml")).count("<loc>") == 14


def test_a_small_catalogue_costs_medusa_nothing_for_what_isnt_there(api: FakeStoreApi, shopper: Shopper) -> None:
    shopper.get("/products")
    before = len(api.calls)
    assert shopper.get("/products/unknown").status_code == 404
    assert shopper.get("/products?q=unknown").status_code == 200
    assert len(api.calls) == before


def test_pictures_elsewhere_are_left_out_and_our_own_become_local(catalogue: Catalogue) -> None:
    assert catalogue.picture("http://shop.example.com/static/a.png") == "/static/a.png"
    assert catalogue.picture("/static/a.png") == "/static/a.png"
    elsewhere = ["http://cdn.example.net/a.png", "//evil.example/a.png", "/\\evil.example/a.png", "data:image/png;base64,x"]
    for url in [*elsewhere, "http://[", None, ""]:
        assert catalogue.picture(url) is None


def test_options_lead_to_the_nearest_variant(api: FakeStoreApi, catalogue: Catalogue) -> None:
    api.set_stock("market-tote", "Ink", 0)
    products = catalogue.products(api.europe)
    page = product_page(products.by_handle["market-tote"], "", products, catalogue.frame().categories)
    assert page.selected is not None
    assert page.selected.title == "Natural"
    (colour,) = page.options
    assert [(value.value, value.selected, value.available) for value in colour.values] == [("Natural", True, True), ("Ink", False, False)]
    ink = next(variant for variant in page.variants if variant.title == "Ink")
    assert colour.values[1].url == ink.url
    assert product_page(products.by_handle["market-tote"], ink.id, products, {}).max_quantity == 0


def test_new_is_only_what_is_newer_than_the_rest(api: FakeStoreApi, services: Services) -> None:
    for product in api.each_product("stoneware-mug"):
        product["created_at"] = "2026-03-01T00:00:00.000Z"
    products = services.catalogue.products(api.europe)
    assert [card.title for card in cards(products.all, products, {}) if card.is_new] == ["Stoneware Mug"]
