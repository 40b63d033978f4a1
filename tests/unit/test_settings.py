"""How a shop looks: what may be chosen, and what follows from the store where nothing was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidIntent
from app.domain.settings import (
    PALETTE,
    SETTINGS,
    ShopSettings,
    check_settings,
    contrast_with_white,
    first_grapheme,
    free_accent,
    shop_settings,
    with_wishes,
)

STORE = "01k9store0000000000000demo"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
GERMANY = "\U0001f1e9\U0001f1ea"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"


@pytest.mark.parametrize("colour", PALETTE)
def test_white_text_is_readable_on_every_colour_of_the_palette(colour: str) -> None:
    assert check_settings({"accent": colour}) == {"accent": colour}
    assert contrast_with_white(colour) >= 4.5


# Figures: https://webaim.org/resources/contrastchecker/
@pytest.mark.parametrize(("colour", "contrast"), [("#ffffff", 1.0), ("#000000", 21.0), ("#767676", 4.54), ("#0000ff", 8.59)])
def test_contrast_is_what_wcag_says(colour: str, contrast: float) -> None:
    assert round(contrast_with_white(colour), 2) == contrast


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        pytest.param({"accent": "#0B6E8A"}, "#0b6e8a", id="one notation of a colour"),
        pytest.param({"accent": " #0b6e8a "}, "#0b6e8a", id="pasted with spaces"),
        pytest.param({"accent": ""}, "", id="taken back"),
        pytest.param({"tagline": "  Bread \n since\t1903 "}, "Bread since 1903", id="on one line"),
        pytest.param({"tagline": "x" * 120}, "x" * 120, id="as long as may be"),
        pytest.param({"tagline": " \n "}, "", id="nothing but space"),
        pytest.param({"tagline": "$(ADMIN_PASSWORD) <b>{{ x }}</b>"}, "$(ADMIN_PASSWORD) <b>{{ x }}</b>", id="no place gives it a meaning"),
        pytest.param({"tagline": PERSIAN}, PERSIAN, id="Persian needs its joiner"),
        pytest.param({"announcement": f"Closed {FAMILY}"}, f"Closed {FAMILY}", id="a composed emoji"),
        pytest.param({"announcement": "x" * 200}, "x" * 200, id="an announcement may be longer"),
        pytest.param({"initial": "B"}, "B", id="a letter"),
        pytest.param({"initial": "ß"}, "ß", id="a letter without a capital of one character"),
        pytest.param({"initial": "7"}, "7", id="a digit"),
        pytest.param({"initial": "&"}, "&", id="a symbol"),
        pytest.param({"initial": "e\u0301"}, "é", id="an accent of its own becomes one with its letter"),
        pytest.param({"initial": "x\u0301"}, "x\u0301", id="and stays where there is no such letter"),
        pytest.param({"initial": FAMILY}, FAMILY, id="four people are one character"),
        pytest.param({"initial": GERMANY}, GERMANY, id="a flag"),
        pytest.param({"initial": "\u0031\ufe0f\u20e3"}, "\u0031\ufe0f\u20e3", id="a keycap"),
        pytest.param({"initial": "\U0001f44d\U0001f3fd"}, "\U0001f44d\U0001f3fd", id="a hand with a colour"),
    ],
)
def test_what_may_be_chosen_and_how_it_is_kept(wish: dict[str, str], kept: str) -> None:
    assert list(check_settings(wish).values()) == [kept]


@pytest.mark.parametrize(
    ("wish", "field", "rule"),
    [
        ({"theme": "dark"}, "settings", "known"),
        ({"accent": "red"}, "accent", "colour"),
        ({"accent": "#fff"}, "accent", "colour"),
        ({"accent": "#0b6e8a; color: red"}, "accent", "colour"),
        ({"accent": "#0b6e8g"}, "accent", "colour"),
        ({"accent": "#\uff10b6e8a"}, "accent", "colour"),
        ({"accent": 745098}, "accent", "text"),
        ({"tagline": None}, "tagline", "text"),
        ({"tagline": "x" * 121}, "tagline", "length"),
        ({"tagline": "a\x00b"}, "tagline", "characters"),
        ({"tagline": "a\u202eb"}, "tagline", "characters"),
        ({"tagline": "a\u200bb"}, "tagline", "characters"),
        ({"tagline": "a\ud800"}, "tagline", "characters"),
        ({"announcement": "x" * 201}, "announcement", "length"),
        ({"announcement": "\x1b[31m"}, "announcement", "characters"),
        ({"initial": "AB"}, "initial", "one_character"),
        ({"initial": "A B"}, "initial", "one_character"),
        ({"initial": "\u0301"}, "initial", "one_character"),
        ({"initial": "A\u200d"}, "initial", "one_character"),
        ({"initial": "A\u200dB"}, "initial", "one_character"),
        ({"initial": "\u200d"}, "initial", "one_character"),
        ({"initial": "\x07"}, "initial", "one_character"),
        ({"initial": GERMANY + GERMANY}, "initial", "one_character"),
        ({"initial": "Z" + "\u0335" * 40}, "initial", "one_character"),
    ],
    ids=str,
)
def test_what_may_not_be_chosen_is_refused_by_field_and_rule(wish: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(InvalidIntent) as refused:
        check_settings(wish)
    assert (refused.value.data["field"], refused.value.data["rule"]) == (field, rule)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("name", "initial"),
    [("Bakery", "B"), ("the bakery", "T"), ("'Ada & Co'", "A"), ("💐 Blumen", "B"), ("éclair", "É"), ("ßart", "ß"), ("3 Cats", "3"),
     ("한국", "한"), ("💐", "💐"), ("& Co", "C"), ("†", "†")],
)  # fmt: skip
def test_the_logo_s_letter_is_the_first_of_the_name(name: str, initial: str) -> None:
    assert shop_settings(STORE, name, {}).initial == initial


def test_what_was_chosen_is_shown_and_the_rest_follows_from_the_store() -> None:
    plain = shop_settings(STORE, "Demo", {})
    assert plain == ShopSettings(accent=plain.accent, tagline="", initial="D", announcement="")
    assert plain.accent in PALETTE
    assert shop_settings(STORE, "Demo", {"accent": "#123456", "tagline": "Hi"}) == ShopSettings("#123456", "Hi", "D", "")


def test_rows_with_odd_entries_are_still_shown() -> None:
    odd = {"theme": "dark", "accent": 5, "tagline": ["x"], "initial": None}
    assert shop_settings(STORE, "Demo", odd) == shop_settings(STORE, "Demo", {})


def test_ten_neighbours_have_ten_colours_and_the_eleventh_one_of_them() -> None:
    taken: set[str] = set()
    for _ in PALETTE:
        taken.add(free_accent(STORE, taken))
    assert taken == set(PALETTE)
    assert free_accent(STORE, taken) == free_accent(STORE, ())


def test_ids_spread_over_the_palette() -> None:
    colours = [free_accent(f"{number:026}", ()) for number in range(1000)]
    assert all(50 < colours.count(colour) < 200 for colour in PALETTE)


def test_a_wish_changes_what_it_names_and_an_empty_one_takes_a_choice_back() -> None:
    chosen = with_wishes({}, {"accent": "#123456", "tagline": "Hi", "initial": ""})
    assert chosen == {"accent": "#123456", "tagline": "Hi"}
    assert with_wishes(chosen, {"tagline": ""}) == {"accent": "#123456"}
    assert with_wishes(chosen, {}) == chosen


printable = st.text(st.characters(exclude_categories=("C", "Z", "M")), min_size=1, max_size=80)


@given(printable)
def test_every_derived_initial_might_have_been_chosen(name: str) -> None:
    initial = shop_settings(STORE, name, {}).initial
    assert check_settings({"initial": initial}) == {"initial": initial}


@given(st.text())
def test_checking_twice_is_checking_once(text: str) -> None:
    for field in SETTINGS:
        try:
            checked = check_settings({field: text})
        except InvalidIntent:
            continue
        assert check_settings(checked) == checked


@given(st.text())
def test_a_first_character_is_a_beginning_that_cannot_be_cut_further(text: str) -> None:
    first = first_grapheme(text)
    assert text.startswith(first)
    assert first_grapheme(first) == first
    assert bool(first) == bool(text)
