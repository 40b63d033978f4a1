"""A short folder that every user may enter, and a supervisor with stub parts in it; nothing of either is left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded import running
from embedded.part import Part, Plan
from embedded.places import CHECKOUT, Places, make_runtime
from embedded.process import MARKER, kill_leftovers

WAIT_SECONDS = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own are closed to other users, and too long for sockets.
    made = Path(tempfile.mkdtemp(prefix="sy-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def places(folder: Path) -> Iterator[Places]:
    state = folder / "state"
    state.mkdir()
    found = Places.of(state)
    make_runtime(found.runtime)
    found.logs.mkdir()
    yield found
    kill_leftovers(found.state)
    shutil.rmtree(found.runtime, ignore_errors=True)


class Run:
    """A supervisor that runs stub parts."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.process: subprocess.Popen[bytes] | None = None

    def part(self, name: str, script: str, **options: object) -> Part:
        """A part that is a shell script; it is usable once it says `ready`, unless told otherwise."""
        settings = {"check": "line", "target": "ready", "environment": {"PATH": "/usr/bin:/bin", MARKER: f"{self.places.state}/{name}"}}
        return Part(name, ("sh", "-c", script), **(settings | options))  # type: ignore[arg-type]

    def plan(self, *parts: Part) -> Plan:
        plan = Plan(self.places.lock, self.places.runtime, self.places.control, self.places.logs, parts)
        self.places.plan.write_text(plan.dumps())
        return plan

    def start(self, *parts: Part) -> None:
        self.plan(*parts)
        self.process = running.start(self.places)
        self.until(lambda: running.ask(self.places) is not None)

    def states(self) -> dict[str, str]:
        told = running.ask(self.places)
        return {} if told is None else {part.name: part.state for part in told.parts}

    def told(self, name: str) -> running.PartState:
        told = running.ask(self.places)
        assert told is not None
        return next(part for part in told.parts if part.name == name)

    def log(self, name: str) -> str:
        path = self.places.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not true():
            assert time.monotonic() < deadline, f"not in {WAIT_SECONDS:g} s: {self.states()} {self.log('supervisor')}"
            time.sleep(0.02)


@pytest.fixture
def run(places: Places) -> Iterator[Run]:
    made = Run(places)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


@pytest.fixture
def embedded_command(places: Places) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python -m embedded WORDS…` on this state."""

    def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "embedded", *words],
            cwd=CHECKOUT, env={"PATH": "/usr/bin:/bin", "STOREYARD_STATE": str(places.state), **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return command
