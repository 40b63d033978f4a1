"""What the operator has switched off, for every page's banner: read once per page, and only where a page shows it."""

from __future__ import annotations

from typing import cast

from flask import Flask, g

from app.services.queries import platform_state
from app.services.views import PlatformView
from app.web.current import current
from app.web.htmx import add_global


def platform_notice() -> PlatformView:
    if "platform_notice" not in g:
        g.platform_notice = platform_state(current.services)
    return cast("PlatformView", g.platform_notice)


def install(app: Flask) -> None:
    add_global(app, "platform_notice", platform_notice)
