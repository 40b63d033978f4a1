"""PostgreSQL and Valkey of a test's own, to be killed, frozen, restarted and emptied. Unix sockets and a folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from tests import servers

Starter = Callable[[Path], tuple[subprocess.Popen[bytes], signal.Signals]]


class Daemon:
    """One server. Nothing of it outlives `stop`, nor the test run."""

    def __init__(self, folder: Path, start: Starter) -> None:
        self.folder = folder
        self._start = start
        self._process, self._gentle = start(folder)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and the end of all its children, which may take a moment."""
        group = os.getpgid(self._process.pid)
        self._process.kill()
        self._process.wait()
        until = time.monotonic() + 30
        while _members(group):
            assert time.monotonic() < until, f"children of {self.folder.name} outlive it"
            time.sleep(0.02)

    def quit(self) -> None:
        """The orderly end: connections are broken off, nothing committed is lost."""
        self._process.send_signal(self._gentle)
        self._process.wait(30)

    def start(self) -> None:
        """With the data it had."""
        (self.folder / "s").unlink(missing_ok=True)
        self._process, self._gentle = self._start(self.folder)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """At the end of a test, in whatever state."""
        if self.alive:
            self.thaw()
            self.kill()

    def tail(self, lines: int = 10) -> str:
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])


class Postgres(Daemon):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lambda place: servers.start_postgres(place, durable=True))


class Valkey(Daemon):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, servers.start_valkey)

    @property
    def socket(self) -> Path:
        return servers.valkey_socket(self.folder)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket))

    def hide(self) -> None:
        """Unreachable for new connections, and rid of the old ones: as behind a cut network."""
        self.socket.rename(self.folder / "hidden")
        with Redis(unix_socket_path=str(self.folder / "hidden")) as client:
            client.client_kill_filter(_type="normal", skipme=True)

    def show(self) -> None:
        (self.folder / "hidden").rename(self.socket)


def _members(group: int) -> list[int]:
    """Processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found
