"""What a worker says of its passes in its own log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


class PassLog:
    """Sums over the lines on passes, read as they are written. `failed` is the last error; `busy_s` the time spent in passes."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self.clear()

    def clear(self) -> None:
        self.passes = self.requests = self.writes = 0
        self.busy_s = 0.0
        self.failed: str | None = None

    def read(self) -> None:
        for line in self._lines():
            if b'"pass recorded"' not in line:
                continue
            told = json.loads(line)
            self.failed = told["error"] or self.failed
            self.passes += 1
            self.busy_s += told["duration_ms"] / 1000
            self.requests += told["requests"]
            self.writes += told["writes"]

    def _lines(self) -> Iterator[bytes]:
        """Whole lines only: the last one may still be written."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            *whole, partial = file.read().split(b"\n")
            self._offset = file.tell() - len(partial)
        yield from whole
