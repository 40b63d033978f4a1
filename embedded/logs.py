"""Parts' logs: one file each, turned over by size; written by the supervisor, read by `make logs`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_BYTES = 8 * 1024 * 1024
KEPT = 2


class LogFile:
    """Appends to `<folder>/<name>.log`; a full one becomes `.log.1`, and so on. A disk that is full costs lines, nothing else."""

    def __init__(self, folder: Path, name: str, *, most: int = MOST_BYTES) -> None:
        self.path = folder / f"{name}.log"
        self.lost = 0
        self._most = most
        self._file = -1
        self._size = 0

    def write(self, data: bytes) -> None:
        try:
            if self._file < 0:
                self._open()
            elif self._size + len(data) > self._most:
                self._turn_over()
            self._size += os.write(self._file, data)
        except OSError:
            self.lost += len(data)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._file).st_size

    def _turn_over(self) -> None:
        self.close()
        for number in range(KEPT, 0, -1):
            older = self.path if number == 1 else numbered(self.path, number - 1)
            if older.exists():
                older.replace(numbered(self.path, number))
        self._open()


def numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file; none where there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 400 * lines - 4096))
            return file.read().decode(errors="replace").splitlines()[-lines:] if lines else []
    except OSError:
        return []


def follow(folder: Path, names: Sequence[str], *, lines: int, forever: bool = True, pause: float = 0.2) -> Iterator[str]:
    """Lines as they come, `name | text`; those of parts that appear later too where `names` is empty. First the last `lines` of each."""
    readers: dict[str, _Reader] = {}
    while True:
        for path in sorted(folder.glob("*.log")):
            name = path.stem
            if name not in readers and (not names or name in names):
                readers[name] = _Reader(path)
                yield from (f"{name} | {text}" for text in readers[name].start(lines))
        for name, reader in readers.items():
            yield from (f"{name} | {text}" for text in reader.more())
        if not forever:
            return
        time.sleep(pause)


class _Reader:
    """Reads what is appended to a file, across turn-overs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._place = 0
        self._rest = b""

    def start(self, lines: int) -> list[str]:
        last = tail(self._path, lines)
        try:
            found = self._path.stat()
        except OSError:
            return last
        self._inode, self._place = found.st_ino, found.st_size
        return last

    def more(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._place:
                    self._inode, self._place = found.st_ino, 0
                file.seek(self._place)
                data = file.read()
        except OSError:
            return []
        self._place += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in whole]
