"""What a browser carries for its visitor: one signed cookie.

It has the cart's id and count, the region, recent orders, and messages to show once; the server keeps nothing. The signature is made with
the store's own key and its publishable key, so a cookie of another store is worthless here. Nothing in it is secret: it is signed, not
encrypted.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from storefront.settings import Settings
from storefront.views import Message

MAX_AGE = 60 * 24 * 3600
RECENT_ORDERS = 5
MESSAGES = 3
KINDS: dict[str, Literal["success", "info", "error"]] = {"s": "success", "i": "info", "e": "error"}
TAMPERED = "We could not read this browser's shop cookie, so your visit starts afresh. Nothing was ordered."


@dataclass
class Visitor:
    """Changed by the request that is served; `changed` tells that a new cookie must be sent."""

    id: str
    region: str = ""
    cart: str = ""
    count: int = 0
    orders: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    changed: bool = field(default=False, compare=False)

    def say(self, kind: Literal["success", "info", "error"], text: str) -> None:
        """A message for the next page that is shown."""
        self.messages = (*self.messages, Message(kind, text))[-MESSAGES:]
        self.changed = True

    def take_messages(self) -> tuple[Message, ...]:
        taken, self.messages = self.messages, ()
        self.changed = self.changed or bool(taken)
        return taken

    def choose(self, region: str) -> None:
        self.region, self.changed = region, True

    def has(self, cart: str, count: int) -> None:
        if (cart, count) != (self.cart, self.count):
            self.cart, self.count, self.changed = cart, count, True

    def ordered(self, order: str) -> None:
        """The cart has become this order."""
        self.orders = (*(known for known in self.orders if known != order), order)[-RECENT_ORDERS:]
        self.cart, self.count, self.changed = "", 0, True

    def may_see(self, order: str) -> None:
        self.orders = (*(known for known in self.orders if known != order), order)[-RECENT_ORDERS:]
        self.changed = True


class Visitors:
    """Reads and writes the cookie, and signs what forms and links carry."""

    def __init__(self, settings: Settings) -> None:
        self._salt = settings.publishable_key
        self._key = settings.signing_key
        self._secure = settings.secure
        self._cookie = self._signer("visitor")

    @staticmethod
    def name(*, secure: bool) -> str:
        return "__Host-shop" if secure else "shop"

    def read(self, request: Request) -> Visitor:
        """The visitor of the cookie, or a new one. A cookie that isn't ours leaves a message."""
        raw = request.cookies.get(self.name(secure=self._is_secure(request)))
        if raw is None:
            return Visitor(secrets.token_urlsafe(12), changed=True)
        try:
            return _from_cookie(self._cookie.loads(raw))
        except (BadSignature, LookupError, TypeError, ValueError):
            visitor = Visitor(secrets.token_urlsafe(12))
            visitor.say("error", TAMPERED)
            return visitor

    def write(self, visitor: Visitor, request: Request, response: Response) -> None:
        secure = self._is_secure(request)
        response.set_cookie(
            self.name(secure=secure), self._cookie.dumps(_to_cookie(visitor)), max_age=MAX_AGE, path="/", secure=secure, httponly=True,
            samesite="Lax",
        )  # fmt: skip

    def csrf(self, visitor: Visitor) -> str:
        """What the visitor's forms carry; no other site can read it, and no other visitor's fits."""
        return hmac.new(self._key.encode(), f"csrf:{self._salt}:{visitor.id}".encode(), hashlib.sha256).hexdigest()[:40]

    def csrf_fits(self, visitor: Visitor, given: str) -> bool:
        return hmac.compare_digest(self.csrf(visitor).encode(), given.encode())

    def sign(self, purpose: str, value: Any) -> str:
        return self._signer(purpose).dumps(value)

    def signed(self, purpose: str, text: str) -> Any:
        """What was signed for this purpose, or None."""
        try:
            return self._signer(purpose).loads(text)
        except BadSignature:
            return None

    def _signer(self, purpose: str) -> URLSafeSerializer:
        digest: Callable[..., Any] = hashlib.sha256
        return URLSafeSerializer(
            self._key, salt=f"{purpose}:{self._salt}", signer_kwargs={"digest_method": digest, "key_derivation": "hmac"}
        )

    def _is_secure(self, request: Request) -> bool:
        return self._secure or request.is_secure


def _to_cookie(visitor: Visitor) -> dict[str, Any]:
    values = {
        "i": visitor.id, "r": visitor.region, "c": visitor.cart, "n": visitor.count, "o": list(visitor.orders),
        "m": [[message.kind[0], message.text] for message in visitor.messages],
    }  # fmt: skip
    return {name: value for name, value in values.items() if value}


def _from_cookie(values: dict[str, Any]) -> Visitor:
    return Visitor(
        values["i"], values.get("r", ""), values.get("c", ""), int(values.get("n", 0)), tuple(values.get("o", ())),
        tuple(Message(KINDS[kind], text) for kind, text in values.get("m", ())),
    )  # fmt: skip
