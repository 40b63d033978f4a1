"""Options and argument types that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from app.cli.invocation import Cli
from app.domain.settings import ANNOUNCEMENT_MAX, TAGLINE_MAX

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")


class Duration(click.ParamType[timedelta]):
    """Such as 90s, 10m, 2h, 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a duration. Write a number and a unit: 90s, 10m, 2h, 30d", param, ctx)
        try:
            return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        except OverflowError:
            self.fail(f"{value!r} is too long", param, ctx)


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601, in UTC where it names no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time. Write it as 2027-01-31 or 2027-01-31T18:00:00Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Seconds(click.ParamType[float]):
    """A duration, or a bare number of seconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float) or re.fullmatch(r"\d+(\.\d+)?", str(value)):
            return float(value)
        return Duration().convert(value, param, ctx).total_seconds()


DURATION, MOMENT, SECONDS = Duration(), Moment(), Seconds()


def _see_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Cli).as_json = True


json_option = click.option(
    "--json", is_flag=True, expose_value=False, is_eager=True, callback=_see_json, help="Print one JSON document, for scripts."
)
store_argument = click.argument("store", metavar="STORE")
tenant_option = click.option("--tenant", "-t", metavar="TENANT", help="The tenant by slug or id: whose STORE is meant.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
limit_option = click.option(
    "--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, the newest first."
)


def wait_options(timeout: int) -> Callable[[Command], Command]:
    """`--wait` and `--timeout`, with so many seconds by default."""

    def add(command: Command) -> Command:
        command = click.option(
            "--timeout", type=SECONDS, default=timeout, show_default=True, metavar="SECONDS", help="How long to wait at most."
        )(command)
        return click.option(
            "--wait", "-w", is_flag=True, help="Follow the store until it is as asked for; exit code 4 if it is not in time."
        )(command)

    return add


# The settings of a shop (app.domain.settings), as options.
_SETTINGS = {
    "accent": "The shop's colour, as #rrggbb.",
    "tagline": f"A line under the shop's name, of at most {TAGLINE_MAX} characters.",
    "initial": "The logo's letter; by default the first of the name.",
    "announcement": f"A line on top of every page, of at most {ANNOUNCEMENT_MAX} characters.",
}


def settings_options(command: Command) -> Command:
    """One for each setting of the shop; the command gets them by name, None where not given."""
    for name, told in reversed(_SETTINGS.items()):
        command = click.option(f"--{name}", help=told)(command)
    return command


def given(options: Mapping[str, str | None]) -> dict[str, str]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}
