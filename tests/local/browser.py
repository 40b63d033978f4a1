"""A real browser for the shop's tests: Debian's Chromium, driven by Playwright. It may not speak to anybody but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

ARTEFACTS = Path(os.environ.get("STOREYARD_TEST_ARTEFACTS", Path(__file__).resolve().parents[2] / ".storeyard-test" / "screenshots"))


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("STOREYARD_TEST_CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("no Chromium: apt install chromium, or name one by STOREYARD_TEST_CHROMIUM")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """A page of a visitor with cookies of his own. Whatever it asks of another host than `address` fails the test."""
    context: BrowserContext = browser.new_context(base_url=address, **options)  # type: ignore[arg-type]
    strange: list[str] = []
    faults: list[str] = []

    def seen(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(address).netloc:
            strange.append(request.url)

    context.on("request", seen)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" and "Security Policy" in said.text else None)
    try:
        yield page
    finally:
        context.close()
    assert strange == [], "a page asked another host"
    assert faults == [], "a page's script failed, or its policy was broken"


def keep(page: Page, name: str) -> None:
    """A picture of the whole page, for people to look at."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
