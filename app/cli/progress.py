"""Waiting for a store at a shell: its steps on standard error, refreshed in place on a terminal, then the timeline."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import clean, print_json, say, width
from app.services.wait import End, NotReadyInTime, Progress, Step, Wish, follow

if TYPE_CHECKING:
    from app.cli.invocation import Cli

DONE, UNDONE = "✓", "…"


class Display:
    """Where `live`, every look redraws the block; else a line is written for each step that has been reached since the look before."""

    def __init__(self, *, live: bool, prefix: str = "") -> None:
        self._live, self._prefix = live, prefix
        self._drawn = 0
        self._told: set[str] = set()

    def show(self, progress: Progress) -> None:
        if self._live:
            self._redraw(progress)
        else:
            self._tell(progress)

    def _redraw(self, progress: Progress) -> None:
        widest = max(width(step.title) for step in progress.steps)
        lines = [_line(step, widest, progress) for step in progress.steps]
        if progress.why and progress.end is not End.DONE:
            lines.append(f"  {progress.why}")
        columns = shutil.get_terminal_size().columns
        back = f"\x1b[{self._drawn}F" if self._drawn else ""
        body = "".join(f"\x1b[2K{clean(line)[: columns - 1]}\n" for line in lines)
        # A line that is no longer needed is emptied, so that nothing of the look before stays.
        click.echo(f"{back}{body}\x1b[0J", err=True, nl=False, color=True)
        self._drawn = len(lines)

    def _tell(self, progress: Progress) -> None:
        for step in progress.steps:
            if step.done and step.type not in self._told:
                self._told.add(step.type)
                click.echo(clean(f"{self._prefix}{DONE} {step.title} {_seconds(step)}"), err=True)


def wait_for(cli: Cli, wish: Wish, *, slug: str, timeout: float, prefix: str = "") -> Progress:
    """Follow the store until the wish is met; Progress that was not in time is told as well, and is the caller's to judge."""
    display = Display(live=sys.stderr.isatty() and not prefix, prefix=prefix)
    progress: Progress | None = None
    try:
        for progress in follow(cli.services, wish, timeout=timeout):
            display.show(progress)
    except KeyboardInterrupt:
        click.echo(f"\nNo longer waiting. The store goes on; `storeyard store show {slug}` tells how it is.", err=True)
        raise click.Abort from None
    if progress is None:
        raise RuntimeError("a store was followed without a look at it")
    return progress


def require_done(progress: Progress) -> None:
    """Raise NotReadyInTime unless the wish was met."""
    if progress.end is End.DONE:
        return
    store = progress.store
    data: dict[str, Any] = {"store": store.as_dict(), "timeline": progress.as_dict()}
    where = f"`storeyard store show {store.id}` tells more."
    if progress.end is End.BLOCKED:
        raise NotReadyInTime(f"{store.slug} ({store.phase}) cannot get there by itself: {progress.why} {where}", **data)
    raise NotReadyInTime(
        f"{store.slug} ({store.phase}) is not ready after {progress.elapsed:.0f} s: {progress.why} It goes on; {where}", **data
    )


def timeline(progress: Progress) -> str:
    """Such as "Timeline: Namespace 0.2 s, Database 3.1 s, Ready 7.6 s (5 passes)"."""
    if all(step.seconds is None for step in progress.steps):
        return "Timeline: nothing had to change"
    steps = ", ".join(f"{step.title} {_seconds(step)}" for step in progress.steps if step.done)
    passes = "1 pass" if progress.passes == 1 else f"{progress.passes} passes"
    return f"Timeline: {steps} ({passes})"


def finish(cli: Cli, document: dict[str, Any], wish: Wish, *, slug: str, wait: bool, timeout: float, lines: list[str]) -> None:
    """The end of a command that changed a store: `lines` for people, `document` for scripts, and the timeline where it is waited for."""
    cli.note_failed_wakes()
    if not cli.as_json:
        for line in lines:
            say(line)
    if wait:
        progress = wait_for(cli, wish, slug=slug, timeout=timeout)
        require_done(progress)
        document = {**document, **progress.store.as_dict(), "timeline": progress.as_dict()}
        if not cli.as_json:
            say(timeline(progress))
    if cli.as_json:
        print_json(document)


def _line(step: Step, widest: int, progress: Progress) -> str:
    mark, time = (DONE, _seconds(step)) if step.done else (UNDONE, f"{progress.elapsed:.1f} s")
    return f"{mark} {step.title}{' ' * (widest - width(step.title))}  {time}"


def _seconds(step: Step) -> str:
    return "as before" if step.seconds is None else f"{step.seconds:.1f} s"
