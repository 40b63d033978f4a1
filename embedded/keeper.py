"""One part at work: its process, what it last said, and when it may be started again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from embedded.checks import usable
from embedded.logs import LogFile
from embedded.part import Part
from embedded.process import spawn

FIRST_DELAY, MOST_DELAY = 0.2, 30.0
# After so many seconds of running a part that ends is tried again at once.
SETTLED = 60.0
AT_ONCE = 65536
MOST_READS = 64

# As our processes, the servers and Python mark a line that is about trouble; the mere word stands in many a quiet one.
_TROUBLE = re.compile(
    r"\[(?:error|critical)\s*\]|\"level\":\s*\"(?:error|fatal|panic|critical)\"|\b(?:ERROR|FATAL|PANIC|CRITICAL)\b"
    r"|^(?:error|fatal|panic)\b|^(?:\w+\.)*\w+(?:Error|Exception)\b"
)


class Keeper:
    """States: waiting (for others), starting, running, done (a step that went well), resting (tried again later), stopping, stopped."""

    def __init__(self, part: Part, logs: Path) -> None:
        self.part = part
        self.state = "waiting"
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.was_usable = False
        self.since = 0.0
        self.again_at = 0.0
        self.kill_at = 0.0
        self.last_end = ""
        self.last_line = ""
        self.trouble = ""
        self._delay = FIRST_DELAY
        self._log = LogFile(logs, part.name)
        self._seen_line = False
        self._said_last = b""

    @property
    def output(self) -> int | None:
        """The pipe to read, while there is one."""
        return self.process.stdout.fileno() if self.process and self.process.stdout else None

    def start(self, now: float) -> None:
        """Raises nothing: a program that cannot be started is a part that ended at once."""
        self.since, self._seen_line, self._said_last = now, False, b""
        reading, writing = os.pipe()
        try:
            self.process = spawn(
                self.part.command, output=writing, death=signal.Signals[self.part.death], environment=self.part.environment,
                folder=self.part.folder, ids=self.part.ids,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            os.close(reading)
            self._note(f"cannot be started: {error}\n".encode())
            self._rest(now, "not started")
        else:
            os.set_blocking(reading, False)
            self.process.stdout = os.fdopen(reading, "rb", buffering=0)
            self.state = "starting"
        finally:
            os.close(writing)

    def read(self) -> bool:
        """Take what the part has said to its log. False once nobody can say anything any more."""
        output = self.output
        if output is None:
            return False
        try:
            data = os.read(output, AT_ONCE)
        except BlockingIOError:
            return True
        self._note(data)
        return bool(data)

    def look(self, now: float) -> bool:
        """While starting: whether it can be used now. The state changes to running."""
        if self.state != "starting" or self.process is None:
            return False
        ready = self._seen_line if self.part.check == "line" else usable(self.part.check, self.part.target, self.process.pid)
        if ready:
            self.state, self.was_usable = "running", True
            self.since = now
        return ready

    def ended(self, now: float) -> bool:
        """Whether the process has ended; then its group is gone too, and the state says what happens next."""
        if self.process is None or os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        # Before it is reaped: until then nobody else can be given its number, which is its group's too.
        self._signal(signal.SIGKILL)
        self._drain()
        code = self.process.wait()
        self.process = None
        if self.state == "stopping":
            self.state = "stopped"
        elif self.part.check == "end" and code == 0:
            self.state, self.was_usable, self.since = "done", True, now
        else:
            self._rest(now, _ending(code))
        return True

    def ask_to_stop(self, now: float) -> None:
        if self.process is None:
            self.state = "stopped" if self.state != "done" else "done"
        elif self.state != "stopping":
            self.state, self.kill_at = "stopping", now + self.part.stop_seconds
            with contextlib.suppress(ProcessLookupError):
                # Not Popen's own way, which may reap the process, and its group's number with it.
                os.kill(self.process.pid, signal.Signals[self.part.stop])

    def kill(self) -> None:
        self._note(f"did not end in {self.part.stop_seconds:g} s and was killed\n".encode())
        self._signal(signal.SIGKILL)
        self.kill_at = float("inf")

    def close(self) -> None:
        self._log.close()

    def as_dict(self) -> dict[str, Any]:
        """What the control socket tells. `since` is a moment of the monotonic clock, which all processes share."""
        return {
            "name": self.part.name, "state": self.state, "pid": self.process.pid if self.process else None, "since": self.since,
            "restarts": self.restarts, "usable": self.was_usable, "last_end": self.last_end, "last_line": self.last_line,
            "trouble": self.trouble, "log": str(self._log.path), "lost": self._log.lost, "step": self.part.check == "end",
        }  # fmt: skip

    def _rest(self, now: float, ending: str) -> None:
        if self.state == "running" and now - self.since >= SETTLED:
            self._delay = FIRST_DELAY
        self.state, self.last_end = "resting", ending
        self.trouble = self.trouble or self.last_line
        self.restarts += 1
        self.again_at = now + self._delay
        self._delay = min(self._delay * 2, MOST_DELAY)

    def _note(self, data: bytes) -> None:
        if not data:
            return
        self._log.write(data)
        if self.part.check == "line" and not self._seen_line:
            wanted, said = self.part.target.encode(), self._said_last + data
            self._seen_line = wanted in said
            self._said_last = said[-len(wanted) :]
        for line in data.decode(errors="replace").splitlines()[-20:]:
            if line.strip():
                self.last_line = line.strip()[:400]
                if _TROUBLE.search(line):
                    self.trouble = self.last_line

    def _drain(self) -> None:
        """What stands in the pipe; more is not awaited, since a stranger may hold its other end."""
        if self.process is not None and self.process.stdout:
            for _ in range(MOST_READS):
                try:
                    data = os.read(self.process.stdout.fileno(), AT_ONCE)
                except BlockingIOError:
                    break
                if not data:
                    break
                self._note(data)
            self.process.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        """To its whole group: the process leads a session of its own."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
