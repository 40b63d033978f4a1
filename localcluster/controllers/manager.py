"""The controller manager: looks at every namespace in which something happened, until nothing is left to do there.

Level-triggered: a look decides from what is there, never from what happened, so that a lost wake-up or a crash costs time and nothing
else. What an object's controller raises stops that object alone; it is logged with its address and tried again, later each time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.collector import collect
from localcluster.controllers import (
    basics,
    claims,
    daemonsets,
    deployments,
    endpoints,
    events,
    jobs,
    quotas,
    replicasets,
    scheduler,
    statefulsets,
)
from localcluster.controllers.desk import Desk, Settings
from localcluster.controllers.shapes import alive
from localcluster.errors import ApiError
from localcluster.objects import Store

Body = Mapping[str, Any]
Controller = Callable[[Desk, Body], None]
Kubelet = Callable[[Desk], None]
Address = tuple[str, str, str]
"""Namespace, kind, name."""

# In the order in which work flows, so that most changes need one look. The flag: whether objects that are ending are looked at too.
_CONTROLLERS: tuple[tuple[str, Controller, bool], ...] = (
    ("PersistentVolumeClaim", claims.claim, True),
    ("Deployment", deployments.deployment, False),
    ("ReplicaSet", replicasets.replica_set, False),
    ("StatefulSet", statefulsets.stateful_set, False),
    ("DaemonSet", daemonsets.daemon_set, False),
    ("Job", jobs.job, False),
    ("Service", endpoints.endpoints, False),
    ("ResourceQuota", quotas.quota, False),
)
_ENDS_WITH_ITS_NAMESPACE = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Service"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
_SWEEP_EVERY = 60.0
_LONGEST_SLEEP = 0.5

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Failure:
    """What failed, how often in a row, and when it may be tried again (on the monotonic clock)."""

    times: int
    due: float


class Manager:
    """All controllers of one store. `kubelet` plays the node in tests: it is called for each namespace after its controllers."""

    def __init__(self, store: Store, *, kubelet: Kubelet | None = None, settings: Settings | None = None) -> None:
        self._store = store
        self._kubelet = kubelet
        self._settings = settings or Settings()
        self._failures: dict[Address, _Failure] = {}
        self._due: dict[str, float] = {}
        self._strict = False

    def settle(self, rounds: int, namespace: str = "") -> None:
        """Until a round changes nothing, everywhere or in one namespace; AssertionError where `rounds` are not enough.

        What a controller raises is raised, but conflicts. Time does not pass: nothing that is due later is waited for.
        """
        self._strict = True
        try:
            for _ in range(rounds):
                before = self._store.version
                names = [body["metadata"]["name"] for body in self._store.all("Namespace")]
                self._round([name for name in names if namespace in ("", name)])
                if self._store.version == before:
                    return
        finally:
            self._strict = False
        raise AssertionError(f"the cluster did not settle in {rounds} rounds")

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`, for which it is looked at twice a second. Nothing that a controller raises ends it."""
        seen, swept = 0, 0.0
        while not stop.is_set():
            version = int(self._store.version)
            touched = self._store.touched(seen) if version != seen else set[str]()
            seen, now = version, time.monotonic()
            names = touched | {name for name, at in self._due.items() if at <= now}
            for name in names:
                self._due.pop(name, None)
            if names:
                self._round(sorted(names - {""}))
            if now >= swept + _SWEEP_EVERY:
                swept = now
                self._attempt(("", "Event", "*"), lambda: events.forget(self._store))
            pause = min(self._due.values(), default=now + _LONGEST_SLEEP) - time.monotonic()
            self._store.wait(seen, max(0.0, min(_LONGEST_SLEEP, pause)))

    def _round(self, names: list[str]) -> None:
        for name in names:
            self._look(name)
        if self._settings.schedule:
            self._attempt(("", "Pod", "*"), lambda: self._schedule(names if self._strict else None))
        for name in names:
            self._attempt((name, "Namespace", name), lambda name=name: self._collect(name))

    def _collect(self, namespace: str) -> None:
        collect(self._store, namespace)

    def _schedule(self, names: list[str] | None) -> None:
        """Room that comes back in one namespace serves pods of all; in `settle`, only of the namespaces settled."""
        pods = self._store.all("Pod")
        known = pods if names is None else (pod for pod in pods if pod["metadata"]["namespace"] in names or pod["spec"].get("nodeName"))
        scheduler.schedule(self._desk, known, list(self._store.all("Node")))

    def _desk(self, namespace: str) -> Desk:
        return Desk(self._store, namespace, self._settings, lambda seconds: self._look_again(namespace, seconds))

    def _look_again(self, namespace: str, seconds: float) -> None:
        at = time.monotonic() + seconds
        self._due[namespace] = min(at, self._due.get(namespace, at))

    def _look(self, namespace: str) -> None:
        try:
            home = self._store.get("Namespace", "", namespace)
        except ApiError as error:
            if error.code != 404:
                raise
            self._forget(namespace)
            return
        desk = self._desk(namespace)
        if alive(home):
            self._attempt((namespace, "Namespace", "*"), lambda: basics.furnish(desk))
        for kind, controller, ending_too in _CONTROLLERS:
            if alive(home) or kind not in _ENDS_WITH_ITS_NAMESPACE:
                self._each(desk, kind, controller, ending_too=ending_too)
        if self._kubelet is not None:
            kubelet = self._kubelet
            self._attempt((namespace, "Pod", "*"), lambda: kubelet(desk))

    def _each(self, desk: Desk, kind: str, controller: Controller, *, ending_too: bool) -> None:
        bodies: Iterator[Body] = desk.all(kind) if ending_too else desk.alive(kind)
        for body in bodies:
            self._attempt((desk.namespace, kind, body["metadata"]["name"]), lambda body=body: controller(desk, body))

    def _forget(self, namespace: str) -> None:
        """A namespace that is gone is nobody's business."""
        self._due.pop(namespace, None)
        for address in [each for each in self._failures if each[0] == namespace]:
            del self._failures[address]

    def _attempt(self, address: Address, work: Callable[[], None]) -> None:
        failed = self._failures.get(address)
        if failed is not None and failed.due > time.monotonic() and not self._strict:
            self._look_again(address[0], failed.due - time.monotonic())
            return
        try:
            work()
        except ApiError as error:
            if error.code in (404, 409):
                # Changed or gone since it was read. The change itself leads here again; this is for what was merely in the way.
                self._pause(address)
                return
            if self._strict:
                raise
            self._report(address, error)
        except Exception as error:  # whatever it is, the loop serves all the others as well
            if self._strict:
                raise
            self._report(address, error)
        else:
            self._failures.pop(address, None)

    def _report(self, address: Address, error: Exception) -> None:
        pause = self._pause(address)
        namespace, kind, name = address
        unexpected = None if isinstance(error, ApiError) else error
        _log.error("controllers: %s %s in namespace %s: %s; again in %.1f s", kind, name, namespace, error, pause, exc_info=unexpected)

    def _pause(self, address: Address) -> float:
        times = self._failures[address].times + 1 if address in self._failures else 1
        pause = min(_FIRST_PAUSE * 2 ** (times - 1), _LONGEST_PAUSE)
        self._failures[address] = _Failure(times, time.monotonic() + pause)
        self._look_again(address[0], pause)
        return pause
