"""Ids in addresses: `<ulid:store_id>` takes what an id may look like, so that nothing else ever reaches a query."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import BaseConverter, Map, ValidationError

from app.domain.naming import is_id


class UlidConverter(BaseConverter):
    """An id as app.domain.naming writes it. Anything else is an address that does not exist."""

    regex = "[0-9a-z]{26}"

    def to_python(self, value: str) -> Any:
        if not is_id(value):
            raise ValidationError
        return value


class SecretConverter(BaseConverter):
    """A token of an invite or a reset link: URL-safe base64 of some length. Never logged, never shown."""

    regex = r"[A-Za-z0-9_.-]{16,200}"


def install(url_map: Map) -> None:
    url_map.converters.update(ulid=UlidConverter, secret=SecretConverter)
