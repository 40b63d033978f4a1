"""Looking around: home, catalogue, categories, products, and the choice of a region."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from storefront import seo
from storefront.answers import fragment, kept_page, page, surroundings, to, wants_fragment
from storefront.cart import CartGone, CartRefused
from storefront.catalogue import Question
from storefront.present import FEATURED, cards, catalogue_view, link, product_page
from storefront.products import Frame
from storefront.security import local
from storefront.services import services, visitor
from storefront.views import PageMeta, RegionView, ShopView

blueprint = Blueprint("shop", __name__)

Page = tuple[str, ShopView, PageMeta, str, dict[str, Any]]


@blueprint.get("/")
def home() -> Response:
    frame, region, shop = surroundings()
    products = services().catalogue.products(region.id if region else "")

    def make() -> Page:
        featured = cards(products.all[:FEATURED], products, frame.categories)
        return "home.html", shop, seo.home(shop), "/", {"featured": featured}

    return kept_page(("home", _state(frame, region), products.version), make)


@blueprint.get("/products")
def catalogue() -> Response:
    frame, region, shop = surroundings()
    question = Question.asked(request.args)
    if question.category and question.category not in frame.categories:
        abort(404)
    return _listing(frame, region, shop, question, in_path=False)


@blueprint.get("/categories/<handle>")
def category(handle: str) -> Response:
    frame, region, shop = surroundings()
    if handle not in frame.categories:
        abort(404)
    return _listing(frame, region, shop, Question.asked(request.args, handle), in_path=True)


def _listing(frame: Frame, region: RegionView | None, shop: ShopView, question: Question, *, in_path: bool) -> Response:
    current = services().catalogue
    region_id = region.id if region else ""
    products = current.products(region_id)
    found = frame.categories[question.category].view if in_path else None
    path = found.url if found else "/products"

    def make() -> Page:
        view = catalogue_view(current.search(region_id, question), question, frame, products, found, path)
        return "catalogue.html", shop, seo.listing(shop, view), link(question, path, in_path=in_path), {"catalogue": view}

    if wants_fragment():
        *_, context = make()
        return fragment("_catalogue.html", **context)
    if not products.whole:
        template, _, meta, place, context = make()
        return page(template, shop, meta, path=place, **context)
    return kept_page(("catalogue", _state(frame, region), products.version, question, in_path), make)


@blueprint.get("/products/<handle>")
def product(handle: str) -> Response:
    frame, region, shop = surroundings()
    current = services().catalogue
    region_id = region.id if region else ""
    products, found = current.products(region_id), current.product(region_id, handle)
    wanted = request.args.get("variant", "")
    if wanted not in {variant.id for variant in found.variants}:
        wanted = ""

    def make() -> Page:
        view = product_page(found, wanted, products, frame.categories)
        path = view.selected.url if wanted and view.selected else view.url
        return "product.html", shop, seo.product(shop, view), path, {"product": view}

    if wants_fragment():
        return fragment("_buy.html", product=product_page(found, wanted, products, frame.categories))
    return kept_page(("product", _state(frame, region), products.version, hash(found), wanted), make)


@blueprint.post("/region")
def choose_region() -> Response:
    frame = services().catalogue.frame()
    chosen, who = request.form.get("region", ""), visitor()
    found = next((region for region in frame.regions if region.id == chosen), None)
    back = local(request.form.get("next", "/"))
    if found is None:
        who.say("error", "Please choose one of the regions.")
        return to(back)
    try:
        if who.cart:
            services().carts.update(who, {"region_id": found.id})
    except CartGone as gone:
        who.say("info", gone.reason)
    except CartRefused:
        who.say("error", f"Something in your cart can't be bought in {found.name}, so the region stays as it was.")
        return to(back)
    who.choose(found.id)
    return to(back)


def _state(frame: Frame, region: RegionView | None) -> tuple[int, str]:
    return frame.version, region.id if region else ""
