"""One container of a pod: started, probed, restarted with back-off, stopped within its grace.

All methods are called by the pod's own thread, which must outlive the process: the kernel ends the process with it. Probes and hooks run
elsewhere, and come back as calls that the pod's thread makes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from localcluster import quantity
from localcluster.node import actions, process
from localcluster.node.actions import Outcome
from localcluster.node.backoff import BackOff
from localcluster.node.environment import ConfigError
from localcluster.node.ground import Ground
from localcluster.node.launch import ImageMissing, Launch, prepare
from localcluster.node.probes import Kind, Probe, active, probes_of
from localcluster.node.refusals import KILLS_INIT, signals_init
from localcluster.node.stopping import NEVER, Stopping

Body = Mapping[str, Any]
Post = Callable[[Callable[[], None]], None]
"""Has a call made by the pod's thread, soon."""


class Container:
    """`state` and `last` have the form of the API's ContainerState."""

    def __init__(self, ground: Ground, pod: Callable[[], Body], spec: Body, post: Post, *, init: bool = False) -> None:
        self.spec, self.name, self.init = spec, spec["name"], init
        self.sidecar = init and spec.get("restartPolicy") == "Always"
        first = "PodInitializing" if pod()["spec"].get("initContainers") else "ContainerCreating"
        self.state: dict[str, Any] = {"waiting": {"reason": first}}
        self.last: dict[str, Any] = {}
        self.restarts = 0
        self.started = self.ready = False
        self.done = False  # an init container that has succeeded
        self.over = 0  # how often in a row it was seen to hold too much memory
        self._ground, self._pod, self._post = ground, pod, post
        self._process: process.Process | None = None
        self._launch: Launch | None = None
        self._probes: dict[Kind, Probe] = {}
        self._stop: Stopping | None = None
        self._ran = self._oom = False
        self._not_before = 0.0
        self._ended = 0.0
        self._back_off = BackOff(ground.first_back_off, ground.most_back_off)
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        self.memory_limit = int(quantity.parse(limit).value) if limit else 0

    # What it is like

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def idle(self) -> bool:
        """Whether it might be started now."""
        return not self.running and not self.done and monotonic() >= self._not_before

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def pidfd(self) -> int | None:
        return self._process.pidfd if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Of a container that has ended and not been started again."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    def recall(self, status: Body) -> None:
        """Go on from what an earlier kubelet wrote: what it says ran, runs no more."""
        self.restarts = int(status.get("restartCount") or 0)
        state, self.last = status.get("state") or {}, dict(status.get("lastState") or {})
        self._ran = bool(self.last) or "waiting" not in state
        if "terminated" in state:
            self.state = {"terminated": state["terminated"]}
        elif "running" in state:
            started = state["running"].get("startedAt")
            lost = {"exitCode": 255, "reason": "Unknown", "message": "The node was ended while it ran.", "startedAt": started}
            self.state = {"terminated": {**lost, "finishedAt": self._ground.now()}}

    def status(self) -> dict[str, Any]:
        image = self.spec.get("image", "")
        body: dict[str, Any] = {
            "name": self.name,
            "image": self._launch.image.name if self._launch else image,
            "imageID": f"pocket://{self._launch.image.name}" if self._launch else "",
            "restartCount": self.restarts,
            "ready": self.done or self.ready if self.init else self.ready,
            "started": self.started,
            "state": self.state,
            "lastState": self.last,
        }
        if self._ran:
            body["containerID"] = f"pocket://{self._pod()['metadata']['uid']}/{self.name}/{self.restarts}"
        return body

    def say(self, reason: str, message: str, *, kind: Literal["Normal", "Warning"] = "Warning") -> None:
        self._ground.events.say(self._pod(), reason, message, container=self.name, init=self.init, kind=kind)

    def wait(self, reason: str, message: str = "") -> None:
        """Not running, and why. What it was before is its last state."""
        if "terminated" in self.state:
            self.last = self.state
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    # Starting

    def keep_up(self, volumes: Mapping[str, Path]) -> None:
        """Start it, if it does not run and its time has come."""
        now = monotonic()
        if self.running or now < self._not_before:
            return
        delay = self._ended + self._back_off.delay(self._ended) - now if self._ran and self._ended else 0
        if delay > 0:
            self._hold_back(now, delay)
            return
        try:
            launch = prepare(self._ground, self._pod(), self.spec, volumes)
        except ImageMissing as error:
            self._no_image(str(error))
        except (ConfigError, OSError) as error:
            self._not_before = now + self._ground.retry
            self.wait("CreateContainerConfigError", str(error))
            self.say("Failed", f"Error: {error}")
        else:
            self._start(launch, now)

    def _hold_back(self, now: float, delay: float) -> None:
        meta = self._pod()["metadata"]
        pod = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        self._not_before = now + delay
        minutes, seconds = divmod(round(self._back_off.delay(self._ended)), 60)
        wait = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
        self.wait("CrashLoopBackOff", f"back-off {wait} restarting failed container={self.name} pod={pod}")
        self.say("BackOff", f"Back-off restarting failed container {self.name} in pod {pod}")

    def _no_image(self, message: str) -> None:
        image = self.spec.get("image", "")
        self._not_before = monotonic() + self._ground.retry
        known = (self.state.get("waiting") or {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")
        if known:
            self.wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {message}')
            self.say("BackOff", f'Back-off pulling image "{image}"', kind="Normal")
            self.say("Failed", "Error: ImagePullBackOff")
            return
        self.wait("ErrImagePull", message)
        self.say("Failed", f'Failed to pull image "{image}": {message}')
        self.say("Failed", "Error: ErrImagePull")

    def _start(self, launch: Launch, now: float) -> None:
        self._launch = launch
        if "terminated" in self.state:
            self.last = self.state
        if self._ran:
            self.restarts += 1
            if self._ended:
                self._back_off.restarted(now)
        self._ran = True
        self._not_before = 0.0
        self._oom = False
        self.say("Pulled", f'Container image "{self.spec.get("image", "")}" already present on machine', kind="Normal")
        account = launch.account
        try:
            output = self._ground.logs.open(self._pod(), self.name, self.restarts, owner=(account.uid, account.gid) if account else None)
            try:
                popen = process.spawn(launch.argv, env=launch.env, folder=launch.folder, output=output, account=account)
            finally:
                os.close(output)
        except (process.StartError, OSError) as error:
            self._failed_to_start(str(error))
            return
        self._process = process.Process(popen)
        self.state = {"running": {"startedAt": self._ground.now()}}
        self._probes = probes_of(self.spec, monotonic())
        self.say("Created", f"Created container: {self.name}", kind="Normal")
        self.say("Started", f"Started container {self.name}", kind="Normal")
        self._after_start()

    def _failed_to_start(self, why: str) -> None:
        message = f"failed to create containerd task: failed to create shim task: {why}"
        now = self._ground.now()
        self._ended = monotonic()
        self.state = {"terminated": {"exitCode": 128, "reason": "StartError", "message": message, "startedAt": None, "finishedAt": now}}
        self.say("Failed", f"Error: {message}")

    def _after_start(self) -> None:
        hook = (self.spec.get("lifecycle") or {}).get("postStart")
        if not hook:
            self._settle()
            return

        def judge(outcome: Outcome) -> None:
            if outcome.good:
                self._settle()
                return
            self.say("FailedPostStartHook", f"PostStartHook failed: {outcome.text}")
            self.stop(self._grace(None), f"FailedPostStartHook: container {self.name} will be restarted")

        self._run(hook, self._grace(None), judge)

    def _settle(self) -> None:
        """It runs and its first hook is through: without a startup probe it has started, without a readiness probe it is ready."""
        if "startup" not in self._probes:
            self._has_started()

    def _has_started(self) -> None:
        self.started = True
        now = monotonic()
        for probe in active(self._probes, started=True):
            if probe.kind == "readiness":
                probe.due = min(probe.due, now)
        if "readiness" not in self._probes:
            self.ready = True

    # Probing

    def tick(self) -> float:
        """Do what is due; when there is more to do, as monotonic seconds."""
        now = monotonic()
        if not self.running:
            return self._not_before if self._not_before > now else NEVER
        if self._stop is not None:
            return self._go_on_stopping(self._stop, now)
        due = NEVER
        for probe in active(self._probes, started=self.started):
            if probe.busy:
                continue
            if probe.due <= now:
                probe.begun(now)
                self._run(probe.spec, probe.timeout, partial(self._judge, probe))
            else:
                due = min(due, probe.due)
        return due

    def _run(self, action: Body, seconds: float, then: Callable[[Outcome], None]) -> None:
        """A probe or hook, on a thread of the node; `then` is called by the pod's thread, unless this run of the container is over."""
        launch, running, address = self._launch, self._process, self._pod()["status"]["podIP"]
        if launch is None:
            return

        def work() -> None:
            try:
                outcome = actions.run(action, launch, self.spec, address, seconds)
            except Exception as error:  # noqa: BLE001 - whatever it was, a probe that was not made has failed
                outcome = Outcome(False, f"{type(error).__name__}: {error}")
            self._post(lambda: then(outcome) if self._process is running else None)

        self._ground.jobs.submit(work)

    def _judge(self, probe: Probe, outcome: Outcome) -> None:
        changed = probe.finished(outcome.good)
        if self._stop is not None:
            return
        if not outcome.good:
            self.say("Unhealthy", f"{probe.kind.capitalize()} probe failed: {outcome.text}")
        if not changed:
            return
        if probe.kind == "readiness":
            self.ready = outcome.good
        elif not outcome.good:
            self.stop(self._grace(probe.spec), f"Container {self.name} failed {probe.kind} probe, will be restarted")
        elif probe.kind == "startup":
            self._has_started()

    def _grace(self, spec: Body | None) -> float:
        stated = (spec or {}).get("terminationGracePeriodSeconds")
        return float(self._pod()["spec"].get("terminationGracePeriodSeconds", 30) if stated is None else stated)

    # Stopping

    def stop(self, grace: float, message: str = "") -> None:
        """End it within `grace` seconds: its hook, SIGTERM, SIGKILL. Asked again, the shorter grace holds."""
        now = monotonic()
        if not self.running:
            return
        if self._stop is not None:
            self._stop.shorten(now, grace)
            return
        self.say("Killing", message or f"Stopping container {self.name}", kind="Normal")
        hook = (self.spec.get("lifecycle") or {}).get("preStop") if grace > 0 else None
        self._stop = Stopping(now, grace, hook=bool(hook))
        if hook:
            self._before_stop(self._stop, hook, grace)

    def _before_stop(self, stop: Stopping, hook: Body, grace: float) -> None:
        if hook.get("sleep") is not None:
            stop.hook_ends(monotonic() + float(hook["sleep"].get("seconds") or 0))
            return
        if signals_init((hook.get("exec") or {}).get("command") or ()):
            self.say("FailedPreStopHook", f"PreStopHook failed: not run: {KILLS_INIT}")
            stop.hook_ends(monotonic())
            return

        def judge(outcome: Outcome) -> None:
            if not outcome.good:
                self.say("FailedPreStopHook", f"PreStopHook failed: {outcome.text}")
            stop.hook_ends(monotonic())

        self._run(hook, grace, judge)

    def _go_on_stopping(self, stop: Stopping, now: float) -> float:
        running, launch = self._process, self._launch
        if running is not None and launch is not None:
            step = stop.step(now)
            if step == "terminate":
                running.send(launch.image.stop_signal)
            elif step == "kill":
                running.kill(launch.marks)
        return stop.due

    def out_of_memory(self) -> None:
        """Its family holds more than it may: end it at once."""
        if self._process is not None and self._launch is not None and not self._oom:
            self._oom = True
            self._process.kill(self._launch.marks)

    def reap(self) -> None:
        """Its process has ended."""
        ended = self._process
        if ended is None:
            return
        code = ended.finish(self._launch.marks if self._launch else {})
        self._process = self._stop = None
        self._probes = {}
        self._ended = monotonic()
        self.started = self.ready = False
        terminated: dict[str, Any] = {
            "exitCode": 128 - code if code < 0 else code,
            "reason": "OOMKilled" if self._oom else "Completed" if code == 0 else "Error",
            "startedAt": self.state["running"]["startedAt"],
            "finishedAt": self._ground.now(),
        }
        if code < 0:
            terminated["signal"] = -code
        self.state = {"terminated": terminated}
        self.done = self.init and not self.sidecar and code == 0
