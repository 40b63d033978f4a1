"""PostgreSQL's data: made once, whole or not at all; and what a killed machine left in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from embedded.layout import Programs
from embedded.places import Places
from embedded.settings import DATABASE

SECONDS = 120


def make_database(places: Places, programs: Programs) -> None:
    """Make the cluster and its one database where there is none, beside its place and then renamed. Raises CalledProcessError, OSError."""
    if (places.postgres_data / "PG_VERSION").exists():
        drop_stale_pid(places.postgres_data)
        return
    beside = places.postgres / "data.new"
    for unfinished in (beside, places.postgres_data):
        if unfinished.exists():
            shutil.rmtree(unfinished)
    bin_folder = programs.postgres / "bin"
    # The one role may do all: who comes in is decided by who may open the socket.
    _run(
        [bin_folder / "initdb", "--pgdata", beside, "--username", DATABASE, "--auth=trust", "--encoding=UTF8", "--locale=C"],
        places,
        programs,
    )
    _run(
        [bin_folder / "postgres", "--single", "-D", beside, "-c", "exit_on_error=on", "postgres"],
        places,
        programs,
        f"create database {DATABASE}",
    )
    beside.rename(places.postgres_data)


def drop_stale_pid(data: Path) -> None:
    """Remove postmaster.pid where its process is another program by now: PostgreSQL takes any living process for a server of this data.

    Where the process is gone the file stays, since PostgreSQL finds in it what a killed server left in shared memory.
    """
    path = data / "postmaster.pid"
    try:
        pid = path.read_text().split("\n", 1)[0].strip()
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return
    if program != "postgres" or folder != str(data):
        path.unlink()


def _run(command: Sequence[str | Path], places: Places, programs: Programs, words: str = "") -> None:
    ids = programs.ids
    subprocess.run(  # noqa: S603
        [str(word) for word in command],
        input=words.encode(), capture_output=True, check=True, timeout=SECONDS, cwd=places.postgres,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        user=ids and ids[0], group=ids and ids[1], extra_groups=() if ids else None,
    )  # fmt: skip
