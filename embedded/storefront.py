"""The storefront, made once of docker/storefront: its locked packages and its code in a folder, and a Python that containers can run.

A stamp over the recipe's files and the interpreter says that there is nothing to do. The folder is made beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from embedded.places import CHECKOUT, Places
from embedded.programs import ProgramMissing, lend, reachable_by_others
from embedded.screen import Screen

RECIPE = CHECKOUT / "docker" / "storefront"
_CODE = ("storefront", "gunicorn.conf.py")
_LOCK = "requirements.txt"
_SYSTEM = "/usr/local/bin:/usr/bin"


def build(places: Places, *, python: Path, screen: Screen, recipe: Path = RECIPE) -> None:
    """Make `places.storefront` where it is not there as it should be. Raises OSError, or CalledProcessError with what was said."""
    wanted = _hash(recipe, python)
    stamp = places.storefront / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    screen.say("The storefront's packages are installed once.")
    beside = places.storefront.with_name(places.storefront.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o755, parents=True)
    for name in _CODE:
        source = recipe / name
        if source.is_dir():
            shutil.copytree(source, beside / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, beside / name)
    _run([*_installer(), "--require-hashes", "--target", str(beside / "site"), "-r", str(recipe / _LOCK)])
    # Whoever runs it may not write here.
    _run([str(python), "-m", "compileall", "-q", str(beside)])
    (beside / "stamp").write_text(wanted)
    shutil.rmtree(places.storefront, ignore_errors=True)
    beside.rename(places.storefront)


def find_python(places: Places, *, others: bool) -> Path:
    """The interpreter for containers. `others`: another user runs it, who must be able to; a copy of ours is made where there is no such.

    It has our version: packages are chosen for it. Raises ProgramMissing.
    """
    ours = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not ours.exists():
        raise ProgramMissing(f"Python's own program is missing: {ours}")
    if not others or reachable_by_others(ours):
        return ours
    system = shutil.which(ours.name, path=_SYSTEM)
    if system is not None and reachable_by_others(Path(system)):
        return Path(system)
    return lend(ours, places.programs, together=(ours.parent, ours.parents[1] / "lib"))


def _installer() -> list[str]:
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "-q", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]


def _run(command: list[str]) -> None:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603 - words of ours


def _hash(recipe: Path, python: Path) -> str:
    digest = hashlib.sha256(str(python.resolve()).encode())
    for path in _files(recipe):
        digest.update(f"{path.relative_to(recipe)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(recipe: Path) -> Iterator[Path]:
    for name in (*_CODE, _LOCK):
        place = recipe / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)
