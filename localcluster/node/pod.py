"""One pod: a thread that brings its containers to what the pod says, and writes what became of it.

The thread sleeps until something happens: a change of the pod, the end of a process, the outcome of a probe, the next moment to act. It
forks the containers, so it lives as long as they do. An error in a turn is logged, and the turn made again.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from localcluster.errors import ApiError
from localcluster.node import status, volumes
from localcluster.node.container import Container
from localcluster.node.ground import HOST_ADDRESS, Ground
from localcluster.node.process import Seen, family, held
from localcluster.node.refusals import refusal

Body = Mapping[str, Any]

LOG = logging.getLogger(__name__)

_FOREVER = float("inf")
_MEMORY_ROOM = 1.5
_MEMORY_LOOKS = 2


class PodWorker:
    """`changed`, `gone`, `shut_down` and `look_at_memory` may be called by any thread; `after` is joined before the pod is begun."""

    def __init__(self, ground: Ground, pod: Body, *, after: PodWorker | None = None) -> None:
        self.uid: str = pod["metadata"]["uid"]
        self.key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        self._ground = ground
        self._pod: Body = pod
        self._after = after
        self._calls: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._gone = self._shutting_down = False
        self._folder = ground.folder(self.uid)
        self._volumes: Mapping[str, Path] | None = None
        self._retry_at = 0.0
        self._written: Body = {}
        self._address = ""
        spec = pod["spec"]
        self._init = [Container(ground, self._now, item, self._post, init=True) for item in spec.get("initContainers") or ()]
        self._containers = [Container(ground, self._now, item, self._post) for item in spec["containers"]]
        self._thread = threading.Thread(target=self._run, name=f"pod {self.key[0]}/{self.key[1]}", daemon=True)

    # From other threads

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def changed(self, pod: Body) -> None:
        self._pod = pod
        self._ring()

    def gone(self) -> None:
        """The object is deleted: what still runs is ended at once."""
        self._gone = True
        self._ring()

    def shut_down(self) -> None:
        """End the processes within their grace, and keep the pod."""
        self._shutting_down = True
        self._ring()

    def look_at_memory(self, processes: Mapping[int, Seen]) -> None:
        """End a container that holds too much for too long; cut logs that have grown too large."""
        for container in self._all():
            pid = container.pid
            if pid is None:
                continue
            self._ground.logs.cut(self._pod, container.name, container.restarts)
            allowed = container.memory_limit * _MEMORY_ROOM
            members = family([pid], processes) if allowed else set[int]()
            # What each holds, files and shared parts included, is known already and can only be more.
            too_much = sum(processes[member].resident for member in members) > allowed and held(members) > allowed
            container.over = container.over + 1 if allowed and too_much else 0
            if container.over >= _MEMORY_LOOKS:
                self._post(container.out_of_memory)

    def _ring(self) -> None:
        with self._lock:
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)

    def _post(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        self._ring()

    # The thread

    def _run(self) -> None:
        if self._after is not None:
            # A pod of this name was deleted by force, and its processes still hold the volumes.
            self._after.join()
            self._after = None
        self._begin()
        try:
            while True:
                try:
                    if self._turn():
                        break
                    self._sleep(self._next())
                except ApiError as error:
                    LOG.warning("pod %s/%s: %s", *self.key, error.message)
                    self._sleep(monotonic() + self._ground.retry)
                except Exception:
                    LOG.exception("pod %s/%s: a turn failed, and is made again", *self.key)
                    self._sleep(monotonic() + self._ground.retry)
        finally:
            with self._lock:
                os.close(self._bell)
                self._bell = -1
            if self._address:
                self._ground.addresses.give_back(self._address)

    def _begin(self) -> None:
        before = self._pod.get("status") or {}
        statuses = (*(before.get("initContainerStatuses") or ()), *(before.get("containerStatuses") or ()))
        known = {item["name"]: item for item in statuses}
        for container in self._all():
            if container.name in known:
                container.recall(known[container.name])
        if known:
            volumes.clear_after_restart(self._pod, self._folder)
        if all(map(self._over, self._containers)):
            for container in self._init:
                container.done = True

    def _sleep(self, until: float) -> None:
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        for container in self._all():
            if container.pidfd is not None:
                poll.register(container.pidfd, select.POLLIN)
        left = until - monotonic()
        ready = {number for number, _ in poll.poll(None if left == _FOREVER else max(0, left) * 1000 + 1)}
        if self._bell in ready:
            os.eventfd_read(self._bell)
        for container in self._all():
            if container.pidfd in ready:
                container.reap()

    def _turn(self) -> bool:
        """Do all that can be done now. Whether the pod is over, and its thread with it."""
        while self._calls:
            self._calls.popleft()()
        if self._gone or self._shutting_down or "deletionTimestamp" in self._pod["metadata"]:
            return self._end()
        if not self._finished():
            self._advance()
        self._write()
        return False

    def _next(self) -> float:
        times = [container.tick() for container in self._all()]
        waits = (self._retry_at,) if self._retry_at > monotonic() else ()
        return min((*times, *waits), default=_FOREVER)

    def _all(self) -> list[Container]:
        return [*self._init, *self._containers]

    def _now(self) -> Body:
        """The pod, with the address that it has before the store knows it."""
        addressed = {"podIP": self._address, "hostIP": HOST_ADDRESS}
        return {**self._pod, "status": {**(self._pod.get("status") or {}), **addressed}}

    # Towards running

    def _advance(self) -> None:
        if refused := refusal(self._pod):
            self._refuse(refused.event, refused.message)
            return
        if monotonic() < self._retry_at or not self._set_up():
            return
        if self._initialize():
            for container in self._containers:
                self._keep(container)

    def _refuse(self, event: str, message: str) -> None:
        for container in self._all():
            if (container.state.get("waiting") or {}).get("message") != message:
                container.wait("CreateContainerConfigError", message)
        if not self._written:
            self._ground.events.say(self._pod, event, message, kind="Warning")

    def _set_up(self) -> bool:
        """Address and volumes."""
        before = self._pod.get("status") or {}
        self._address = self._address or self._ground.addresses.take(before.get("podIP", ""))
        if self._volumes is not None and not any(container.idle for container in self._all()):
            return True
        try:
            self._volumes = volumes.make(
                self._pod,
                self._folder,
                claims=self._ground.claims,
                lookup=self._ground.lookup(self.key[0]),
                account=self._ground.account,
            )
        except volumes.MountError as error:
            self._ground.events.say(self._pod, "FailedMount", str(error), kind="Warning")
            self._retry_at = monotonic() + self._ground.retry
            return False
        return True

    def _initialize(self) -> bool:
        """Bring the init containers on, in their order. Whether all of them have done their part."""
        for container in self._init:
            if container.done:
                continue
            if container.sidecar:
                self._keep(container)
                if not container.started:
                    return False
                continue
            if not container.running and not (container.exit_code and self._policy() == "Never"):
                container.keep_up(self._volumes or {})
            return False
        return True

    def _initialized(self) -> bool:
        return all(container.done or (container.sidecar and container.started) for container in self._init)

    def _keep(self, container: Container) -> None:
        if container.sidecar or not self._over(container):
            container.keep_up(self._volumes or {})

    def _over(self, container: Container) -> bool:
        """Whether it has ended, and is not to be started again."""
        code, policy = container.exit_code, self._policy()
        return code is not None and (policy == "Never" or (policy == "OnFailure" and code == 0))

    def _policy(self) -> str:
        return self._pod["spec"].get("restartPolicy") or "Always"

    def _finished(self) -> bool:
        """Whether the pod has run its course, by what is written of it."""
        return (self._pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")

    # Towards the end

    def _end(self) -> bool:
        grace = self._grace()
        for container in self._all():
            container.stop(grace)
        if any(container.running for container in self._all()):
            self._write()
            return False
        self._calls.clear()
        if not self._gone:
            self._write()
        if self._shutting_down and "deletionTimestamp" not in self._pod["metadata"]:
            return True
        if not self._gone:
            self._delete()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ground.logs.drop(self._pod)
        return True

    def _grace(self) -> float:
        if self._gone:
            return 0.0
        stated = self._pod["metadata"].get("deletionGracePeriodSeconds")
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30) if stated is None else stated)

    def _delete(self) -> None:
        """The object may go: nothing of it runs."""
        try:
            self._ground.store.delete("Pod", *self.key, uid=self.uid, grace_seconds=0)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    # What is written

    def _write(self) -> None:
        body = self._status()
        if body is None or body == self._written:
            return
        patch = {"metadata": {"uid": self.uid}, "status": body}
        try:
            self._ground.store.patch("Pod", *self.key, patch, form="strategic", manager="kubelet", subresource="status")
        except ApiError as error:
            # Gone, or another of its name: the watch will say so. Else it is written later: a full disk must not hold up a stop.
            if error.code not in (404, 409, 422):
                LOG.warning("pod %s/%s: its status was not written: %s", *self.key, error.message)
                self._retry_at = monotonic() + self._ground.retry
            return
        self._written = body

    def _status(self) -> dict[str, Any] | None:
        """None where nothing has to be said: the pod has run its course, and that is written."""
        if self._finished() and not any(container.running for container in self._all()):
            return None
        now = self._ground.now()
        init, containers = [item.status() for item in self._init], [item.status() for item in self._containers]
        ready = self._initialized()
        phase = status.phase(self._policy(), init, containers, init_done=ready)
        before = self._known()
        made = status.conditions(before, phase, init, containers, now=now, init_done=ready, sandbox=self._volumes is not None)
        body: dict[str, Any] = {
            "phase": phase,
            "conditions": made,
            "hostIP": HOST_ADDRESS,
            "hostIPs": [{"ip": HOST_ADDRESS}],
            "startTime": (before.get("status") or {}).get("startTime") or now,
            "containerStatuses": containers,
            "observedGeneration": before["metadata"].get("generation", 1),
        }
        if init:
            body["initContainerStatuses"] = init
        if self._address:
            body |= {"podIP": self._address, "podIPs": [{"ip": self._address}]}
        return body

    def _known(self) -> Body:
        """The pod as it was last read, with what has been written since."""
        if not self._written:
            return self._pod
        kept = {item["type"]: item for item in (self._pod.get("status") or {}).get("conditions") or ()}
        kept |= {item["type"]: item for item in self._written["conditions"]}
        return {**self._pod, "status": {**(self._pod.get("status") or {}), **self._written, "conditions": list(kept.values())}}
