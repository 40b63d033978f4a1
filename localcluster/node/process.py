"""Processes of containers: started so that they end with the pocket cluster, and found and ended with all that came from them.

Each is the leader of a session of its own, and gets SIGKILL when the thread that started it ends. Its children may leave the session
(PostgreSQL's do), so the family of a process is its descendants, what is in its session or group, and what carries its mark in its
environment. Linux only: /proc, pidfd, prctl.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "STOREYARD_POD"
CONTAINER_MARK = "STOREYARD_CONTAINER"
PAGE = resource.getpagesize()

_OPEN_FILES = 65_536
_FIRST_TO_GO = "500"
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True, slots=True)
class Account:
    """The user that containers run as."""

    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> Account:
        """KeyError where there is no such user."""
        entry = pwd.getpwnam(name)
        return cls(entry.pw_uid, entry.pw_gid)


class StartError(Exception):
    """The program cannot be started; the text says why, as a container runtime does."""


class Process:
    """A running program. Not for several threads at once."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.pidfd = os.pidfd_open(popen.pid)
        # When the machine's memory runs out, a shop ends rather than what runs them all.
        with contextlib.suppress(OSError):
            Path(f"/proc/{popen.pid}/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")

    def send(self, number: signal.Signals) -> None:
        """To the program alone, as a container runtime does."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def kill(self, marks: Mapping[str, str]) -> None:
        """SIGKILL, to the program and its family."""
        kill_family(self.pid, marks)

    def finish(self, marks: Mapping[str, str], seconds: float = 5.0) -> int:
        """After its end (`pidfd` is readable): end what it left behind, and reap it. The exit code, negative for a signal."""
        kill_family(self.pid, marks, seconds=seconds)
        code = self._popen.wait()
        os.close(self.pidfd)
        return code


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    output: int,
    account: Account | None,
) -> subprocess.Popen[bytes]:
    """A program whose standard output and error go to `output`. StartError where there is no such program, or it cannot be run."""
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": [account.gid]} if account else {}
    try:
        return subprocess.Popen[bytes](
            argv,
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0o022,
            preexec_fn=_preparation(),
            **identity,
        )
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise StartError(f'working folder "{folder}" is not there') from error
        where = "no such file or directory" if "/" in argv[0] else "executable file not found in $PATH"
        raise StartError(f'exec: "{argv[0]}": {where}') from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise StartError(f'exec: "{argv[0]}": {getattr(error, "strerror", None) or error}') from error


def _preparation() -> Callable[[], None]:
    """What the child does before it becomes the program."""
    parent = os.getpid()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = (min(_OPEN_FILES, hard), hard) if hard != resource.RLIM_INFINITY else (_OPEN_FILES, hard)

    def prepare() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(255)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, files)

    return prepare


# Who belongs to whom


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as /proc shows it. `resident` is in bytes, and counts what is shared with others."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    resident: int


def scan() -> dict[int, Seen]:
    """All processes of this machine that we may see."""
    found: dict[int, Seen] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := _look(name)):
            found[seen.pid] = seen
    return found


def _look(pid: str) -> Seen | None:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            words = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return Seen(int(pid), words[0].decode(), int(words[1]), int(words[2]), int(words[3]), int(words[21]) * PAGE)


def family(leaders: Iterable[int], processes: Mapping[int, Seen]) -> set[int]:
    """The processes that came from the leaders, as far as parents, groups and sessions tell; the leaders among them."""
    roots = set(leaders)
    children: dict[int, list[int]] = {}
    members = [seen.pid for seen in processes.values() if seen.pid in roots or seen.group in roots or seen.session in roots]
    for seen in processes.values():
        children.setdefault(seen.parent, []).append(seen.pid)
    found: set[int] = set()
    while members:
        pid = members.pop()
        if pid not in found:
            found.add(pid)
            members.extend(children.get(pid, ()))
    return found


def environment(pid: int) -> dict[str, str]:
    """What a process was started with; empty where we may not know, or it is gone."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (part.partition(b"=") for part in raw.split(b"\0") if part)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}


def kill_family(leader: int, marks: Mapping[str, str], *, seconds: float = 5.0) -> None:
    """SIGKILL to a process, which must not have been reaped, and all that came from it; waits, within reason, until they are gone."""

    def members() -> set[int]:
        processes = scan()
        found = family([leader], processes)
        strays = (pid for pid in processes.keys() - found if _carries(pid, marks))
        found |= family(strays, processes)
        return {pid for pid in found if processes[pid].state not in "ZX"}

    _kill_until_gone(members, seconds)


def kill_leftovers(prefix: str, *, seconds: float = 5.0) -> int:
    """SIGKILL to every process whose mark begins with `prefix`, and to what came from it. How many there were."""
    killed: set[int] = set()

    def members() -> set[int]:
        processes = scan()
        leaders = [pid for pid in processes if pid != os.getpid() and environment(pid).get(MARK, "").startswith(prefix)]
        found = {pid for pid in family(leaders, processes) if processes[pid].state not in "ZX"}
        killed.update(found)
        return found

    _kill_until_gone(members, seconds)
    return len(killed)


def _carries(pid: int, marks: Mapping[str, str]) -> bool:
    carried = environment(pid)
    return bool(marks) and all(carried.get(name) == value for name, value in marks.items())


def _kill_until_gone(members: Callable[[], set[int]], seconds: float) -> None:
    end = time.monotonic() + seconds
    pause = 0.002
    while found := members():
        for pid in found - {os.getpid(), 1}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def held(pids: Iterable[int]) -> int:
    """Bytes that a family holds: what belongs to one alone, and what they share, once. Files in memory are not counted."""
    own = shared = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        figures = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("RssAnon", "RssShmem")))
        own += _kilobytes(figures.get("RssAnon", ""))
        shared = max(shared, _kilobytes(figures.get("RssShmem", "")))
    return own + shared


def _kilobytes(text: str) -> int:
    words = text.split()
    return int(words[0]) * 1024 if words else 0
