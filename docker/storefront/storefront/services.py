"""Everything a request needs, wired once per process; nothing connects before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import httpx
from flask import current_app, g, has_request_context, request

from storefront.assets import Assets
from storefront.cart import Carts
from storefront.catalogue import Catalogue
from storefront.checkout import Checkout
from storefront.client import StoreApi
from storefront.limits import Limiter
from storefront.orders import Orders
from storefront.products import Frame
from storefront.render import Pages
from storefront.settings import Settings
from storefront.views import Message, RegionView, ShopView
from storefront.visitor import Visitor, Visitors

NAME = "storefront"


@dataclass(frozen=True)
class Limits:
    """Tries per minute and address."""

    cart: Limiter
    checkout: Limiter
    lookup: Limiter


@dataclass(frozen=True)
class Services:
    settings: Settings
    api: StoreApi
    catalogue: Catalogue
    carts: Carts
    checkout: Checkout
    orders: Orders
    visitors: Visitors
    pages: Pages
    assets: Assets
    limits: Limits

    def bare(self) -> ShopView:
        """The shop without what only Medusa knows."""
        it = self.settings
        return ShopView(it.store_name, it.tagline, it.initial, it.accent, it.announcement, it.public_url)

    def shop(self, frame: Frame, region: RegionView | None) -> ShopView:
        it = self.settings
        return ShopView(
            it.store_name, it.tagline, it.initial, it.accent, it.announcement, it.public_url, frame.regions, region, frame.roots
        )  # fmt: skip


def build(settings: Settings, *, transport: httpx.BaseTransport | None = None, reload: bool = False) -> Services:
    api = StoreApi(settings.backend_url, settings.publishable_key, transport=transport, waited=_note)
    assets = Assets(reload=reload)
    return Services(
        settings, api, Catalogue(api, hosts=(settings.public_url, settings.backend_url)), Carts(api), Checkout(api), Orders(api),
        Visitors(settings), Pages(asset=assets.url, reload=reload), assets,
        Limits(cart=Limiter(120, 60), checkout=Limiter(60, 60), lookup=Limiter(8, 60)),
    )  # fmt: skip


def _note(seconds: float) -> None:
    if has_request_context():
        g.waited = g.get("waited", 0.0) + seconds


def services() -> Services:
    return cast("Services", current_app.extensions[NAME])


def visitor() -> Visitor:
    """Of this request; its cookie is read when first asked for, and written at the end if it changed."""
    if "visitor" not in g:
        g.visitor = services().visitors.read(request)
    return cast("Visitor", g.visitor)


def client_address() -> str:
    """Of whoever sent this request, as the proxy in front of us saw it."""
    return request.remote_addr or ""


class OwnParts:
    """The visitor's parts of a page."""

    def __init__(self, of: Visitor, visitors: Visitors) -> None:
        self._of, self._visitors = of, visitors

    @property
    def count(self) -> int:
        return self._of.count

    @property
    def csrf(self) -> str:
        return self._visitors.csrf(self._of)

    def take_messages(self) -> tuple[Message, ...]:
        return self._of.take_messages()
