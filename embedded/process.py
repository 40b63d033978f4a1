"""Starting a process that cannot outlive us, and finding those that did.

PR_SET_PDEATHSIG is tied to the *thread* that starts the process, so a caller must start from one that lives as long as the child should.
What is left all the same (a starter killed in the wrong instant, a grandchild) is found in /proc: every process of ours has
STOREYARD_PART=<state>/<name> in its environment, every container of the pocket cluster STOREYARD_POD=<state>/….
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

MARKER = "STOREYARD_PART"
POD_MARKER = "STOREYARD_POD"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    death: signal.Signals,
    output: int | IO[Any],
    environment: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    ids: tuple[int, int] | None = None,
    pipes: bool = False,
) -> subprocess.Popen[bytes]:
    """A process in a session of its own that gets the signal `death` when the thread that starts it ends.

    `ids` are the user and group it runs as. Its standard error goes to `output`; so does its standard output, unless that and its standard
    input are `pipes` of ours. Raises OSError.
    """
    return subprocess.Popen(  # noqa: S603
        [str(word) for word in command],
        stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipes else output,
        stderr=output,
        cwd=folder,
        env=None if environment is None else dict(environment),
        user=ids and ids[0],
        group=ids and ids[1],
        extra_groups=() if ids else None,
        umask=0o022,
        start_new_session=True,
        preexec_fn=ending_with_us(death),  # noqa: PLW1509 - system calls alone, no lock taken
    )


def ending_with_us(death: signal.Signals) -> Callable[[], None]:
    """What a new process must call before it becomes another program: it gets the signal when the thread that called this ends."""
    starter = os.getpid()

    def ask_for_signal() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death)
        if os.getppid() != starter:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_for_signal


def leftovers(state: Path) -> list[int]:
    """The processes of this state folder that run, but for this one."""
    marks = tuple(f"{name}={state}/".encode() for name in (MARKER, POD_MARKER))
    data = state / "postgres" / "data"
    return [pid for pid in processes() if pid != os.getpid() and (_is_marked(pid, marks) or _serves(pid, data))]


def kill_leftovers(state: Path, *, seconds: float = 10.0) -> list[int]:
    """SIGKILL to all of them, until none is left or the time is up. Those that were killed."""
    killed: set[int] = set()
    deadline = time.monotonic() + seconds
    while (found := leftovers(state)) and time.monotonic() < deadline:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.add(pid)
        time.sleep(0.02)
    return sorted(killed)


def processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment_of(pid: int) -> bytes:
    """Its variables, separated by zero bytes; nothing of a zombie, of a process that is gone, or of another user's."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _is_marked(pid: int, marks: tuple[bytes, ...]) -> bool:
    return any(variable.startswith(marks) for variable in environment_of(pid).split(b"\0"))


def _serves(pid: int, data: Path) -> bool:
    """A child of a PostgreSQL server: it writes its title over its environment, but works in the data folder."""
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(data) and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "postgres"
    except OSError:
        return False
