"""What cannot be run without the isolation of a real node, and why: a pod that asks for it waits, and never runs.

Pure. A mere wish (capabilities, seccomp, a user's number) is not refused: it is not granted either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

VOLUME_KINDS = ("persistentVolumeClaim", "emptyDir", "secret", "configMap", "downwardAPI", "projected")
_PROJECTED = ("secret", "configMap", "downwardAPI")
_HOST = {"hostNetwork": "the machine's network", "hostPID": "the machine's processes", "hostIPC": "the machine's shared memory"}
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
_KILL = re.compile(r"(?:^|[\s;&|(`{'\"/])kill\s+([^;&|\n)`}]*)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """`event` is the event's reason; the text names what is asked for."""

    event: str
    message: str


def refusal(pod: Body) -> Refusal | None:
    """The first reason not to run a pod, if there is any."""
    return next(_refusals(pod), None)


def _refusals(pod: Body) -> Iterator[Refusal]:
    spec = pod["spec"]
    for name, what in _HOST.items():
        if spec.get(name):
            yield Refusal("Failed", f"this pocket cluster runs no pod with {name}: {what} is not handed out")
    for volume in spec.get("volumes") or ():
        if why := _volume(volume):
            yield Refusal("FailedMount", f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}')
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        if why := _container(container):
            yield Refusal("Failed", f'container "{container["name"]}": {why}')


def _volume(volume: Body) -> str:
    kinds = [name for name in volume if name != "name"]
    if "hostPath" in kinds:
        return f"this pocket cluster mounts no hostPath ({volume['hostPath'].get('path', '')})"
    for kind in kinds:
        if kind not in VOLUME_KINDS:
            return f"volumes of kind {kind} are not supported by this pocket cluster (it knows {', '.join(VOLUME_KINDS)})"
    for source in (volume.get("projected") or {}).get("sources") or ():
        for kind in source:
            if kind not in _PROJECTED:
                return f"projected sources of kind {kind} are not supported by this pocket cluster (it knows {', '.join(_PROJECTED)})"
    return ""


def _container(container: Body) -> str:
    if (container.get("securityContext") or {}).get("privileged"):
        return "this pocket cluster runs no privileged container"
    if container.get("volumeDevices"):
        return "this pocket cluster has no block devices"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        return "this pocket cluster opens no hostPort"
    lifecycle = container.get("lifecycle") or {}
    probes = [container.get(name) for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    for action in (*probes, lifecycle.get("postStart")):
        if action and signals_init((action.get("exec") or {}).get("command") or ()):
            return KILLS_INIT
        if action and action.get("grpc"):
            return "this pocket cluster has no gRPC probes"
    return KILLS_INIT if signals_init([*(container.get("command") or ()), *(container.get("args") or ())]) else ""


KILLS_INIT = "a command signals process 1, which is this machine's own: there is no container around it"


def signals_init(argv: Sequence[str]) -> bool:
    """Whether a command line says `kill` of process 1, or of all processes."""
    if argv and argv[0].rpartition("/")[2] == "kill":
        return _hits_init(list(argv[1:]))
    texts = [text for part in argv for text in (_SUBSTITUTION.sub("@", part), *_SUBSTITUTION.findall(part))]
    return any(_hits_init(match[1].split()) for text in texts for match in _KILL.finditer(text))


def _hits_init(words: Sequence[str]) -> bool:
    targets: list[str] = []
    skip = False
    for position, raw in enumerate(words):
        word = raw.strip("\"'")
        if skip:
            skip = False
        elif word in ("-s", "-n", "--signal"):
            skip = True
        elif word.startswith("-") and position == 0:
            continue
        else:
            targets.append(word)
    return any(target in ("1", "-1") for target in targets)
