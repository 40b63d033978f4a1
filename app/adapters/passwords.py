"""Passwords as Argon2id hashes. A hash takes 19 MiB and about 50 ms; no more than two are made at a time, so that a rush of log-ins
takes turns instead of the machine's memory.

Parameters: OWASP Password Storage Cheat Sheet (m=19 MiB, t=2, p=1). They stand in each hash, so that they may grow later.
"""

from __future__ import annotations

import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2


class Argon2Passwords:
    """Shared by the threads of a process."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turns = BoundedSemaphore(AT_ONCE)

    def hash(self, plain: str) -> str:
        with self._turns:
            return self._hasher.hash(_bytes(plain))

    def matches(self, hashed: str, plain: str) -> bool:
        try:
            with self._turns:
                return self._hasher.verify(hashed, _bytes(plain))
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, hashed: str) -> bool:
        try:
            return self._hasher.check_needs_rehash(hashed)
        except InvalidHashError:
            return True


def _bytes(plain: str) -> bytes:
    """One form of each letter: keyboards differ in whether ü is one character or two. What no keyboard writes matches nothing."""
    return unicodedata.normalize("NFC", plain).encode(errors="backslashreplace")
