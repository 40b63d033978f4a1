"""A Storeyard that `make up` runs, in a state folder and on ports of its own.

Medusa's bundle is built in `.storeyard-test/medusa`, or taken from there; STOREYARD_TEST_BUNDLE names another such folder.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded.places import CHECKOUT, Places
from embedded.process import kill_leftovers
from embedded.programs import reachable_by_others

BUILD_SECONDS = 1500
START_SECONDS = 240


class Installation:
    """A state folder with ports of its own."""

    def __init__(self, state: Path) -> None:
        self.places = Places.of(state)
        self.port, self.web_port, api_port = free_ports(3)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STOREYARD_")}
        self.environment = kept | {
            "STOREYARD_STATE": str(state), "STOREYARD_PORT": str(self.port), "STOREYARD_API_PORT": str(api_port),
            "STOREYARD_WEB_PORT": str(self.web_port),
        }  # fmt: skip

    def run(self, *command: str | Path, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=CHECKOUT, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def embedded(self, *words: str, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "embedded", *words, seconds=seconds)

    def up(self, *, seconds: float = START_SECONDS) -> str:
        done = self.embedded("up", seconds=seconds)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def storeyard(self, *words: str) -> Any:
        done = self.run("scripts/storeyard", *words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        return json.loads(self.embedded("status", "--json").stdout)

    def part(self, name: str) -> dict[str, Any]:
        return next(part for part in self.status()["parts"] if part["name"] == name)

    def kubectl(self, *words: str) -> str:
        done = self.run(Path(sys.executable).with_name("kubectl"), "--kubeconfig", self.places.kubeconfig, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logs(self) -> str:
        return self.embedded("logs", "--no-follow", "--lines", "15").stdout


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """A place that every user may enter, with the shared bundle in it. `settings` are STOREYARD_ variables."""
    state = Path(tempfile.mkdtemp(prefix="sy-up-", dir="/tmp"))
    state.chmod(0o755)
    bundle = Path(os.environ.get("STOREYARD_TEST_BUNDLE", CHECKOUT / ".storeyard-test" / "medusa"))
    if os.geteuid() == 0 and not reachable_by_others(CHECKOUT):
        bundle = Path("/var/lib/storeyard-test/medusa")
    bundle.mkdir(parents=True, exist_ok=True)
    (state / "medusa").symlink_to(bundle.resolve())
    made = Installation(state)
    made.environment.update(settings)
    try:
        yield made
    finally:
        made.embedded("down")
        kill_leftovers(made.places.state)
        shutil.rmtree(made.places.runtime, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)
