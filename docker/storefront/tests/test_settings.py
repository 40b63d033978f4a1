from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENVIRONMENT
from storefront.settings import Settings, SettingsError

FOLDER = Path(__file__).parents[1]


def test_the_least_that_is_needed_gives_sensible_settings() -> None:
    settings = Settings.from_env({name: value for name, value in ENVIRONMENT.items() if name != "TAGLINE"})
    assert (settings.initial, settings.tagline, settings.announcement, settings.accent) == ("D", "", "", "#2f5d50")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND_URL", ""), ("BACKEND_URL", "backend:9000"), ("BACKEND_URL", "ftp://backend"), ("BACKEND_URL", "http://backend:99999"),
        ("PUBLISHABLE_KEY", "sk_0123456789abcdef"), ("PUBLISHABLE_KEY", "pk_short"), ("PUBLISHABLE_KEY", "pk_0123456789abcdéf"),
        ("SIGNING_KEY", "short"), ("STORE_NAME", "  "), ("STORE_NAME", "x" * 101), ("PUBLIC_URL", "shop.example.com"),
        ("PUBLIC_URL", "https://shop.example.com/?x=1"), ("ACCENT", "red"), ("ACCENT", "#12345"), ("ACCENT", "#1234567"), ("INITIAL", "AB"),
        ("INITIAL", "👩‍🚀A"), ("TAGLINE", "x" * 201), ("ANNOUNCEMENT", "x" * 301), ("PORT", "0"), ("PORT", "65536"),
        ("PORT", "http"), ("PORT", "²"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(ENVIRONMENT | {name: value})
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)
    assert name not in ("SIGNING_KEY", "PUBLISHABLE_KEY") or not value or value not in str(raised.value)


@pytest.mark.parametrize("initial", ["A", "é", "e\u0301", "ß", "店", "👩‍🚀", "👍🏽", "🇩🇪", "❤️"])
def test_one_character_is_what_a_reader_calls_one(initial: str) -> None:
    assert Settings.from_env(ENVIRONMENT | {"INITIAL": initial}).initial == initial


def test_the_initial_is_taken_from_the_name() -> None:
    assert Settings.from_env(ENVIRONMENT | {"STORE_NAME": "e\u0301toile"}).initial == "E\u0301"


def test_a_bad_environment_ends_the_server_with_status_2_and_one_line_that_names_everything() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"], cwd=FOLDER, env={"ACCENT": "red", "PORT": "x"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    for name in ("BACKEND_URL", "PUBLISHABLE_KEY", "SIGNING_KEY", "STORE_NAME", "PUBLIC_URL", "ACCENT", "PORT"):
        assert name in ended.stderr
