"""A store's secrets: made once, at creation, as its engine's release specifies them."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Mapping

from app.domain.engines import SecretSpec

_LETTERS = string.ascii_letters + string.digits


def make_credentials(specs: Iterable[SecretSpec], store: Mapping[str, str]) -> dict[str, str]:
    """One value per spec. `store` holds what a `literal` may name: id, tenant_id, slug, name, host, namespace."""
    return {spec.name: _make(spec, store) for spec in specs}


def _make(spec: SecretSpec, store: Mapping[str, str]) -> str:
    match spec.form:
        case "password":
            return spec.prefix + "".join(secrets.choice(_LETTERS) for _ in range(spec.length))
        case "hex":
            return spec.prefix + secrets.token_hex((spec.length + 1) // 2)[: spec.length]
        case "literal":
            return spec.prefix + spec.value.format_map(store)
