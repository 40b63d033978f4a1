"""Workers and schedulers as real processes, forked from one that has already imported everything: a hundred can be killed in a minute.

Run as `python -m tests.faults.nursery`, it takes JSON lines on standard input and answers each with one on standard output:

    {"start": "worker", "environment": {…}, "log": "…", "faults": "…", "again": true}   → {"name": 1}
    {"pid": 1} → {"pid": 4711 or null}     {"ended": 1} → {"codes": [-9]}     {"signal": 15, "name": 1} → {"sent": true}

A child runs the same `main` as `storeyard worker` does; only its services are wrapped (tests/faults/stops.py). `again`: one that was killed
is started anew, as Kubernetes would; one that crashed by itself is not, so that the test sees it. Children die with the nursery, and the
nursery with the test run.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import jobs.reconcile
import jobs.retention
import jobs.runtime
import jobs.schedule
import jobs.sweep
import jobs.worker
from app.ports import Cluster
from app.services.context import Services
from tests import servers
from tests.faults.mirror import MirrorCluster
from tests.faults.stops import StoppingCluster, StoppingSessions, StopPoints

PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """A process, or a row of them where it is started again."""

    order: dict[str, Any]
    pid: int | None = None
    codes: list[int] = field(default_factory=list)


class Server:
    """The nursery's own side. It has one thread and no connection: what it forks inherits neither."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.ending = False

    def run(self) -> None:
        lines = os.fdopen(os.dup(0), "rb", buffering=0)
        waiting = b""
        while True:
            self._reap()
            readable, _, _ = select.select([lines], [], [], 0.02)
            if not readable:
                continue
            chunk = lines.read(65536)
            if not chunk:
                break
            *whole, waiting = (waiting + chunk).split(b"\n")
            for line in whole:
                sys.stdout.write(json.dumps(self._obey(json.loads(line))) + "\n")
                sys.stdout.flush()
        for child in self.children.values():
            if child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if "start" in order:
            name = len(self.children) + 1
            self.children[name] = Child(order)
            self._fork(self.children[name])
            return {"name": name}
        if "signal" in order:
            child = self.children[order["name"]]
            if order["signal"] in (signal.SIGTERM, signal.SIGINT) or order.get("last"):
                child.order["again"] = False
            if child.pid is None:
                return {"sent": False}
            os.kill(child.pid, order["signal"])
            return {"sent": True}
        if "pid" in order:
            return {"pid": self.children[order["pid"]].pid}
        return {"codes": self.children[order["ended"]].codes}

    def _reap(self) -> None:
        for child in self.children.values():
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                child.pid = None
                child.codes.append(os.waitstatus_to_exitcode(status))
                if child.order.get("again") and child.codes[-1] == -signal.SIGKILL:
                    self._fork(child)

    def _fork(self, child: Child) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            child.pid = pid
            return
        code = 70
        try:
            ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                code = _live(child.order)
        finally:
            os._exit(code)


def _live(order: dict[str, Any]) -> int:
    """In the child: become a worker or a scheduler. Its exit code."""
    os.setsid()
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    random.seed()
    main = jobs.schedule.main
    if order["start"] == "worker":
        main = jobs.worker.main
        _wrap(StopPoints(Path(order["faults"])), mirror=bool(order.get("mirror")))
    try:
        main()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last word of a process
        traceback.print_exc()
        return 1
    return 0


def _wrap(points: StopPoints, *, mirror: bool) -> None:
    build, reconcile = jobs.runtime.build_services, jobs.reconcile.reconcile_store

    def build_wrapped(*arguments: Any, **options: Any) -> Services:
        services = build(*arguments, **options)

        @lru_cache(maxsize=16)
        def cluster(cluster_id: str) -> Cluster:
            if mirror:
                return cast("Cluster", MirrorCluster(services.sessions))
            return StoppingCluster(services.cluster(cluster_id), points)

        return replace(services, cluster=cluster, sessions=StoppingSessions(services.sessions, points))

    def reconcile_watched(services: Services, store_id: str, *rest: Any) -> Any:
        with points.during(store_id):
            return reconcile(services, store_id, *rest)

    jobs.runtime.build_services = build_wrapped
    jobs.reconcile.reconcile_store = reconcile_watched


class Nursery:
    """The test's side."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as output:
            self._process = servers.spawn(
                [sys.executable, "-W", "ignore", "-m", "tests.faults.nursery"],
                output,
                death=signal.SIGKILL,
                pipes=True,
                cwd=Path(__file__).parents[2],
            )

    def start(self, part: str, *, environment: dict[str, str], log: Path, faults: Path, again: bool = True, **options: Any) -> Process:
        order = {"start": part, "environment": environment, "log": str(log), "faults": str(faults), "again": again, **options}
        return Process(self, int(self.ask(order)["name"]))

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the nursery has died")
        return json.loads(answer)

    def stop(self) -> None:
        """No child outlives this."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class Process:
    """A worker or scheduler by its name in the nursery; where it is started again, whichever lives."""

    nursery: Nursery
    name: int

    @property
    def pid(self) -> int | None:
        pid = self.nursery.ask({"pid": self.name})["pid"]
        return None if pid is None else int(pid)

    @property
    def codes(self) -> list[int]:
        """Exit codes so far; negative is a signal's number."""
        return list(self.nursery.ask({"ended": self.name})["codes"])

    def send(self, number: signal.Signals, *, last: bool = False) -> bool:
        """`last`: it is not started again after this."""
        return bool(self.nursery.ask({"signal": int(number), "name": self.name, "last": last})["sent"])

    def state(self) -> str:
        """One letter: T is stopped, S sleeps, R runs; empty where there is none."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def wait(self, seconds: float = 60) -> int:
        """The exit code of one that is not started again."""
        until = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > until:
                raise AssertionError(f"process {self.pid} ({self.name}) did not end in {seconds} s")
            time.sleep(0.05)
        return self.codes[-1]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Server().run()
