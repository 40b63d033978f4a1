"""The store's objects on disk: a file each, so that a write costs one small file, and a damaged file one object.

    objects/KIND/NAMESPACE/NAME.json    `_` for the namespace of what is in none; names are quoted
    copies/...                          the same again, of the kinds that hold data
    version                             a number above every version given so far
    damaged/                            what could not be read, each with the reason beside it
    temporary/, lock

A file is written aside and renamed into place: a process killed at any moment leaves the old object or the new one. A power cut may undo
the last seconds, but for the kinds that hold data, which wait for the disk: 0.8 ms each where a plain write takes 0.12 (medians on a
virtual SSD; 5 to 20 ms on other disks), too long for every status of a pod while all wait for the store's lock. Versions never go back:
`version` waits for the disk as well, once in thousands of writes. One process at a time, and within it the store's lock.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from localcluster.schema import KINDS

Body = dict[str, Any]

TWICE = frozenset({"Namespace", "PersistentVolumeClaim"})
"""Kinds that nobody can rebuild: with the object goes the data."""
BLOCK = 10_000
FAR = 1_000_000_000
"""How far above the highest version seen the versions go on where the number in `version` is lost."""
_FORMAT = b"storeyard 1 "
_LONGEST = 200


class FolderTaken(Exception):
    """Another process keeps its objects there."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(f"{folder} is in use by another pocket cluster{f' (process {pid})' if pid else ''}. Stop that one first.")
        self.folder = folder


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that could not be used. `recovered`: its object, or an older state of it, was read from the other copy."""

    place: str
    reason: str
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was on the disk. The store goes on from `version`."""

    objects: tuple[Body, ...]
    version: int
    damaged: tuple[Damage, ...]


class _Unreadable(Exception):
    """Why a file is none of ours."""


class Shelf:
    """A Keeper (see `localcluster.memory`) in a folder of its own, which is made where it is missing. FolderTaken: it is in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self._temporary = folder / "temporary"
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(exist_ok=True)
        self._numbers = itertools.count()
        self._reserved: int | None = None

    def close(self) -> None:
        """Leave the folder to others."""
        os.close(self._lock)

    # Writing

    def put(self, kind: str, body: Body) -> None:
        self._reserve(body)
        try:
            text = orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise OSError(errno.EILSEQ, f"it cannot be written as JSON: {error}") from error
        self._write(text, self._places(kind, body), wait=kind in TWICE)

    def drop(self, kind: str, body: Body) -> None:
        self._reserve(body)
        for place in self._places(kind, body):
            with suppress(FileNotFoundError):
                place.unlink()
                if kind in TWICE:
                    _settle(place.parent)
            with suppress(OSError):  # others of the namespace are still there
                place.parent.rmdir()

    def _places(self, kind: str, body: Mapping[str, Any]) -> list[Path]:
        place = _place(kind, body)
        return [self._folder / root / place for root in _roots(kind)]

    def _write(self, text: bytes, places: list[Path], *, wait: bool) -> None:
        """Nothing is put in place until all is written: a full disk changes nothing."""
        sealed = _sealed(text)
        written: list[Path] = []
        try:
            for _ in places:
                written.append(self._temporary / str(next(self._numbers)))
                _fill(written[-1], sealed, wait=wait)
            for place in places:
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for source, place in zip(written, places, strict=True):
                source.replace(place)
        except OSError:
            for source in written:
                with suppress(OSError):
                    source.unlink()
            raise
        if wait:
            for place in places:
                _settle(place.parent)
                _settle(place.parent.parent)

    def _reserve(self, body: Body) -> None:
        """Note, well before it is needed, that versions up to another block may have been given."""
        version = _version(body)
        if self._reserved is None:
            raise RuntimeError("load() comes first: it knows which versions are given")
        if version <= self._reserved - BLOCK // 2:
            return
        try:
            self._write(str(version + BLOCK).encode(), [self._folder / "version"], wait=True)
            self._reserved = version + BLOCK
        except OSError:
            # A full disk: what is reserved already does for as many deletions as are left of it.
            if version > self._reserved:
                raise

    # Reading

    def load(self) -> Loaded:
        """All that can be read. The rest is moved to `damaged/`, and copies that differ made alike. Once, before the first write."""
        found: dict[Path, Body] = {}
        copies: dict[Path, list[str]] = {}
        broken: list[tuple[Path, str]] = []
        for root in ("objects", "copies"):
            for place, body in self._readable(root, broken):
                copies.setdefault(place, []).append(body["metadata"]["resourceVersion"])
                if place not in found or _version(body) > _version(found[place]):
                    found[place] = body
        for place, body in found.items():
            if len(copies[place]) < len(_roots(body["kind"])) or len(set(copies[place])) > 1:
                with suppress(OSError):  # the next write of the object makes up for it
                    self._write(orjson.dumps(body), self._places(body["kind"], body), wait=True)
        damaged = [Damage(str(place), reason, place.relative_to(place.parts[0]) in found) for place, reason in broken]
        objects = sorted(found.values(), key=_version)
        version = self._continued(_version(objects[-1]) if objects else 0, damaged)
        return Loaded(tuple(objects), version, tuple(damaged))

    def _readable(self, root: str, broken: list[tuple[Path, str]]) -> Iterator[tuple[Path, Body]]:
        """The good files below a folder, by their places in it."""
        for path in _files(self._folder / root):
            place = path.relative_to(self._folder / root)
            try:
                body = _object(path, root, place)
            except _Unreadable as why:
                broken.append((Path(root) / place, str(why)))
                self._set_aside(path, Path(root) / place, str(why))
            else:
                yield place, body

    def _continued(self, highest: int, damaged: list[Damage]) -> int:
        """The version to go on from."""
        path = self._folder / "version"
        try:
            text = _opened(path)
            noted = int(text) if text.isdigit() else 0
            why = "" if noted >= highest else f"it says {noted}, but there are objects of version {highest}"
        except FileNotFoundError:
            noted, why = 0, "it is missing" if highest or damaged else ""
        except _Unreadable as error:
            noted, why = 0, str(error)
        if why:
            damaged.append(Damage("version", why))
            self._set_aside(path, Path("version"), why)
            self._reserved = 0
            return highest + FAR
        self._reserved = noted
        return noted

    def _set_aside(self, path: Path, place: Path, reason: str) -> None:
        """Out of the way, for people to look at. Left where it is if that is impossible: it is overwritten or read again."""
        number = 1
        damaged = self._folder / "damaged"
        with suppress(OSError):
            damaged.mkdir(mode=0o700, exist_ok=True)
            while (target := damaged / f"{number:04d}-{path.name[-_LONGEST:]}").exists():
                number += 1
            path.rename(target)
            target.with_name(f"{target.name}.reason").write_text(f"{place}: {reason}\n", encoding="utf-8", errors="replace")


def _roots(kind: str) -> tuple[str, ...]:
    return ("objects", "copies") if kind in TWICE else ("objects",)


def _version(body: Mapping[str, Any]) -> int:
    return int(body["metadata"]["resourceVersion"])


def _place(kind: str, body: Mapping[str, Any]) -> Path:
    meta = body["metadata"]
    return Path(kind, meta.get("namespace") or "_", f"{_file_name(meta['name'])}.json")


def _file_name(name: str) -> str:
    """Different names have different ones, on every file system, however long they are."""
    quoted = quote(name, safe="").replace("~", "%7E")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) <= _LONGEST:
        return quoted
    return f"{quoted[:100]}~{hashlib.sha256(name.encode()).hexdigest()}"


def _sealed(text: bytes) -> bytes:
    return _FORMAT + hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _opened(path: Path) -> bytes:
    """A file's content. FileNotFoundError where it is not there, _Unreadable where it is not as it was written."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _Unreadable(error.strerror or str(error)) from error
    head, _, text = raw.partition(b"\n")
    if not head.startswith(_FORMAT):
        raise _Unreadable("it does not begin as our files do" if raw else "it is empty")
    if _sealed(text) != raw:
        raise _Unreadable("its checksum is wrong: it was cut off or changed")
    return text


def _object(path: Path, root: str, place: Path) -> Body:
    if len(place.parts) != 3 or place.parts[0] not in KINDS or root not in _roots(place.parts[0]):
        raise _Unreadable("no kind of object belongs there")
    try:
        body = orjson.loads(_opened(path))
        kind, right = body["kind"], _place(body["kind"], body)
        _version(body)
    except FileNotFoundError as error:
        raise _Unreadable("it is a link to nowhere") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _Unreadable(f"it holds no object: {error}") from error
    if right != place:
        raise _Unreadable(f"it holds the {kind} that belongs to {right}")
    return body


def _files(folder: Path) -> Iterator[Path]:
    """All that is no folder, and folders so deep that an object should be there instead."""
    for path in sorted(folder.glob("*")):
        for inner in sorted(path.glob("*")) if path.is_dir() else (path,):
            yield from sorted(inner.glob("*")) if inner.is_dir() and inner != path else (inner,)


def _fill(path: Path, content: bytes, *, wait: bool) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
        if wait:
            file.flush()
            os.fdatasync(file.fileno())


def _settle(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _locked(folder: Path) -> int:
    """Open for as long as the folder is ours. Not inherited by the processes we start."""
    path = folder / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        raise FolderTaken(folder, pid) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock
