"""Pages as bytes: most of a page is the same for every visitor of a region, and is kept; what is the visitor's own is put into its gaps.

A template writes `{{ slot.cart_link }}`, `{{ slot.messages }}` or `{{ slot.csrf }}`: marks that no text of a shop can contain, since they
are made at random when the process starts. `Pages.fill` replaces them.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from storefront.views import Message

FOLDER = Path(__file__).with_name("templates")
MOST_PAGES = 200

Skeleton = tuple[str, ...]  # text, name of a slot, text, …


class Own(Protocol):
    """What of a page belongs to its visitor."""

    @property
    def count(self) -> int: ...
    @property
    def csrf(self) -> str: ...
    def take_messages(self) -> tuple[Message, ...]: ...


class Slots:
    """The marks, as templates write them."""

    def __init__(self, nonce: str) -> None:
        self.cart_link, self.messages, self.csrf = (Markup(f"<!--{nonce}:{name}-->") for name in ("cart_link", "messages", "csrf"))  # noqa: S704 - hexadecimal


class Pages:
    def __init__(self, *, asset: Callable[[str], str], reload: bool = False, folder: Path = FOLDER) -> None:
        nonce = secrets.token_hex(8)
        self._marks = re.compile(f"<!--{nonce}:([a-z_]+)-->")
        self._reload = reload
        self.environment = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            auto_reload=reload,
        )  # fmt: skip
        own: dict[str, Any] = {"asset": asset, "slot": Slots(nonce)}
        self.environment.globals.update(own)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Skeleton] = OrderedDict()
        self._cart_link = lru_cache(maxsize=64)(self._render_cart_link)

    def compile(self) -> None:
        """Load every template, so that no visitor waits for it and a broken one is noticed at the start."""
        for name in self.environment.list_templates(extensions=["html"]):
            self.environment.get_template(name)

    def skeleton(self, template: str, context: dict[str, Any]) -> Skeleton:
        return tuple(self._marks.split(self.environment.get_template(template).render(context)))

    def kept(self, key: Hashable, make: Callable[[], Skeleton]) -> Skeleton:
        """The skeleton at `key`, which must change whenever anything in it does."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None and not self._reload:
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MOST_PAGES:
                self._kept.popitem(last=False)
        return made

    def fill(self, skeleton: Skeleton, own: Own) -> str:
        made = {
            "csrf": lambda: self.csrf(own),
            "cart_link": lambda: self.cart_link(own.count),
            "messages": lambda: self.messages(own.take_messages()),
        }
        texts: dict[str, str] = {}
        parts = list(skeleton)
        for place in range(1, len(parts), 2):
            name = parts[place]
            if name not in texts:
                texts[name] = made[name]()
            parts[place] = texts[name]
        return "".join(parts)

    def csrf(self, own: Own) -> str:
        return f'<input type="hidden" name="csrf" value="{own.csrf}">'

    def cart_link(self, count: int, *, oob: bool = False) -> str:
        return self._render_cart_link(count, oob) if self._reload else self._cart_link(count, oob)

    def _render_cart_link(self, count: int, oob: bool) -> str:
        return self.environment.get_template("_cart_link.html").render(count=count, oob=oob)

    def messages(self, messages: tuple[Message, ...], *, oob: bool = False) -> str:
        return self.environment.get_template("_messages.html").render(messages=messages, oob=oob)
