"""Which names are valid, and that what is made from them always is and never meets another's."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.errors import InvalidIntent
from app.domain.naming import RESERVED, SLUG_MAX, check_slug, format_id, host_label, is_id, namespace_for, skeleton

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123

ids = st.builds(format_id, st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
slugs = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)


@pytest.mark.parametrize(
    ("slug", "rule"),
    [
        pytest.param("", "length", id="nothing"),
        pytest.param("a", "length", id="one character"),
        pytest.param("a" * 41, "length", id="41 characters, one too many"),
        pytest.param("Shop1", "characters", id="a capital: DNS would fold it into another's name"),
        pytest.param("1shop", "characters", id="a leading digit"),
        pytest.param("-shop", "characters", id="a leading dash reads as an option"),
        pytest.param("shop-", "characters", id="a trailing dash"),
        pytest.param("my shop", "characters", id="a space"),
        pytest.param("my_shop", "characters", id="an underscore, which hosts lack"),
        pytest.param("my.shop", "characters", id="a dot would make a second label"),
        pytest.param("shop\n", "characters", id="a trailing newline, which $ would let pass"),
        pytest.param("shop\x00", "characters", id="a null byte"),
        pytest.param("шоп", "characters", id="Cyrillic"),
        pytest.param("m\u0430ple", "characters", id="one Cyrillic letter among Latin ones"),
        pytest.param("\uff53hop", "characters", id="a full-width letter"),
        pytest.param("caf\u00e9", "characters", id="an accent"),
        pytest.param("shop٣", "characters", id="an Arabic digit is a digit to str.isdigit"),
        pytest.param("shop\u200b", "characters", id="a zero-width space"),
        pytest.param("../etc", "characters", id="a path"),
        pytest.param("a;reboot", "characters", id="a shell command"),
        pytest.param("{{name}}", "characters", id="a template"),
        pytest.param("a: b", "characters", id="YAML"),
        pytest.param("xn--caf-dma", "punycode", id="an encoded international name"),
        pytest.param("ab--cd", "punycode", id="any label of that form is kept"),
        pytest.param("admin", "reserved", id="the platform's own"),
        pytest.param("www", "reserved", id="infrastructure"),
        pytest.param("localhost", "reserved", id="this machine"),
        pytest.param("adm1n", "look_alike", id="one for l or i"),
        pytest.param("admln", "look_alike", id="l for i"),
        pytest.param("adrnin", "look_alike", id="r and n look like m"),
        pytest.param("st0re", "look_alike", id="zero for o"),
        pytest.param("log-in", "look_alike", id="a dash within"),
        pytest.param("vvww", "look_alike", id="two v look like w"),
        pytest.param("5upport", "characters", id="a leading digit is refused before its likeness"),
        pytest.param("s3cure", "look_alike", id="3 for e"),
        pytest.param("clocs", "look_alike", id="c and l look like d"),
    ],
)
def test_a_name_that_breaks_a_rule_is_refused_by_that_rule(slug: str, rule: str) -> None:
    with pytest.raises(InvalidIntent) as caught:
        check_slug(slug)
    assert (caught.value.data["field"], caught.value.data["rule"]) == ("slug", rule)


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param("ab", id="the shortest"),
        pytest.param("a" * 40, id="the longest"),
        pytest.param("a1", id="ends with a digit"),
        pytest.param("my-shop", id="a dash"),
        pytest.param("abc--d", id="two dashes, but not in third and fourth place"),
        pytest.param("blue-heron", id="an ordinary name"),
        pytest.param("administer", id="begins like a reserved one"),
        pytest.param("my-admin", id="holds a reserved one"),
    ],
)
def test_a_good_name_is_returned_as_it_is(slug: str) -> None:
    assert check_slug(slug) == slug


def test_about_sixty_names_or_more_are_reserved_and_each_is_refused_in_itself() -> None:
    assert len(RESERVED) >= 60
    for name in RESERVED:
        with pytest.raises(InvalidIntent):
            check_slug(name)


@given(st.text())
def test_any_text_is_either_refused_as_an_invalid_intent_or_a_dns_label(text: str) -> None:
    try:
        check_slug(text)
    except InvalidIntent:
        return
    assert LABEL.fullmatch(text)
    assert len(text) <= SLUG_MAX


@given(slugs, ids, st.booleans())
def test_a_host_label_is_always_a_dns_label(slug: str, store_id: str, free: bool) -> None:
    assert LABEL.fullmatch(host_label(slug, store_id, free=free))


@given(ids, ids)
def test_namespaces_are_valid_labels_and_two_stores_never_share_one(one: str, other: str) -> None:
    assert LABEL.fullmatch(namespace_for(one))
    assert (namespace_for(one) == namespace_for(other)) == (one == other)


@given(slugs, ids, ids)
def test_stores_of_one_slug_get_different_hosts(slug: str, one: str, other: str) -> None:
    assume(one[-6:] != other[-6:])
    assert len({host_label(slug, one, free=True), host_label(slug, one, free=False), host_label(slug, other, free=False)}) == 3


@given(
    st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10), st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10)
)
def test_ids_are_distinct_for_distinct_input_and_sort_as_time_does(one: int, random_one: bytes, other: int, random_other: bytes) -> None:
    first, second = format_id(one, random_one), format_id(other, random_other)
    assert is_id(first)
    assert (first < second) == ((one, random_one) < (other, random_other))
    assert (first == second) == ((one, random_one) == (other, random_other))


@pytest.mark.parametrize(
    ("milliseconds", "randomness"),
    [
        pytest.param(-1, bytes(10), id="before 1970"),
        pytest.param(1 << 48, bytes(10), id="after the year 10889"),
        pytest.param(0, bytes(9), id="too little randomness"),
    ],
)
def test_an_id_is_made_of_48_bits_of_time_and_ten_bytes_or_not_at_all(milliseconds: int, randomness: bytes) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        format_id(milliseconds, randomness)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("0" * 25, id="too short"),
        pytest.param("0" * 25 + "u", id="a letter that Crockford's alphabet lacks"),
        pytest.param("0" * 25 + "A", id="a capital"),
        pytest.param("0" * 26 + "\n", id="a trailing newline"),
        pytest.param(None, id="not text"),
    ],
)
def test_what_is_no_id_is_not_taken_for_one(value: object) -> None:
    assert not is_id(value)


@given(slugs)
def test_reading_a_name_twice_hurriedly_sees_no_more_than_once(slug: str) -> None:
    assert skeleton(skeleton(slug)) == skeleton(slug)
