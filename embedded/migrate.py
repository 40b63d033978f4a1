"""`python -m embedded.migrate PSQL SOCKETS STAMP COMMAND…`: bring the schema up to date, at a small price where it is.

COMMAND (`storeyard db upgrade`) loads half the application to find that there is nothing to do, at every start. So what it left is
remembered: the hash of the migrations and the version the database then had. Where both are still the same it is not run; the database
itself is asked, so that one restored from a backup is migrated.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.places import CHECKOUT, write_private
from embedded.settings import DATABASE

MIGRATIONS = CHECKOUT / "migrations"


def main(arguments: Sequence[str]) -> int:
    psql, sockets, stamp, *command = arguments
    hashed = migrations_hash()
    path = Path(stamp)
    if path.exists() and path.read_text() == f"{hashed} {(version := database_version(psql, sockets))}":
        sys.stdout.write(f"The schema is up to date ({version}).\n")
        return 0
    code = subprocess.run(command, check=False).returncode  # noqa: S603
    if code == 0 and (version := database_version(psql, sockets)):
        write_private(path, f"{hashed} {version}")
    return code


def migrations_hash(folder: Path = MIGRATIONS) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def database_version(psql: str, sockets: str) -> str:
    """What Alembic noted in the database; empty where it has not, or where it cannot be asked."""
    ask = [
        psql,
        "--no-psqlrc",
        "-tA",
        "-h",
        sockets,
        "-p",
        "5432",
        "-U",
        DATABASE,
        "-c",
        "select version_num from alembic_version",
        DATABASE,
    ]
    return subprocess.run(ask, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
