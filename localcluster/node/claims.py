"""Folders of claims: `<folder>/<namespace>/<uid of the claim>`, and a file beside each that names the claim.

A folder goes when its claim was seen deleted, and only then. One whose claim is merely not there any more (a state file that could not be
read, say) is kept, and is given to the next claim of its name: data is lost to no accident. Sizes are not enforced.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from localcluster.node.process import Account

Body = Mapping[str, Any]

_NAME, _DELETED = ".claim", ".deleted"


class Claims:
    """All claims' folders. Safe for threads."""

    def __init__(self, folder: Path, account: Account | None, live: Callable[[], Iterable[str]]) -> None:
        self._folder = folder
        self._account = account
        self._live = live  # uids of the claims that there are
        self._lock = threading.Lock()

    def folder(self, claim: Body) -> Path:
        """The folder of a claim, made or found. OSError where it cannot be."""
        meta = claim["metadata"]
        home = self._folder / meta["namespace"]
        place, note = home / meta["uid"], home / f"{meta['uid']}{_NAME}"
        with self._lock:
            home.mkdir(parents=True, exist_ok=True)
            if not place.exists() and (lost := self._lost(home, meta["name"])):
                lost.rename(place)
                lost.with_name(f"{lost.name}{_NAME}").unlink(missing_ok=True)
            place.mkdir(exist_ok=True)
            if not note.exists():
                note.write_text(meta["name"], encoding="utf-8")
            if self._account:
                os.chown(place, self._account.uid, self._account.gid)
                place.chmod(0o700)
        return place

    def deleting(self, claim: Body) -> None:
        """The claim is marked for deletion: should we end before it is gone, its data is not for another."""
        meta = claim["metadata"]
        note = self._folder / meta["namespace"] / f"{meta['uid']}{_NAME}"
        with self._lock:
            if note.exists():
                note.rename(note.with_suffix(_DELETED))

    def deleted(self, claim: Body) -> None:
        """The claim is gone: so is its folder, and all that is in it."""
        meta = claim["metadata"]
        self.deleting(claim)
        self._remove(self._folder / meta["namespace"], meta["uid"])

    def sweep(self) -> list[str]:
        """At start: finish what was being deleted. The paths of folders kept that belong to no claim."""
        live, kept = set(self._live()), list[str]()
        for home in self._folder.iterdir() if self._folder.is_dir() else ():
            for place in [entry for entry in home.iterdir() if entry.is_dir() and entry.name not in live]:
                if place.with_name(f"{place.name}{_DELETED}").exists():
                    self._remove(home, place.name)
                else:
                    kept.append(str(place))
        return kept

    def _lost(self, home: Path, name: str) -> Path | None:
        """A folder of the claim's name whose claim is not there, and was not deleted."""
        live = set(self._live())
        for note in home.glob(f"*{_NAME}"):
            place = note.with_suffix("")
            if place.name not in live and place.is_dir() and note.read_text(encoding="utf-8") == name:
                return place
        return None

    def _remove(self, home: Path, uid: str) -> None:
        shutil.rmtree(home / uid, ignore_errors=True)
        if not (home / uid).exists():
            (home / f"{uid}{_DELETED}").unlink(missing_ok=True)
        try:
            home.rmdir()
        except OSError:
            return
