"""What a store's storefront is told by its environment. All problems are named at once, and no value is repeated: some are secrets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_ACCENT = "#2f5d50"
LONGEST = {"STORE_NAME": 100, "TAGLINE": 200, "ANNOUNCEMENT": 300}


class SettingsError(Exception):
    """The environment can't be used; the message names everything that is wrong, in one line."""


@dataclass(frozen=True)
class Settings:
    """`public_url` and `backend_url` have no slash at their end. `accent` is #rrggbb in lower case."""

    backend_url: str
    publishable_key: str
    signing_key: str
    store_name: str
    public_url: str
    accent: str = DEFAULT_ACCENT
    tagline: str = ""
    initial: str = ""
    announcement: str = ""

    @property
    def secure(self) -> bool:
        """Whether browsers reach the shop by https."""
        return self.public_url.startswith("https:")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        found = [
            f"{name} is missing ({expected})" if not env.get(name) else f"{name} is not {expected}"
            for name, (check, expected) in REQUIRED.items()
            if not env.get(name) or not check(env[name])
        ]
        accent, initial = env.get("ACCENT") or DEFAULT_ACCENT, env.get("INITIAL") or ""
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
            found.append("ACCENT is not a colour such as #2f5d50")
        if initial and not is_one_character(initial):
            found.append("INITIAL is not one character")
        found.extend(f"{name} is longer than {most} characters" for name, most in LONGEST.items() if len(env.get(name, "")) > most)
        found.extend(port_problems(env))
        if found:
            raise SettingsError("; ".join(found))
        name = env["STORE_NAME"].strip()
        return cls(
            env["BACKEND_URL"].rstrip("/"), env["PUBLISHABLE_KEY"], env["SIGNING_KEY"], name, env["PUBLIC_URL"].rstrip("/"),
            accent.lower(), env.get("TAGLINE", "").strip(), initial or first_character(name).upper(), env.get("ANNOUNCEMENT", "").strip(),
        )  # fmt: skip


def port_problems(env: Mapping[str, str]) -> list[str]:
    port = env.get("PORT") or "8000"
    return [] if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else ["PORT is not a number from 1 to 65535"]


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        return False


def first_character(text: str) -> str:
    """The first character as a reader counts them: with its accents, and a joined emoji as one."""
    length = 1
    while length < len(text) and _belongs(text[length - 1], text[length], length):
        length += 1
    return text[:length]


def is_one_character(text: str) -> bool:
    return bool(text.strip()) and first_character(text) == text


def _belongs(before: str, char: str, position: int) -> bool:
    joiner, flags, skin = "\u200d", range(0x1F1E6, 0x1F200), range(0x1F3FB, 0x1F400)
    return (
        joiner in (before, char)
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
        or ord(char) in skin
        or (position == 1 and ord(before) in flags and ord(char) in flags)
    )


# by name: a check, and what is expected in words
REQUIRED = {
    "BACKEND_URL": (_is_address, "the address of Medusa, such as http://backend:9000"),
    "PUBLISHABLE_KEY": (lambda value: re.fullmatch(r"pk_\w{16,}", value, re.ASCII) is not None, "pk_ and at least 16 letters or digits"),
    "SIGNING_KEY": (lambda value: len(value) >= 32, "a random string of at least 32 characters"),
    "STORE_NAME": (lambda value: bool(value.strip()), "the shop's name"),
    "PUBLIC_URL": (_is_address, "the shop's address, such as https://shop.example.com"),
}
