"""Whether a part can be used: looked at from outside, without a client library."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from embedded.part import Check

SECONDS = 0.5


def usable(check: Check, target: str, pid: int) -> bool:
    """For the checks that look; `line` and `end` are the supervisor's own to see."""
    look = _LOOKS.get(check)
    return look is not None and look(target, pid)


def _postmaster(target: str, pid: int) -> bool:
    """As pg_ctl does: the server writes its state into the eighth line of postmaster.pid."""
    try:
        lines = (Path(target) / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _unix(target: str, _: int) -> bool:
    return _ask(socket.AF_UNIX, target, b"", b"")


def _ping(target: str, _: int) -> bool:
    return _ask(socket.AF_UNIX, target, b"PING\r\n", b"+PONG")


def _port(target: str, _: int) -> bool:
    return _ask(socket.AF_INET, ("127.0.0.1", int(target)), b"", b"")


def _ask(family: socket.AddressFamily, address: str | tuple[str, int], question: bytes, answer: bytes) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(SECONDS)
        try:
            probe.connect(address)
            if not question:
                return True
            probe.sendall(question)
            return probe.recv(64).startswith(answer)
        except OSError:
            return False


_LOOKS: dict[Check, Callable[[str, int], bool]] = {"postmaster": _postmaster, "unix": _unix, "ping": _ping, "port": _port}
