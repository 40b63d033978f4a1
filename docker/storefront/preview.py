"""Look at the pages without Medusa: the real application on a Store API in memory.

    python preview.py --port 8010 --accent '#b4341f' --name 'Bold Shop'

Templates and assets are read anew with every request. /preview/503, /preview/repair, /preview/404, /preview/429 and /preview/500 show what
is hard to come by; fail@example.com in the checkout makes the payment fail.
"""

# ruff: noqa: E402 - where our modules are must be said first

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

from flask import Flask, Response, abort, send_from_directory
from werkzeug.exceptions import TooManyRequests

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "tests")]

from fake import KEY, PICTURES, FakeStoreApi
from storefront.client import BackendAway
from storefront.factory import create_app
from storefront.services import NAME
from storefront.settings import Settings


def main() -> None:
    options = _options()
    api = FakeStoreApi()
    _vary(api)
    settings = Settings.from_env(
        {
            "BACKEND_URL": "http://backend:9000", "PUBLISHABLE_KEY": KEY, "SIGNING_KEY": "preview" * 6, "STORE_NAME": options.name,
            "PUBLIC_URL": f"http://127.0.0.1:{options.port}", "ACCENT": options.accent, "TAGLINE": options.tagline,
            "INITIAL": options.initial, "ANNOUNCEMENT": options.announcement,
        }
    )  # fmt: skip
    app = create_app(settings, transport=api.transport, reload=True)
    app.extensions[NAME].limits.checkout._tries = app.extensions[NAME].limits.lookup._tries = 10_000  # noqa: SLF001
    _extras(app)
    app.run(port=options.port, threaded=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--name", default="Demo Shop")
    parser.add_argument("--accent", default="")
    parser.add_argument("--tagline", default="Good things for every day")
    parser.add_argument("--initial", default="")
    parser.add_argument("--announcement", default="")
    return parser.parse_args()


def _vary(api: FakeStoreApi) -> None:
    """Stock and options that the demo catalogue doesn't have."""
    api.set_stock("market-tote", "Ink", 0)
    api.set_stock("beeswax-candle", None, 0)
    api.set_stock("orchard-beanie", "Rust", 3)
    for mug in api.each_product("stoneware-mug"):
        price = mug["variants"][0]["calculated_price"]
        price["original_amount"] = price["calculated_amount"] + 6
    for shirt in api.each_product("harbour-linen-shirt"):
        _second_option(shirt)


def _second_option(product: dict[str, object]) -> None:
    option = {"id": "opt_colour", "title": "Colour"}
    product["options"].append(option)  # type: ignore[attr-defined]
    variants = []
    for colour in ("White", "Sky", "Olive"):
        for variant in product["variants"]:  # type: ignore[attr-defined]
            made = copy.deepcopy(variant)
            made["id"] += f"_{colour.lower()}"
            made["title"] = f"{variant['title']} / {colour}"
            made["options"].append({"value": colour, "option_id": option["id"]})
            if (variant["title"], colour) in (("M", "Sky"), ("XL", "Olive")):
                made["inventory_quantity"] = 0
            variants.append(made)
    product["variants"] = variants


def _extras(app: Flask) -> None:
    @app.get("/static/demo/<name>")
    def picture(name: str) -> Response:
        return send_from_directory(PICTURES, name)

    @app.get("/preview/<what>")
    def show(what: str) -> Response:
        if what in ("503", "repair"):
            services = app.extensions[NAME]
            before, services.api.answered_at = services.api.answered_at, None if what == "503" else 1.0
            try:
                return app.ensure_sync(app.error_handler_spec[None][None][BackendAway])(BackendAway("preview"))
            finally:
                services.api.answered_at = before
        if what == "429":
            raise TooManyRequests(retry_after=30)
        if what == "500":
            raise ValueError("preview")
        return abort(404)


if __name__ == "__main__":
    main()
