"""What can be said of a store's name before it is asked for. Decided again, under locks, when the store is made."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from app.domain.errors import InvalidIntent
from app.domain.naming import SLUG_MAX, SLUG_MIN, check_slug
from app.domain.stores import DesiredState
from app.models import Store
from app.services.context import Services
from app.services.create_store import host_is_free

_TRIES = 50


@dataclass(frozen=True, slots=True)
class SlugAnswer:
    """`taken`: by a store of this tenant. `url` is the address it would get; without `host_free` characters are added, shown as `…`."""

    taken: bool
    host_free: bool
    url: str


def slug_answer(services: Services, *, tenant_id: str, slug: str) -> SlugAnswer:
    """For a slug that keeps the rules."""
    with services.sessions.tenant(tenant_id) as session:
        wanted = select(Store.id).where(Store.slug == slug, Store.desired_state != DesiredState.ABSENT)
        taken = session.scalar(wanted.limit(1)) is not None
        free = host_is_free(session, services, {"tenant_id": tenant_id, "slug": slug}, now=services.clock.now())
    label = slug if free else f"{slug}-…"
    return SlugAnswer(taken, free, services.profile.public_url(f"{label}.{services.profile.store_domain}"))


def suggest_slug(services: Services, *, tenant_id: str, name: str) -> str:
    """A slug of the name that keeps the rules and that the tenant does not use yet; "" where the name has no letter to make one of."""
    base = slug_of(name)
    if not base:
        return ""
    with services.sessions.tenant(tenant_id) as session:
        near = select(Store.slug).where(
            Store.slug.startswith(base[: SLUG_MAX - 5], autoescape=True), Store.desired_state != DesiredState.ABSENT
        )
        taken = set(session.scalars(near.limit(1000)))
    return next((slug for slug in _variants(base) if slug not in taken), "")


def slug_of(name: str) -> str:
    """The name's Latin letters and digits, joined by dashes; a rule of names that it breaks is mended. Pure; "" where nothing is left."""
    spelled = name.casefold().replace("ß", "ss").replace("æ", "ae").replace("ø", "o").replace("đ", "d").replace("ł", "l").replace("'", "")
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug:
        return ""
    if not slug[0].isalpha():
        slug = f"shop-{slug}"
    if slug[2:4] == "--":
        slug = slug.replace("--", "-")
    slug = slug[:SLUG_MAX].rstrip("-")
    return slug if _allowed(slug) else next((changed for changed in _variants(slug, ("shop", "store", "co")) if _allowed(changed)), "")


def _variants(base: str, ends: tuple[str, ...] | None = None) -> Iterator[str]:
    if ends is None:
        yield base
    for end in ends or tuple(str(number) for number in range(2, _TRIES)):
        yield f"{base[: SLUG_MAX - len(end) - 1].rstrip('-')}-{end}"


def _allowed(slug: str) -> bool:
    try:
        check_slug(slug)
    except InvalidIntent:
        return False
    return len(slug) >= SLUG_MIN
