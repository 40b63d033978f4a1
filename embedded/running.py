"""The supervisor seen from outside: whether it runs, what it tells, how it is started and stopped."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from embedded.places import CHECKOUT, Places
from embedded.process import MARKER

ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class PartState:
    """One part as the supervisor told it; keeper.Keeper.as_dict says what the fields are."""

    name: str
    state: str
    pid: int | None
    since: float
    restarts: int
    usable: bool
    last_end: str
    last_line: str
    trouble: str
    log: str
    lost: int
    step: bool

    @property
    def works(self) -> bool:
        return self.state == ("done" if self.step else "running")


@dataclass(frozen=True, slots=True)
class Told:
    pid: int
    stopping: bool
    parts: tuple[PartState, ...]


def supervisor_pid(places: Places) -> int | None:
    """The process that holds the lock; None where nobody does. Never blocks, and holds nothing."""
    try:
        file = os.open(places.lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(file)


def ask(places: Places, *, seconds: float = ANSWER_SECONDS) -> Told | None:
    """What the supervisor tells; None where it does not answer in time."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        data = b""
        try:
            client.connect(str(places.control))
            while more := client.recv(65536):
                data += more
            answer: dict[str, Any] = json.loads(data)
        except (OSError, ValueError):
            return None
    return Told(answer["pid"], answer["stopping"], tuple(PartState(**part) for part in answer["parts"]))


def start(places: Places) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, so that it stays when we and our terminal go."""
    log = places.logs / "supervisor.log"
    if log.exists() and log.stat().st_size > 1_000_000:
        log.replace(log.with_name("supervisor.log.1"))
    kept = ("PATH", "HOME", "LANG", "TZ")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {MARKER: f"{places.state}/supervisor"}
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "embedded.supervisor", str(places.plan)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=CHECKOUT, env=environment, start_new_session=True,
        )  # fmt: skip


def terminate(places: Places) -> bool:
    """Ask it to stop. False where it does not run."""
    pid = supervisor_pid(places)
    if not pid:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(places: Places, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if supervisor_pid(places) is None:
            return True
        time.sleep(0.05)
    return False
