"""Stop points inside a pass: before and after every write to the cluster, after every read, and around every transaction.

Nothing happens between a read's answer and the next step, so the point after it stands for the one before it, too.

They are wrappers around the ports, put in place by the launcher of tests/faults/nursery.py; production code knows nothing of them. What is
to happen to a store is a file in the faults folder, so that a test may change it while workers run:

    <store>.plan    JSON: where, {"pass": 2, "step": 17} or {"label": "…"} or {"after": "…", "plus": 3} (so many steps after a label), and
                    what, {"do": "kill" or "stop"}, with "always" or once; {"delay": 0.2} makes every step take so long
    <store>.steps   one line per step taken: number of the pass, number of the step in it, time, label
    <store>.done    exists once the plan was carried out: it happens once, unless it says "always"
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.domain.manifests import ObjectKey
from app.models.session import Sessions
from app.ports import Cluster
from app.reconcile.intercept import InterceptedCluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a store's step log."""

    pass_number: int
    number: int
    at: float
    """Seconds since the epoch."""
    label: str


class StopPoints:
    """The steps of the pass that this process is at. A warm worker does one pass at a time; only its writes run in parallel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._store: str | None = None
        self._plan: dict[str, Any] = {}
        self._pass = 0
        self._step = 0
        self._since: int | None = None

    @contextmanager
    def during(self, store_id: str) -> Generator[None]:
        """Around a pass over one store. Without a plan for it nothing is counted and nothing happens."""
        self._plan = read_plan(self._folder, store_id)
        if self._plan:
            self._store, self._step, self._since = store_id, 0, None
            self._pass = 1 + max((step.pass_number for step in steps_of(self._folder, store_id)), default=0)
        try:
            yield
        finally:
            self._store = None

    def step(self, label: str) -> None:
        """Be counted, and come to harm here if that is the plan."""
        with self._lock:
            if self._store is None:
                return
            self._step += 1
            with (self._folder / f"{self._store}.steps").open("a") as log:
                log.write(f"{self._pass} {self._step} {time.time():.2f} {label}\n")
            if self._due(label):
                self._harm(self._store)
        if delay := self._plan.get("delay"):
            time.sleep(delay)

    def _due(self, label: str) -> bool:
        plan = self._plan
        if "do" not in plan:
            return False
        if "label" in plan:
            return bool(label == plan["label"])
        if "after" in plan:
            if self._since is None and label == plan["after"]:
                self._since = self._step
            return self._since is not None and self._step == self._since + plan["plus"]
        return (self._pass, self._step) == (plan["pass"], plan["step"])

    def _harm(self, store_id: str) -> None:
        if not self._plan.get("always"):
            try:
                (self._folder / f"{store_id}.done").touch(exist_ok=False)
            except FileExistsError:
                return
        os.kill(os.getpid(), signal.SIGKILL if self._plan["do"] == "kill" else signal.SIGSTOP)


class StoppingCluster(InterceptedCluster):
    """It stands behind the fence: what stops here has been let through already."""

    def __init__(self, inner: Cluster, points: StopPoints) -> None:
        super().__init__(inner)
        self._points = points

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        what = target.kind if isinstance(target, ObjectKey) and target.kind == "Namespace" else str(target)
        if verb in ("create", "apply", "patch", "delete"):
            self._points.step(f"before {verb} {what}")
        answer = super().around(verb, target, call)
        self._points.step(f"after {verb} {what}: {'absent' if answer is None else 'answered'}")
        return answer


class StoppingSessions(Sessions):
    """Three steps per transaction: before it begins, before it is committed, after that."""

    def __init__(self, inner: Sessions, points: StopPoints) -> None:
        super().__init__(inner.engine)
        self._points = points

    @contextmanager
    def _transaction(self, scope: Any) -> Generator[Session]:
        self._points.step("before a transaction")
        with super()._transaction(scope) as session:
            yield session
            session.flush()
            self._points.step("before a commit")
        self._points.step("after a commit")


def read_plan(folder: Path, store_id: str) -> dict[str, Any]:
    try:
        return json.loads((folder / f"{store_id}.plan").read_text())
    except FileNotFoundError:
        return {}


def write_plan(folder: Path, store_id: str, **plan: Any) -> None:
    """From the next pass on, with a step log that begins anew."""
    forget(folder, store_id)
    scratch = folder / f"{store_id}.new"
    scratch.write_text(json.dumps(plan or {"count": True}))
    scratch.rename(folder / f"{store_id}.plan")


def forget(folder: Path, store_id: str) -> None:
    for suffix in ("plan", "steps", "done"):
        (folder / f"{store_id}.{suffix}").unlink(missing_ok=True)


def steps_of(folder: Path, store_id: str) -> list[Step]:
    try:
        lines = (folder / f"{store_id}.steps").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Step(int(number), int(step), float(at), label) for number, step, at, label in (line.split(" ", 3) for line in lines)]


def harmed_at(folder: Path, store_id: str) -> float | None:
    """When the plan was carried out, in seconds since the epoch."""
    try:
        return (folder / f"{store_id}.done").stat().st_mtime
    except FileNotFoundError:
        return None
