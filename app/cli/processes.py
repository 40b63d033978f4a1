"""`storeyard worker`, `scheduler` and `watcher`: this process becomes theirs, so that signals reach them as they are."""

from __future__ import annotations

import os
import sys

import click

from app.cli.invocation import Cli, pass_cli
from app.cli.lazy import SETTINGS


@click.command("worker", context_settings=SETTINGS)
@pass_cli
def worker(cli: Cli) -> None:
    """Run a worker: it does what the queue says, one store at a time.

    Run as many as you like. SIGTERM: the pass at hand is finished, then it ends. Logs on standard error (STOREYARD_LOG_FORMAT).

    \b
    Examples:
      storeyard worker
      STOREYARD_LOG_FORMAT=console storeyard worker
    """
    _become(cli, "jobs.worker")


@click.command("scheduler", context_settings=SETTINGS)
@pass_cli
def scheduler(cli: Cli) -> None:
    """Run the scheduler: it wakes whatever is due.

    Of several one leads; the others stand by. SIGTERM ends it.

    \b
    Examples:
      storeyard scheduler
      STOREYARD_LOG_FORMAT=console storeyard scheduler
    """
    _become(cli, "jobs.schedule")


@click.command("watcher", context_settings=SETTINGS)
@pass_cli
def watcher(cli: Cli) -> None:
    """Run the watcher: it follows the cluster and wakes stores whose objects were changed.

    Of several one leads; the others stand by. Without any, changes made by hand are found by the sweep. SIGTERM ends it.

    \b
    Examples:
      storeyard watcher
      STOREYARD_LOG_FORMAT=console storeyard watcher
    """
    _become(cli, "jobs.watch")


def _become(cli: Cli, module: str) -> None:
    """The configuration is checked first: what is wrong with it is said here, all at once."""
    _ = cli.settings
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that mostly wait need no heaps of their own: with one, a worker stays a megabyte smaller.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - our own interpreter, and a module named above
