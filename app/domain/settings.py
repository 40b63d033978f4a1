"""What a merchant may say about how a shop looks: a colour, a line under its name, the letter of its logo, an announcement.

A row keeps what was chosen, and from its creation on a colour that none of the tenant's other shops has, as long as there are enough. The
rest follows from the store, so that a shop looks like something before anybody has chosen.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidIntent

TAGLINE_MAX, ANNOUNCEMENT_MAX = 120, 200
# A family of four is one character to its reader and up to this many to a computer.
GRAPHEME_MAX = 12

# White text reads well on each of them: a contrast of at least 4.5 to 1, level AA of WCAG 2.2, 1.4.3.
PALETTE = ("#b4235a", "#0b6e8a", "#8a4b08", "#3f6212", "#5b3fb8", "#b3331f", "#00695c", "#1d4ed8", "#86198f", "#4a5568")

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_JOINER = "\u200d"
_JOINERS = re.compile("[\u200c\u200d]")  # parts of words in Persian and Hindi, and of composed emoji


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """How a shop looks: `accent` as #rrggbb, `initial` one character as people count them, the texts on one line, possibly empty."""

    accent: str
    tagline: str
    initial: str
    announcement: str


def shop_settings(store_id: str, name: str, chosen: Mapping[str, Any]) -> ShopSettings:
    """What the shop shows: what was chosen, and for the rest what follows from the store. Total: an unknown or odd entry is passed over."""
    known = {field: value for field in SETTINGS if isinstance(value := chosen.get(field), str) and value}
    return ShopSettings(
        accent=known.get("accent") or PALETTE[_place(store_id)],
        tagline=known.get("tagline", ""),
        initial=known.get("initial") or _initial_of(name),
        announcement=known.get("announcement", ""),
    )


def free_accent(store_id: str, taken: Collection[str]) -> str:
    """A colour for a new store: that of its id or, where neighbours have that one, the next that none has."""
    first = _place(store_id)
    turned = PALETTE[first:] + PALETTE[:first]
    return next((colour for colour in turned if colour not in taken), turned[0])


def check_settings(wishes: Mapping[str, Any]) -> dict[str, str]:
    """The wishes in the form in which they are kept; an empty text takes a choice back. InvalidIntent names field and rule."""
    if unknown := sorted(str(field) for field in wishes if field not in SETTINGS):
        raise InvalidIntent(
            f"There is no setting {unknown[0]!r}. There are: {', '.join(SETTINGS)}.", field="settings", rule="known", known=list(SETTINGS)
        )
    checked: dict[str, str] = {}
    for field, value in wishes.items():
        if not isinstance(value, str):
            raise InvalidIntent(f"The {field} must be a text.", field=field, rule="text")
        text = " ".join(unicodedata.normalize("NFC", value).split())
        checked[field] = SETTINGS[field](text) if text else ""
    return checked


def with_wishes(chosen: Mapping[str, Any], wishes: Mapping[str, str]) -> dict[str, Any]:
    """What is chosen once checked wishes are met."""
    return {field: value for field, value in {**chosen, **wishes}.items() if value != ""}


def contrast_with_white(colour: str) -> float:
    """From 1 (white) to 21 (black), as WCAG 2.2 defines it: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in bytes.fromhex(colour.removeprefix("#")))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def first_grapheme(text: str) -> str:
    """What a reader takes for the first character, nearly as Unicode's annex 29 cuts it: with accents, a whole emoji, flag or keycap.

    Never longer than what the storefront takes for one (docker/storefront/storefront/settings.py), which would not start else.
    """
    taken = text[:1]
    for character in text[1:]:
        joined = taken.endswith(_JOINER) and not taken[0].isalnum()
        flag = len(taken) == 1 and _is_regional(taken) and _is_regional(character)
        if not (joined or flag or character == _JOINER or _extends(character)):
            break
        taken += character
    return taken


def _is_regional(character: str) -> bool:
    """A half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _extends(character: str) -> bool:
    """An accent or vowel sign, a choice of form, a skin's colour."""
    return unicodedata.category(character).startswith("M") or "\U0001f3fb" <= character <= "\U0001f3ff"


def _place(store_id: str) -> int:
    return zlib.crc32(store_id.encode()) % len(PALETTE)


def _initial_of(name: str) -> str:
    """The first letter or digit, in upper case where that is one character as well; without any, whatever comes first."""
    text = unicodedata.normalize("NFC", name).strip()
    start = next((position for position, character in enumerate(text) if character.isalnum()), 0)
    initial = first_grapheme(text[start:])[:GRAPHEME_MAX]
    return upper if first_grapheme(upper := initial.upper()) == upper else initial


def _is_plain(text: str) -> bool:
    """Printable, with nothing that turns the direction of the text or hides."""
    return _JOINERS.sub("", text).isprintable()


def _check_accent(text: str) -> str:
    colour = text.lower()
    if not _COLOUR.fullmatch(colour):
        raise InvalidIntent("The accent is a colour written as #rrggbb, such as #0b6e8a.", field="accent", rule="colour")
    return colour


def _check_initial(text: str) -> str:
    visible = text[:1].isprintable() and not unicodedata.category(text[0]).startswith("M")
    if not visible or len(text) > GRAPHEME_MAX or first_grapheme(text) != text or text.endswith(_JOINER):
        raise InvalidIntent("The initial is one letter, digit or symbol.", field="initial", rule="one_character")
    return text


def _check_line(field: str, most: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > most:
            raise InvalidIntent(
                f"The {field} has at most {most} characters; this one has {len(text)}.", field=field, rule="length", most=most
            )
        if not _is_plain(text):
            raise InvalidIntent(f"The {field} holds characters that cannot be shown.", field=field, rule="characters")
        return text

    return check


# Each setting with its rule, in the order in which people read them.
SETTINGS: Mapping[str, Callable[[str], str]] = {
    "accent": _check_accent,
    "tagline": _check_line("tagline", TAGLINE_MAX),
    "initial": _check_initial,
    "announcement": _check_line("announcement", ANNOUNCEMENT_MAX),
}
