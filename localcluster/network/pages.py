"""What Caddy answers by itself: short pages, as its handlers. Nothing of the request is repeated in them."""

from __future__ import annotations

from typing import Any

NO_SHOP = ("No shop here", "No shop has this address. Is it spelled right? A new shop has its address a moment after it was made.")
NOTHING_HERE = ("Nothing here", "This shop has no page at this path.")
AWAY = ("Back in a moment", "This shop is starting, or it has been stopped. Try again in a few seconds.")
BROKEN = ("No answer", "This shop did not answer. Try again in a few seconds.")

_HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""

RETRY_SECONDS = 2


def page(words: tuple[str, str], status: int | str) -> list[dict[str, Any]]:
    """Handlers that answer with a page. `status` may be a placeholder of Caddy's."""
    title, text = words
    headers = {"Content-Type": ["text/html; charset=utf-8"], "Cache-Control": ["no-store"]}
    if status != 404:
        headers["Retry-After"] = [str(RETRY_SECONDS)]
    return [{"handler": "static_response", "status_code": status, "headers": headers, "body": _HTML.format(title=title, text=text)}]
