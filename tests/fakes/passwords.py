"""Passwords hashed quickly, by a hash that a test can tell from the plain text and from one made earlier."""

from __future__ import annotations

import hashlib


class FakePasswords:
    def __init__(self, made: str = "now") -> None:
        self.made = made

    def hash(self, plain: str) -> str:
        return f"{self.made}${hashlib.sha256(plain.encode()).hexdigest()}"

    def matches(self, hashed: str, plain: str) -> bool:
        return hashed.partition("$")[2] == hashlib.sha256(plain.encode()).hexdigest()

    def outdated(self, hashed: str) -> bool:
        return not hashed.startswith(f"{self.made}$")
