"""The node as an object: what it is, and how much room it has for pods.

Room is counted as on a real node: in what pods ask for. What the machine has beyond its reserve is to be handed out, whoever else uses it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.node.ground import HOST_ADDRESS
from localcluster.objects import Store

MIB = 1024 * 1024
PODS = 500
_LEAST_RESERVE = 1024


def machine_memory() -> int:
    """MiB that this machine has, or that the cgroup we are in may use."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    total = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemTotal:")) // 1024
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit) // MIB) if limit.isdigit() else total


def allocatable_memory(total: int) -> int:
    """MiB for pods: the machine's, less a tenth and at least 1 GiB for all else that runs."""
    return max(0, total - max(_LEAST_RESERVE, total // 10))


def announce(store: Store, name: str, *, memory: int | None = None) -> None:
    """Write the Node object, or bring it up to date. `memory` is what pods may ask for in total, in MiB."""
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    try:
        store.get("Node", "", name)
    except ApiError as error:
        if error.code != 404:
            raise
        store.create("Node", {"metadata": {"name": name, "labels": labels}, "spec": {}}, manager="kubelet")
    patch = {"status": _status(store, name, memory)}
    store.patch("Node", "", name, patch, form="merge", manager="kubelet", subresource="status")


def _status(store: Store, name: str, memory: int | None) -> dict[str, Any]:
    total, cpus, now = machine_memory(), os.cpu_count() or 1, timestamp(store.now())
    room = allocatable_memory(total) if memory is None else memory
    good = {
        "MemoryPressure": "KubeletHasSufficientMemory",
        "DiskPressure": "KubeletHasNoDiskPressure",
        "PIDPressure": "KubeletHasSufficientPID",
    }
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    conditions = [{"type": kind, "status": "False", "reason": reason, "message": "", **times} for kind, reason in good.items()]
    conditions.append({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the pocket cluster runs", **times})
    common = {"cpu": str(cpus), "pods": str(PODS)}
    return {
        "capacity": {**common, "memory": f"{max(total, room)}Mi"},
        "allocatable": {**common, "memory": f"{room}Mi"},
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}, {"type": "Hostname", "address": name}],
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": "",
            "containerRuntimeVersion": "pocket://1",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.34.4",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "this machine, without containers",
            "systemUUID": "",
        },
    }
