"""Tokens of cookies and links: random, and kept as a hash alone, so that whoever reads the database can use none."""

from __future__ import annotations

import hashlib
import hmac
import secrets

# Bytes of randomness: nobody guesses one, so that a plain SHA-256 is enough.
_BYTES = 32
# What is longer than any token of ours is not looked up.
_LONGEST = 200


def new_token() -> tuple[str, bytes]:
    """The token, 43 characters that need no escaping in a link, and its hash."""
    token = secrets.token_urlsafe(_BYTES)
    return token, token_hash(token)


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token[:_LONGEST].encode(errors="replace")).digest()


def csrf_of(token: str) -> str:
    """What a form of the session proves itself with. From it the token cannot be found."""
    return hmac.new(token.encode(errors="replace"), b"csrf", hashlib.sha256).hexdigest()
