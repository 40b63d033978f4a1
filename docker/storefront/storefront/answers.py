"""How views answer: a whole page, a fragment for htmx, or a redirect after a form."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from flask import Response, request

from storefront.products import Frame
from storefront.render import Skeleton
from storefront.services import OwnParts, services, visitor
from storefront.views import PageMeta, RegionView, ShopView

HTML = "text/html; charset=utf-8"


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page. History and swaps of the whole body get the page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Request-Type", "partial") == "partial"
        and headers.get("HX-History-Restore-Request") != "true"
        and headers.get("HX-Boosted") != "true"
    )


def surroundings() -> tuple[Frame, RegionView | None, ShopView]:
    """What every page shows around its own matter. Raises BackendError."""
    shop = services()
    frame = shop.catalogue.frame()
    region = frame.region(visitor().region)
    return frame, region, shop.shop(frame, region)


def here() -> str:
    """The path of this page, with its query: where the region form comes back to."""
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def page(template: str, shop: ShopView, meta: PageMeta, *, status: int = 200, path: str | None = None, **context: Any) -> Response:
    skeleton = services().pages.skeleton(template, {"shop": shop, "page": meta, "path": path or here(), **context})
    return _respond(skeleton, status)


def kept_page(key: Hashable, make: Callable[[], tuple[str, ShopView, PageMeta, str, dict[str, Any]]]) -> Response:
    """A page that is the same for every visitor as long as `key` is. `make`: template, shop, meta, path and context."""

    def skeleton() -> Skeleton:
        template, shop, meta, path, context = make()
        return services().pages.skeleton(template, {"shop": shop, "page": meta, "path": path, **context})

    return _respond(services().pages.kept(key, skeleton), 200)


def fragment(template: str, *, status: int = 200, oob: bool = False, **context: Any) -> Response:
    """A part of a page. `oob`: with the header's count and the messages, for whatever may have changed them."""
    pages, who = services().pages, visitor()
    own = OwnParts(who, services().visitors)
    text = pages.fill(pages.skeleton(template, context), own)
    if oob:
        text += pages.cart_link(who.count, oob=True) + pages.messages(who.take_messages(), oob=True)
    return _html(text, status)


def to(path: str) -> Response:
    """See other: what follows a form. htmx is told to go there as well, since a fragment of another page would be of no use to it."""
    if wants_fragment():
        response = _html("", 200)
        response.headers["HX-Redirect"] = path
        return response
    return Response("", 303, {"Location": path})


def _respond(skeleton: Skeleton, status: int) -> Response:
    return _html(services().pages.fill(skeleton, OwnParts(visitor(), services().visitors)), status)


def _html(text: str, status: int) -> Response:
    response = Response(text, status, content_type=HTML)
    response.headers["Vary"] = "HX-Request, HX-Request-Type, Cookie"
    return response
