"""A shell for tests: the command line on a real database, with a worker that works the moment it is woken on a fake cluster."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

from click.testing import CliRunner, Result

from app.adapters.clock import SystemClock
from app.adapters.jinja import JinjaRenderer
from app.cli.root import build_root
from app.services.context import Services
from app.services.reconcile_store import reconcile_store
from tests.fakes.cluster import FakeCluster
from tests.fakes.queue import FakeQueue


@dataclass
class Shell:
    """`worker` says whether wakes are acted on."""

    services: Services
    cluster: FakeCluster
    queue: FakeQueue
    worker: bool = True

    @classmethod
    def open(cls, services: Services, queue: FakeQueue, cluster: FakeCluster | None = None) -> Shell:
        cluster = cluster or FakeCluster()
        wired = replace(services, cluster=lambda _: cluster, renderer=JinjaRenderer(None, services.profile), clock=SystemClock())
        shell = cls(wired, cluster, queue)
        queue.on_wake = shell.work
        return shell

    def work(self, store_id: str) -> None:
        """Passes until nothing moves. What a worker logs goes to its own output, not to this shell's."""
        if self.worker:
            with redirect_stdout(io.StringIO()):
                for _ in range(3):
                    reconcile_store(self.services, store_id)
                    self.cluster.settle()

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(build_root(self.services), args, prog_name="storeyard", catch_exceptions=False)

    def ok(self, *args: str) -> str:
        """Standard output of a command that must succeed."""
        result = self.run(*args)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *args: str, code: int = 0) -> Any:
        """The one document of a command."""
        result = self.run(*args, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def refused(self, *args: str, code: int = 1) -> str:
        """The line of a command that must fail."""
        result = self.run(*args)
        assert result.exit_code == code, result.output
        lines = result.stderr.splitlines()
        assert lines[-1].startswith("error: "), result.output
        return lines[-1]
