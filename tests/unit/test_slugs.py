"""A store's name becomes an address that keeps the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.naming import check_slug
from app.services.slugs import slug_of


@pytest.mark.parametrize(
    ("name", "slug", "reason"),
    [
        ("Harbour Linen", "harbour-linen", "spaces become dashes"),
        ("  Café Müller & Söhne ", "cafe-muller-sohne", "accents are dropped, signs are not spelled"),
        ("Straße", "strasse", "letters that do not decompose are spelled"),
        ("24 Hours", "shop-24-hours", "a slug begins with a letter"),
        ("Mia's Shop", "mias-shop", "an apostrophe joins"),
        ("Admin", "admin-shop", "a reserved word gets a companion"),
        ("x", "x-shop", "one letter is too short"),
        ("日本", "", "nothing Latin: the merchant chooses"),
        ("!!!", "", "nothing at all"),
        ("a" * 60, "a" * 40, "it is cut at the longest length"),
    ],
)
def test_a_name_suggests_a_slug(name: str, slug: str, reason: str) -> None:
    assert slug_of(name) == slug, reason


@given(st.text(max_size=90))
def test_whatever_is_suggested_keeps_the_rules(name: str) -> None:
    if slug := slug_of(name):
        check_slug(slug)
