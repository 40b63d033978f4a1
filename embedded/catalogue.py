"""The image catalogue: which folder and command of this machine stand for an image of the stores' manifests.

The pocket cluster reads it (`{"images": {NAME: {root, mount, workdir, command, path, env}}}`). There is no mount namespace: a container's
PostgreSQL must bind its pod's address rather than all, so wrappers stand before its programs and say so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from embedded.places import Places, write_private

MEDUSA = "docker.io/storeyard/medusa:2.18.0-r1"
STOREFRONT = "docker.io/storeyard/storefront:1.0.0-r1"
POSTGRES = "docker.io/library/postgres:15-bookworm"

# As in docker/medusa/Dockerfile, and the address to bind.
MEDUSA_ENVIRONMENT = {
    "NODE_ENV": "production",
    "NODE_OPTIONS": "--max-old-space-size=256",
    "MEDUSA_DISABLE_TELEMETRY": "1",
    "HOME": "/tmp",  # noqa: S108 - a path in the image
    "PORT": "9000",
    "HOST": "$(POD_IP)",
}

# As in docker/storefront/Dockerfile.
STOREFRONT_ENVIRONMENT = {
    "PYTHONPATH": "/srv/site:/srv",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "HOME": "/tmp",  # noqa: S108 - a path in the image
    "PORT": "8000",
    "HOST": "$(POD_IP)",
}

_POSTGRES_WRAPPER = """\
#!/bin/sh
# A server listens on its pod's address alone; the other uses of the program do not listen.
for word in "$@"; do
  case $word in
    --single | --boot | --check | --describe-config | --version | -V | --help | '-?' | -C) exec '{program}' "$@" ;;
  esac
done
exec '{program}' "$@" -c "listen_addresses=$POD_IP"
"""

_ISREADY_WRAPPER = """\
#!/bin/sh
# The pod's address is where the server listens, whatever host the probe names.
exec '{program}' "$@" "--host=$POD_IP"
"""


def write_catalogue(places: Places, *, postgres: Path, node: Path, python: Path) -> None:
    """`postgres` is the server's home, `node` and `python` programs, where the containers' user can run them. Raises OSError."""
    wrappers = places.programs / "postgres"
    wrap_postgres(wrappers / "bin", postgres)
    nodes = places.programs / "node"
    _link(nodes / "node", node)
    pythons = places.programs / "python"
    _link(pythons / "python", python)
    images = {
        MEDUSA: {
            "root": str(places.medusa / "bundle"), "mount": "/app", "workdir": "/app", "command": ["node", "server.js"],
            "path": [str(nodes)], "env": MEDUSA_ENVIRONMENT,
        },
        STOREFRONT: {
            "root": str(places.storefront), "mount": "/srv", "workdir": "/srv",
            "command": ["python", "-m", "gunicorn", "-c", "/srv/gunicorn.conf.py"],
            "path": [str(pythons)], "env": STOREFRONT_ENVIRONMENT,
        },
        POSTGRES: {
            "root": str(wrappers), "mount": "/usr/local/postgres", "workdir": "/", "command": ["postgres"],
            "path": [str(wrappers / "bin")], "env": {},
        },
    }  # fmt: skip
    write_private(places.catalogue, json.dumps({"images": images}, indent=2) + "\n")


def wrap_postgres(folder: Path, home: Path) -> None:
    """Fill `folder` with the server's programs: links to all, but for the two that must know the pod's address.

    initdb looks for `postgres` beside the place its link leads to, and so finds the server itself.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    programs = {path.name: path for path in (home / "bin").iterdir()}
    wrappers = {"postgres": _POSTGRES_WRAPPER, "pg_isready": _ISREADY_WRAPPER}
    for path in folder.iterdir():
        if path.name not in programs:
            path.unlink()
    for name, program in programs.items():
        if name in wrappers:
            _write_program(folder / name, wrappers[name].format(program=str(program).replace("'", "'\\''")))
        else:
            _link(folder / name, program)


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.is_symlink() and os.readlink(path) == str(target):
        return
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def _write_program(path: Path, text: str) -> None:
    if path.exists() and not path.is_symlink() and path.read_text() == text:
        return
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    beside.write_text(text)
    beside.chmod(0o755)
    beside.replace(path)
