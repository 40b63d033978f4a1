"""Medusa, built once by the image's own recipe (docker/medusa/build/bundle.sh). Interrupted, it goes on where it was.

A stamp over the recipe's files beside the result says that there is nothing to do.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from embedded.logs import LogFile, tail
from embedded.places import CHECKOUT, Places
from embedded.process import MARKER, spawn
from embedded.screen import Screen

RECIPE = CHECKOUT / "docker" / "medusa"
STEPS = {
    "install": "Medusa: packages",
    "compile": "Medusa: server and admin pages",
    "assemble": "Medusa: what runs of it",
    "template": "Medusa: demo shop",
}
_NOT_RECIPE = {"Dockerfile", "README.md", "node_modules"}


class BuildFailed(Exception):
    """The recipe ended with an error; `lines` are the last it said."""

    def __init__(self, step: str, lines: list[str], log: Path) -> None:
        super().__init__(step)
        self.step, self.lines, self.log = step, lines, log


def recipe_hash(recipe: Path = RECIPE) -> str:
    """Over the names, modes and contents of all that the bundle is made from."""
    digest = hashlib.sha256()
    for path in sorted(recipe.rglob("*")):
        if path.is_file() and not _NOT_RECIPE & set(path.relative_to(recipe).parts):
            digest.update(f"{path.relative_to(recipe)}\0{os.access(path, os.X_OK):d}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built(places: Places, *, recipe: Path = RECIPE) -> bool:
    try:
        stamp = _stamp(places).read_text()
    except OSError:
        return False
    complete = all((places.medusa / "bundle" / name).exists() for name in ("server.js", "template.sql"))
    return complete and stamp == recipe_hash(recipe)


def build(places: Places, *, postgres: Path, environment: Mapping[str, str], screen: Screen, recipe: Path = RECIPE) -> None:
    """Make the bundle where it is not there as it should be. `postgres` is the server's home, for the demo shop. Raises BuildFailed."""
    if is_built(places, recipe=recipe):
        return
    screen.say("Medusa is built once, in about four minutes. Interrupt it as you like: it goes on where it was.")
    places.medusa.mkdir(mode=0o755, parents=True, exist_ok=True)
    _stamp(places).unlink(missing_ok=True)
    log = LogFile(places.logs, "bundle")
    with spawn(
        [recipe / "build" / "bundle.sh", places.medusa / "bundle"],
        death=signal.SIGTERM, output=subprocess.STDOUT, pipes=True, folder=recipe,
        environment={
            **environment, "BUNDLE_WORK": str(places.medusa / "work"), "PG_BIN": str(postgres / "bin"), MARKER: f"{places.state}/bundle",
        },
    ) as process:  # fmt: skip
        try:
            step = _watch(process, log, screen)
        except BaseException:
            _end(process)
            raise
        finally:
            log.close()
    if process.returncode != 0:
        raise BuildFailed(STEPS.get(step, step), tail(log.path, 15), log.path)
    _stamp(places).write_text(recipe_hash(recipe))


def _watch(process: subprocess.Popen[bytes], log: LogFile, screen: Screen) -> str:
    """Show the steps as the recipe names them (`bundle: NAME`). The last one, once nothing more is said."""
    assert process.stdout is not None  # noqa: S101 - it was started with pipes
    step, begun, rest = "", time.monotonic(), b""
    while True:
        if not select.select([process.stdout], [], [], 1.0)[0]:
            if step:
                screen.working(STEPS.get(step, step), begun)
            continue
        data = os.read(process.stdout.fileno(), 65536)
        log.write(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"bundle: "):
                if step:
                    screen.done(STEPS.get(step, step), time.monotonic() - begun)
                step, begun = line.removeprefix(b"bundle: ").decode(), time.monotonic()
        if not data:
            if step and process.wait() == 0:
                screen.done(STEPS.get(step, step), time.monotonic() - begun)
            return step


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole session: the recipe's own clean-up runs, then what is left is killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _stamp(places: Places) -> Path:
    return places.medusa / "recipe"
