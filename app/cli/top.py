"""`storeyard top`: the platform at work, refreshed in place."""

from __future__ import annotations

import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.failures import failure_of
from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS
from app.cli.options import DURATION, SECONDS, json_option
from app.cli.output import clean, print_json
from app.cli.top_screen import screen
from app.services.fleet import as_dict, look

# The alternate screen without a cursor, and the way back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@click.command("top", context_settings=SETTINGS)
@click.option("--once", is_flag=True, help="One look, in full length, then end. So it is too where the output is no terminal.")
@click.option("--interval", "-i", type=SECONDS, default=2.0, show_default=True, metavar="SECONDS", help="Time between two looks.")
@click.option("--recent", type=DURATION, default="5min", show_default=True, help="How far back passes are looked at.")
@json_option
@pass_cli
def top(cli: Cli, once: bool, interval: float, recent: timedelta) -> None:
    """Watch it work: queues, workers, stores, and what needs a look.

    What needs a look stands first. `q` or Ctrl-C ends. Where the queue cannot be reached the rest is shown. Changes nothing.

    \b
    Examples:
      storeyard top
      storeyard top --interval 1s
      storeyard top --once --json
    """
    if cli.as_json:
        print_json(plain(as_dict(look(cli.services, recent=recent))))
    elif once or not sys.stdout.isatty():
        for line in screen(
            look(cli.services, recent=recent), recent=recent, columns=shutil.get_terminal_size((100, 24)).columns, rows=None
        ):
            click.echo(clean(line))
    else:
        _watch(cli, max(0.2, interval), recent)


def _watch(cli: Cli, interval: float, recent: timedelta) -> None:
    with _full_screen():
        while True:
            begun = time.monotonic()
            _draw(_lines(cli, recent))
            if _quit_within(max(0.05, interval - (time.monotonic() - begun))):
                return


def _lines(cli: Cli, recent: timedelta) -> list[str]:
    columns, rows = shutil.get_terminal_size()
    try:
        return screen(look(cli.services, recent=recent), recent=recent, columns=columns, rows=rows - 1)
    except Exception as error:
        # A database that comes back should find the watcher still watching.
        failure = failure_of(error, database_url=cli.known_database_url)
        if failure is None:
            raise
        now = datetime.now(UTC).strftime("%H:%M:%S")
        return [f"storeyard  {now} UTC", "", f"!! {failure.message}", *failure.lines, "", "Trying again."]


def _draw(lines: list[str]) -> None:
    columns = shutil.get_terminal_size().columns
    body = "".join(f"{clean(line)[:columns]}\x1b[K\n" for line in lines)
    sys.stdout.write(f"\x1b[H{body}\x1b[J")
    sys.stdout.flush()


@contextmanager
def _full_screen() -> Generator[None]:
    """The terminal as it was before comes back whatever happens; Ctrl-C is an end, not an error."""
    keys = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    try:
        if keys is not None:
            tty.setcbreak(sys.stdin)
        sys.stdout.write(_ENTER)
        yield
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        if keys is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, keys)


def _quit_within(seconds: float) -> bool:
    """Wait; True where `q` was pressed meanwhile. Any other key looks again at once."""
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and sys.stdin.read(1) in ("q", "Q", "")


def plain(value: Any) -> Any:
    """Dataclasses as mappings, at any depth."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
