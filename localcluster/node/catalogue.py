"""Images: which folder and command of this machine stand for an image's name.

The catalogue is a JSON file, `{"images": {NAME: ENTRY}}`; it is read again when it changes. An ENTRY: `root` (folder that stands for
`mount`), `mount` (path in the image), `workdir` (path in the image), `command` (argv where the pod gives none), `path` (folders put in
front of PATH), `env` (defaults), `stop_signal` (a signal's name; SIGTERM). All are optional.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """One entry. `root` stands for `mount`; paths in `workdir`, `command` and `env` are the image's own."""

    name: str
    root: Path | None = None
    mount: str = ""
    workdir: str = ""
    command: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stop_signal: signal.Signals = signal.SIGTERM


def normalise(name: str) -> str:
    """As a node reads an image's name: `postgres:15` is `docker.io/library/postgres:15`, no tag is `latest`."""
    first, slash, _ = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


class Catalogue:
    """The file, as it is now. Safe for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._images: Mapping[str, Image] = {}
        self.problem = ""

    def find(self, name: str) -> Image | None:
        self._refresh()
        return self._images.get(normalise(name))

    def missing(self, name: str) -> str:
        """Why there is no such image, for people."""
        known = ", ".join(sorted(self._images)) or "none"
        why = f"; {self.problem}" if self.problem else ""
        return f'image "{name}" is not in the catalogue of this pocket cluster (known: {known}{why})'

    def _refresh(self) -> None:
        with self._lock:
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp == self._stamp:
                    return
                entries = json.loads(self._path.read_text(encoding="utf-8"))["images"]
                images = [_image(name, entry) for name, entry in entries.items()]
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                # What was known stays known: a file half written must not take running stores' images away.
                self.problem = f"its file {self._path} cannot be read: {error}"
                self._stamp = None
                return
            self._images, self._stamp, self.problem = {image.name: image for image in images}, stamp, ""


def _image(name: str, entry: Mapping[str, Any]) -> Image:
    root = entry.get("root")
    return Image(
        name=normalise(name),
        root=Path(root) if root else None,
        mount=str(entry.get("mount") or "").rstrip("/"),
        workdir=str(entry.get("workdir") or ""),
        command=tuple(map(str, entry.get("command") or ())),
        path=tuple(map(str, entry.get("path") or ())),
        env={str(key): str(value) for key, value in (entry.get("env") or {}).items()},
        stop_signal=signal.Signals[entry.get("stop_signal") or "SIGTERM"],
    )
