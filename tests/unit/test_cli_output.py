"""What people see: tables, times, and text that cannot steer a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import click
import pytest

from app.cli.options import DURATION, MOMENT, SECONDS
from app.cli.output import ago, at, brief, clean, print_fields, print_json, print_table, width
from app.domain.stores import Phase

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "said", "reason"),
    [
        (timedelta(0), "now", "the very moment"),
        (timedelta(seconds=12), "12 s ago", "seconds"),
        (timedelta(seconds=89), "89 s ago", "a minute and a half is still told in seconds"),
        (timedelta(seconds=90), "2 min ago", "then minutes"),
        (timedelta(minutes=3), "3 min ago", "minutes"),
        (timedelta(hours=5), "5 h ago", "hours"),
        (timedelta(days=40), "40 d ago", "days, however many"),
        (-timedelta(hours=2), "in 2 h", "what is to come"),
    ],
)
def test_times_are_told_from_now(before: timedelta, said: str, reason: str) -> None:
    assert ago(NOW - before, NOW) == said, reason


def test_a_time_is_told_both_ways() -> None:
    assert at(NOW - timedelta(minutes=3), NOW) == "2026-03-01T11:57:00Z (3 min ago)"
    assert at(None, NOW) is None


def test_columns_are_aligned_by_what_a_terminal_shows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "PLAN", "NOTE"), [("日本", "starter", "x"), ("a-long-name", None, "y" * 300), ("é", "p", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NAME         PLAN     NOTE"
    assert lines[1] == "日本         starter  x"
    assert lines[2] == f"a-long-name  -        {'y' * 300}", "in a pipe nothing is cut"
    assert lines[3] == "é            p        -"
    assert width("日本") == 4


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"Name": "x", "Gone": None, "A longer one": 3})
    assert capsys.readouterr().out == "Name          x\nA longer one  3\n"


def test_a_shops_log_line_cannot_steer_the_operators_terminal() -> None:
    assert clean("\x1b]0;owned\x07 and\nmore\r") == r"\x1b]0;owned\x07 and\nmore\r"
    assert clean("plain, naïve — 日本") == "plain, naïve — 日本"


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "nothing"), ("x", "x"), ("", '""'), (" ", '" "'), (5, "5"), ({"a": [1]}, '{"a": [1]}'), ("y" * 100, "y" * 59 + "…")],
)
def test_a_fields_value_fits_on_a_line(value: object, said: str) -> None:
    assert brief(value) == said


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": NOW, "phase": Phase.READY, "names": ("a", "é"), "over": frozenset({"cpu"})})
    text = capsys.readouterr().out
    assert json.loads(text) == {"at": "2026-03-01T12:00:00+00:00", "phase": "Ready", "names": ["a", "é"], "over": ["cpu"]}
    assert "é" in text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("10min", 600), ("2h", 7200), ("1.5h", 5400), ("30d", 2_592_000), ("1w", 604_800), ("2 H", 7200)],
)
def test_durations(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2y", "two hours", "9" * 400 + "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(("text", "seconds"), [("1", 1), ("0.5", 0.5), (30, 30), ("2m", 120)])
def test_time_limits_may_be_bare_seconds(text: object, seconds: float) -> None:
    assert SECONDS.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T13:00:00+01:00", NOW),
    ],
)
def test_times_without_a_zone_are_utc(text: str, moment: datetime) -> None:
    assert MOMENT.convert(text, None, None) == moment


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(click.UsageError, match="2027-01-31"):
        MOMENT.convert("tomorrow", None, None)
