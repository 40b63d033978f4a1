"""Why a pod does not run, in plain words, with the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.domain.manifests import LiveObject
from app.reconcile.health import Health, HealthStatus

LastLine = Callable[[LiveObject, str, bool], str | None]
"""Gives the last log line of a pod's container; the flag asks for the one that ran before."""

_IMAGE_REASONS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
# 128 + SIGKILL and 128 + SIGTERM: the container did not end by itself.
_STOPPED = frozenset({137, 143})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def _degraded(reason: str, message: str) -> Health:
    return Health(HealthStatus.DEGRADED, reason, message)


def explain_pods(pods: Iterable[LiveObject], last_line: LastLine) -> Health | None:
    """The first plain reason that any of the pods gives for not being ready, or None where they are merely starting."""
    for pod in pods:
        if pod.terminating:
            continue
        if (found := _explain_scheduling(pod)) is not None:
            return found
        for status in _container_statuses(pod):
            if (found := _explain_container(pod, status, last_line)) is not None:
                return found
        if pod.status.get("reason") == "Evicted":
            return _degraded("Evicted", f"The node had to push the pod out: {pod.status.get('message', '')} It is started again elsewhere.")
    return None


def _container_statuses(pod: LiveObject) -> list[Mapping[str, Any]]:
    status = pod.status
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _explain_scheduling(pod: LiveObject) -> Health | None:
    for condition in pod.status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = str(condition.get("message", ""))
            if "PersistentVolumeClaim" in message or "persistentvolumeclaim" in message:
                return _degraded("VolumeNotBound", f"Its volume is not there yet: {message} Check the storage class and its free space.")
            if condition.get("reason") == "Unschedulable":
                return _degraded("NoRoomOnNodes", f"No node has room for it: {message} Add a node, or free CPU or memory.")
    return None


def _explain_container(pod: LiveObject, status: Mapping[str, Any], last_line: LastLine) -> Health | None:
    name = str(status.get("name", ""))
    state: Mapping[str, Any] = status.get("state") or {}
    waiting: Mapping[str, Any] = state.get("waiting") or {}
    reason = str(waiting.get("reason", ""))
    if reason in _IMAGE_REASONS:
        return _degraded(
            "ImageCannotBePulled",
            f"The image {status.get('image')} cannot be pulled: {waiting.get('message') or reason}. "
            "Check its name, the registry and the pull secret.",
        )
    if reason in _CONFIG_REASONS:
        return _degraded("ContainerConfig", f"The container {name} cannot be started: {waiting.get('message') or reason}.")
    terminated = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    if status.get("ready") or not terminated or (terminated.get("exitCode") == 0 and reason != "CrashLoopBackOff"):
        return _explain_probe(status)
    if terminated.get("reason") == "OOMKilled":
        return _degraded(
            "OutOfMemory", f"The container {name} used more memory than its plan allows and was stopped. Choose a larger plan."
        )
    if terminated.get("exitCode") in _STOPPED and reason == "CrashLoopBackOff":
        return _not_answering(name, status)
    line = last_line(pod, name, "terminated" not in state)
    words = f" Its last words: {line}" if line else ""
    return _degraded("Crashed", f"The container {name} crashed with exit code {terminated.get('exitCode')}.{words}")


def _explain_probe(status: Mapping[str, Any]) -> Health | None:
    """A container that runs but was restarted by a failing probe shows only in its restarts and unreadiness."""
    running = (status.get("state") or {}).get("running")
    if running and not status.get("ready") and int(status.get("restartCount") or 0) >= 3:
        return _not_answering(str(status.get("name")), status)
    return None


def _not_answering(name: str, status: Mapping[str, Any]) -> Health:
    times = f"it was restarted {status.get('restartCount')} times"
    return _degraded("NotAnswering", f"The container {name} runs but does not answer its health check; {times}. Look at its log.")
