"""A process killed while it writes: all that it said was written is there, and the one write under way is there or not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from localcluster.disk import Shelf
from tests.unit.localcluster import writer

ROUNDS = 20
Key = tuple[str, str]


@dataclass(slots=True)
class Said:
    """What the writer said before it was killed."""

    digests: dict[Key, str] = field(default_factory=dict)
    version: int = 0
    pending: Key | None = None

    def hear(self, line: str) -> None:
        match line.split():
            case ["begin", kind, name]:
                self.pending = (kind, name)
            case ["done", kind, name, digest, version]:
                self.digests[kind, name] = digest
                self.version, self.pending = int(version), None
            case other:
                assert other == ["ready"]


def run_and_kill(folder: Path, seed: int, *, lines: int, seconds: float) -> Said:
    """Killed so long after it has said so many lines."""
    said = Said()
    command = [sys.executable, "-m", "tests.unit.localcluster.writer", str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            if number == lines:
                time.sleep(seconds)
                process.send_signal(signal.SIGKILL)
            if line.endswith("\n"):
                said.hear(line)
    assert process.returncode == -signal.SIGKILL
    return said


def test_a_process_killed_while_it_writes_loses_nothing_that_was_written(tmp_path: Path) -> None:
    chance = random.Random(3)
    known: dict[Key, str] = {}
    version = 0
    for seed in range(ROUNDS):
        said = run_and_kill(tmp_path / "state", seed, lines=chance.randrange(1, 60), seconds=chance.random() / 100)
        known |= said.digests
        shelf = Shelf(tmp_path / "state")
        loaded = shelf.load()
        shelf.close()
        found = {(body["kind"], body["metadata"]["name"]): writer.digest(body) for body in loaded.objects}
        assert loaded.damaged == ()
        assert loaded.version >= max(version, said.version)
        for key, digest in known.items():
            assert key == said.pending or found.get(key, "gone") == digest, (seed, key)
        assert found.keys() - known.keys() <= {said.pending, ("Namespace", writer.HOME)}
        known, version = found, loaded.version
