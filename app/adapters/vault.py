"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256) under named keys, the first of which seals. Rotation adds a key in front."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken

from app.domain.errors import VaultError


class FernetVault:
    """`keys` are Fernet keys (32 bytes, URL-safe base64), newest first. A key's id is the start of its hash: it need not be named."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise VaultError("The vault has no key.")
        self._keys = {key_id(key): Fernet(key) for key in keys}
        self._newest = key_id(keys[0])

    def seal(self, plain: Mapping[str, str]) -> tuple[str, bytes]:
        return self._newest, self._keys[self._newest].encrypt(orjson.dumps(dict(plain)))

    def open(self, key_id: str, sealed: bytes) -> Mapping[str, str]:
        fernet = self._keys.get(key_id)
        if fernet is None:
            raise VaultError(
                f"The key {key_id}, with which these credentials were sealed, is not among STOREYARD_VAULT_KEYS.", key_id=key_id
            )
        try:
            return orjson.loads(fernet.decrypt(sealed))
        except InvalidToken as error:
            raise VaultError(f"Credentials sealed with key {key_id} are damaged.", key_id=key_id) from error


def key_id(key: str) -> str:
    """Eight hex digits that name a key without giving it away."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def new_key() -> str:
    """A fresh key for `keys`."""
    return Fernet.generate_key().decode()
