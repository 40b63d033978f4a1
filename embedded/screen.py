"""What a newcomer reads: short lines, a running clock on a terminal, no colour."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

STILL_EVERY = 30.0


class Screen:
    """Lines to standard output. On a terminal the step at work stands in a line that is drawn anew; elsewhere only its end is a line."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._terminal = self._output.isatty()
        self._drawn = 0
        self._still_at = 0.0

    def say(self, line: str = "") -> None:
        self._wipe()
        self._output.write(line + "\n")
        self._output.flush()

    def problem(self, line: str) -> None:
        self.say(f"  ! {line}")

    def working(self, what: str, begun: float) -> None:
        """Call it now and then while a step is at work; `begun` is a moment of the monotonic clock."""
        now = time.monotonic()
        line = f"  {what:<34} {now - begun:4.0f} s"
        if self._terminal:
            self._wipe()
            self._output.write(line)
            self._output.flush()
            self._drawn = len(line)
        elif now - max(begun, self._still_at) >= STILL_EVERY:
            self._still_at = now
            self.say(f"{line}, still at work")

    def done(self, what: str, seconds: float) -> None:
        self.say(f"  {what:<34} {seconds:4.0f} s" if seconds >= 10 else f"  {what:<34} {seconds:4.1f} s")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
        for row in (head, *rows):
            self.say("  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)).rstrip())

    def _wipe(self) -> None:
        if self._drawn:
            self._output.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0
