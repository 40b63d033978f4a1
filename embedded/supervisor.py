"""The supervisor: one thread that starts the parts, restarts what ends, and takes everything down when it ends itself, however it ends.

`python -m embedded.supervisor PLAN` reads the plan (part.Plan), takes the lock, and runs until SIGTERM or SIGINT. It imports nothing but
what it needs, so that it stays small. Its parts get a signal when it dies (process.spawn), so a SIGKILL of it leaves nothing.
Stopping goes from the end: a part is asked to stop once nothing that was started after it runs any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from embedded.keeper import Keeper
from embedded.part import Plan

# While a part is starting it is looked at so often; otherwise the loop sleeps until something happens.
LOOK_EVERY = 0.03
LOCK_TRIES = 20


class Supervisor:
    """Owns all processes. `run` returns when all have ended."""

    def __init__(self, plan: Plan) -> None:
        self.keepers = {part.name: Keeper(part, plan.logs) for part in plan.parts}
        self._plan = plan
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._control = self._listen()
        self._wake = self._catch_signals()

    def run(self) -> None:
        try:
            while self._turn():
                for key, _ in self._selector.select(self._sleep()):
                    self._serve(key)
        finally:
            for keeper in self.keepers.values():
                keeper.close()
            self._plan.control.unlink(missing_ok=True)

    def _turn(self) -> bool:
        """Let every part take the step that is due. False once it was asked to stop and nothing runs any more."""
        now = time.monotonic()
        for keeper in self.keepers.values():
            self._note_end(keeper, now)
            keeper.look(now)
        for keeper in self.keepers.values():
            if self._stopping:
                self._stop(keeper, now)
            elif (keeper.state == "waiting" and self._may_start(keeper)) or (keeper.state == "resting" and now >= keeper.again_at):
                self._start(keeper, now)
        return not self._stopping or any(keeper.process is not None for keeper in self.keepers.values())

    def _start(self, keeper: Keeper, now: float) -> None:
        keeper.start(now)
        if keeper.output is not None:
            self._selector.register(keeper.output, selectors.EVENT_READ, keeper)

    def _note_end(self, keeper: Keeper, now: float) -> None:
        output = keeper.output
        before = keeper.process
        if keeper.ended(now) and before is not None:
            self._forget(output)
            say(f"{keeper.part.name}: {keeper.state}" + (f" ({keeper.last_end})" if keeper.state == "resting" else ""))

    def _may_start(self, keeper: Keeper) -> bool:
        return all(self.keepers[name].was_usable for name in keeper.part.after)

    def _stop(self, keeper: Keeper, now: float) -> None:
        name = keeper.part.name
        if keeper.state == "stopping":
            if now >= keeper.kill_at:
                keeper.kill()
        elif not any(name in other.part.after and other.process is not None for other in self.keepers.values()):
            keeper.ask_to_stop(now)

    def _sleep(self) -> float | None:
        """Seconds until something is due by the clock; None where only an event can come."""
        now = time.monotonic()
        due: list[float] = []
        for keeper in self.keepers.values():
            if keeper.state == "starting" and keeper.part.check not in ("line", "end"):
                due.append(now + LOOK_EVERY)
            elif keeper.state == "resting" and not self._stopping:
                due.append(keeper.again_at)
            elif keeper.state == "stopping":
                due.append(min(keeper.kill_at, now + 3600))
        return max(0.0, min(due) - now) if due else None

    def _serve(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Keeper):
            if not key.data.read():
                self._forget(key.fd)
        elif key.fileobj is self._control:
            self._tell()
        elif any(number in (signal.SIGTERM, signal.SIGINT) for number in self._wake.recv(4096)):
            self._stopping = True

    def _forget(self, output: int | None) -> None:
        if output is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(output)

    def _tell(self) -> None:
        """Answer who asks. A client that does not read is not waited for: what is told fits into the socket's buffer."""
        try:
            client, _ = self._control.accept()
        except OSError:
            return
        with client:
            client.setblocking(False)
            parts = [keeper.as_dict() for keeper in self.keepers.values()]
            with contextlib.suppress(OSError):
                client.sendall(json.dumps({"pid": os.getpid(), "stopping": self._stopping, "parts": parts}).encode())

    def _listen(self) -> socket.socket:
        self._plan.control.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self._plan.control))
        self._plan.control.chmod(0o600)
        server.listen(16)
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ)
        return server

    def _catch_signals(self) -> socket.socket:
        """Signals become bytes in a socket, so that the loop needs no time-out to notice a child's end."""
        reading, writing = socket.socketpair()
        for end in (reading, writing):
            end.setblocking(False)
        self._signals = writing
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self._selector.register(reading, selectors.EVENT_READ)
        return reading


def take_lock(path: Path) -> int | None:
    """The locked file, with our process id in it; None where another holds it. The lock ends with the process that holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def say(message: str) -> None:
    try:
        sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {message}\n")
        sys.stderr.flush()
    except OSError:
        pass


def main(arguments: list[str]) -> int:
    plan = Plan.loads(Path(arguments[0]).read_text())
    for _ in range(LOCK_TRIES):
        if take_lock(plan.lock) is not None:
            break
        # Who only looks whether it is taken holds it for an instant.
        time.sleep(0.05)
    else:
        say("another supervisor runs already")
        return 1
    # Cleaners of /tmp leave a folder alone that is locked.
    folder = os.open(plan.runtime, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    say(f"supervisor started with {len(plan.parts)} parts")
    Supervisor(plan).run()
    say("supervisor ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
