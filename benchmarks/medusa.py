"""A real Medusa with its demo shop: a database of its own, and the bundle that `make up` or docker/medusa/build makes.

Nothing is left behind: PostgreSQL ends when the pipe to it closes, Medusa gets PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.platform import Refused
from embedded import process as embedded_process
from embedded import programs

CHECKOUT = Path(__file__).parents[1]
WITH_POSTGRES = CHECKOUT / "docker" / "medusa" / "build" / "with-postgres.sh"
STATES = (".storeyard", ".storeyard-test")
BOOT_SECONDS = 120


@dataclass(frozen=True)
class Medusa:
    """`log` is what it wrote so far: a line for every request it answered."""

    url: str
    publishable_key: str
    admin_email: str
    admin_password: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / "medusa.log"


def find_bundle(given: str | None = None) -> Path:
    """The folder with Medusa's server.js and template. Raises Refused."""
    places = [Path(given)] if given else [CHECKOUT / state / "medusa" / "bundle" for state in STATES]
    for place in places:
        if (place / "server.js").is_file() and (place / "template.sql").is_file():
            return place.resolve()
    raise Refused("Medusa is not built: run `make up` once, or name the folder that docker/medusa/build/bundle.sh made with --bundle.")


@contextmanager
def medusa(bundle: Path, *, prefix: Sequence[str] = (), name: str = "Demo Shop") -> Iterator[Medusa]:
    """Medusa, ready. `prefix` is put in front of its command, such as taskset. Raises Refused."""
    folder = Path(tempfile.mkdtemp(prefix="sm-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with _postgres(folder) as database, _server(bundle, folder, database, prefix, name) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    home = programs.lend_postgres(folder) / "bin"
    holder = subprocess.Popen(
        [WITH_POSTGRES, "bash", "-c", 'echo "$SCRATCH_DATABASE_URL"; exec cat'],
        env={**os.environ, "PG_BIN": str(home)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        url = holder.stdout.readline().decode().strip()
        if not url:
            raise Refused("PostgreSQL could not be started.")
        yield url
    finally:
        holder.stdin.close()
        holder.wait(30)
        holder.stdout.close()


@contextmanager
def _server(bundle: Path, folder: Path, database: str, prefix: Sequence[str], name: str) -> Iterator[Medusa]:
    work = folder / "work"
    (work / "static").mkdir(parents=True)
    for entry in bundle.iterdir():
        if entry.name != "static":
            (work / entry.name).symlink_to(entry)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": database, "JWT_SECRET": secrets.token_hex(16), "COOKIE_SECRET": secrets.token_hex(16),
        "PUBLISHABLE_KEY": f"pk_{secrets.token_hex(16)}", "ADMIN_EMAIL": "owner@example.com", "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        "STORE_NAME": name, "PUBLIC_URL": "http://shop.example.com", "HOST": "127.0.0.1", "PORT": str(port),
    }  # fmt: skip
    common = {"NODE_ENV": "production", "MEDUSA_DISABLE_TELEMETRY": "1", "HOME": str(folder), "NODE_OPTIONS": "--max-old-space-size=256"}
    with (folder / "medusa.log").open("ab") as log:
        process = subprocess.Popen(
            [*prefix, "node", "server.js"], cwd=work, env={"PATH": os.environ["PATH"], **common, **settings},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=embedded_process.ending_with_us(signal.SIGKILL),  # noqa: PLW1509 - system calls alone, no lock taken
        )  # fmt: skip
    made = Medusa(url, settings["PUBLISHABLE_KEY"], settings["ADMIN_EMAIL"], settings["ADMIN_PASSWORD"], folder, process)
    try:
        _wait(made)
        yield made
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(running: Medusa) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{running.url}/ready", timeout=3):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise Refused(f"Medusa did not become ready:\n{running.log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
