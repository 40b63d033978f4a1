"""Paths of a container and the folders that stand for them.

There is no mount namespace, so where a text of the container (its command, arguments, environment) says a path that is mounted, it is
replaced by the real folder: as a whole path or the beginning of one, never within a name. A path that a program has built in stays as it
is. A mount below an image's own folder makes a working folder of links into that folder, with the mount in its place.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

Body = Mapping[str, Any]


class PathMap:
    """Container paths and what stands for them here; of two that fit, the longer one."""

    def __init__(self, pairs: Mapping[str, Path]) -> None:
        self._pairs = {path: str(folder) for path, folder in pairs.items() if path not in ("", "/")}
        longest = sorted(self._pairs, key=len, reverse=True)
        self._pattern = re.compile(rf"(?:(?<![\w.\-/}})~*])|(?<=://))({'|'.join(map(re.escape, longest))})(?![\w.\-])") if longest else None

    def replace(self, text: str) -> str:
        """A text with every mapped path replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._pairs[match[1]], text)


def clean(path: str) -> str:
    """A container's path without a slash at its end, `//` and `.`."""
    return str(PurePosixPath("/", path))


def below(path: str, folder: str) -> bool:
    return path != folder and PurePosixPath(path).is_relative_to(folder)


def inside(folder: Path, relative: str) -> Path:
    """A path below a folder. ValueError for one that leads out of it."""
    if relative.startswith("/") or ".." in PurePosixPath(relative).parts:
        raise ValueError(f'"{relative}" must be a relative path without ".."')
    return folder / relative


def link_tree(place: Path, root: Path, mounts: Mapping[str, Path]) -> None:
    """Make `place` a folder of links to what `root` holds, but for `mounts`: relative paths, and the folders that go there."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    _link(place, root, {PurePosixPath(path).parts: target for path, target in mounts.items()})


def _link(place: Path, root: Path, mounts: Mapping[tuple[str, ...], Path]) -> None:
    heads = {parts[0] for parts in mounts}
    for entry in _entries(root):
        if entry not in heads:
            (place / entry).symlink_to(root / entry)
    for head in heads:
        if (head,) in mounts:
            # What is mounted below a mount is in its folder already, or not at all: two levels would need a real mount.
            (place / head).symlink_to(mounts[head,])
            continue
        (place / head).mkdir()
        _link(place / head, root / head, {parts[1:]: target for parts, target in mounts.items() if parts[0] == head})


def _entries(folder: Path) -> Iterable[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
