"""The shop's own colour as a stylesheet, with inks that can be read on it and on the page whatever the merchant chose (WCAG 2.2)."""

from __future__ import annotations

from functools import lru_cache

Rgb = tuple[int, int, int]

LIGHT_PAGE, DARK_PAGE = "#f4f2ee", "#1c1d20"  # the darkest light and the lightest dark surface that text in the accent stands on
INKS = ("#ffffff", "#000000")
READABLE = 4.6


@lru_cache(maxsize=8)
def stylesheet(accent: str) -> str:
    """`accent` is #rrggbb."""
    return f"{_rules(accent, LIGHT_PAGE)}@media (prefers-color-scheme: dark) {{\n{_rules(accent, DARK_PAGE)}}}\n"


def _rules(accent: str, page: str) -> str:
    return f":root {{\n  --accent: {accent};\n  --accent-ink: {ink(accent)};\n  --accent-text: {readable(accent, page)};\n}}\n"


def ink(background: str) -> str:
    """Black or white, whichever is read more easily on it."""
    return max(INKS, key=lambda colour: contrast(colour, background))


def readable(colour: str, page: str) -> str:
    """The colour, mixed with black (or white, on a dark page) until it can be read there."""
    target = 0 if luminance(page) > 0.5 else 255
    for step in range(0, 101, 2):
        mixed: Rgb = tuple(round(part + (target - part) * step / 100) for part in rgb(colour))  # type: ignore[assignment]
        text = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(text, page) >= READABLE:
            return text
    return ink(page)


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
