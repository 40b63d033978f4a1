"""A vault that seals by reversing: unreadable enough for a test to notice a secret that was stored open."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.domain.errors import VaultError


class FakeVault:
    def __init__(self, key_id: str = "fake-1") -> None:
        self.key_id = key_id

    def seal(self, plain: Mapping[str, str]) -> tuple[str, bytes]:
        return self.key_id, json.dumps(dict(plain)).encode()[::-1]

    def open(self, key_id: str, sealed: bytes) -> Mapping[str, str]:
        if key_id != self.key_id:
            raise VaultError(f"no key {key_id}", key_id=key_id)
        return json.loads(sealed[::-1])
