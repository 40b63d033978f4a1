"""`down` and `clean`: end everything, and remove what it kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from embedded import running
from embedded.places import CHECKOUT, Places
from embedded.process import kill_leftovers
from embedded.screen import Screen

# Stores' databases shut down in seconds; the supervisor kills what takes longer than its own bounds.
SECONDS = 180.0
_REMOVED = "Removing {} deletes every store of this machine with its data, and the key that opens their credentials."


def down(places: Places, screen: Screen) -> int:
    """Ask the supervisor to stop, wait, and make sure that nothing is left. The exit code."""
    begun = time.monotonic()
    stopped = False
    if running.supervisor_pid(places) is not None:
        stopped = True
        _stop(places, screen, begun)
    left = kill_leftovers(places.state)
    if left:
        screen.say(f"{len(left)} processes were left over, and were killed.")
    shutil.rmtree(places.runtime, ignore_errors=True)
    if stopped or left:
        screen.say(f"Storeyard is stopped ({time.monotonic() - begun:.1f} s). The stores and their data stay: `make up` brings them back.")
    else:
        screen.say("Storeyard does not run.")
    return 0


def clean(places: Places, screen: Screen, *, force: bool) -> int:
    """Remove the state folder, after asking; never while it runs, and not unasked without a terminal."""
    if running.supervisor_pid(places) is not None:
        screen.say("Storeyard runs: `make down` first.")
        return 1
    if not places.state.exists():
        return 0
    if not force:
        screen.say(_REMOVED.format(places.state))
        if not sys.stdin.isatty():
            screen.say("There is no terminal to ask at: `make clean FORCE=1` removes it unasked.")
            return 1
        if input("Remove it? [y/N] ").strip().lower() not in ("y", "yes"):
            screen.say("Nothing was removed.")
            return 1
    kill_leftovers(places.state)
    shutil.rmtree(places.runtime, ignore_errors=True)
    shutil.rmtree(places.state)
    _unlink_if_ours(CHECKOUT / ".storeyard", places.state)
    screen.say(f"{places.state} is removed.")
    return 0


def _stop(places: Places, screen: Screen, begun: float) -> None:
    running.terminate(places)
    while running.supervisor_pid(places) is not None:
        if time.monotonic() - begun > SECONDS:
            screen.say("The supervisor does not end; it is killed.")
            _kill(running.supervisor_pid(places))
            return
        told = running.ask(places, seconds=0.5)
        left = [part.name for part in told.parts if part.state in ("stopping", "running", "starting")] if told else []
        screen.working(f"stopping {', '.join(left[:3])}" if left else "stopping", begun)
        time.sleep(0.1)


def _kill(pid: int | None) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _unlink_if_ours(link: Path, target: Path) -> None:
    if link.is_symlink() and link.resolve() == target:
        link.unlink()
