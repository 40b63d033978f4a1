"""What must be true before anything is started: every problem at once, each a sentence with its fix."""

from __future__ import annotations

import platform
import sys
from itertools import combinations
from pathlib import Path

from embedded.machine import Machine
from embedded.settings import API_PORT_VARIABLE, PORT_VARIABLE, WEB_PORT_VARIABLE, Choices

PYTHON = (3, 11)
NODE = 20
# MiB. The compiler of Medusa's build takes 2.2 GB at its peak; its packages, the work folder and the result 2 GB of disk.
BUILD_DISK, BUILD_MEMORY = 3500, 2400
RUN_DISK, RUN_MEMORY = 500, 900
CONTROL_PLANE_MEMORY = 500

_CLUSTER_INSTEAD = "With STOREYARD_KUBECONFIG set to a cluster's kubeconfig the control plane alone runs here."


def problems(machine: Machine, choices: Choices, *, state: Path, build: bool) -> list[str]:
    """Sentences, none where all is well. `build`: Medusa is not built yet."""
    if machine.system != "Linux":
        return [_system(machine)]
    found = [*_programs(machine, choices), *_state(machine, state), *_ports(machine, choices)]
    found += _room(machine, choices, build=build)
    return found


def _system(machine: Machine) -> str:
    name = {"Darwin": "macOS"}.get(machine.system, machine.system)
    return (
        f"This is {name}: the stores' processes, their addresses (127.x.y.z) and the servers' wheels need Linux on x86-64. "
        "Use a Linux machine, a virtual machine or WSL 2; or run the control plane against a Kubernetes cluster as README.md says."
    )


def _programs(machine: Machine, choices: Choices) -> list[str]:
    found: list[str] = []
    if machine.python < PYTHON:
        found.append(
            f"Python {_dotted(machine.python)} is too old: {_dotted(PYTHON)} or newer is needed. `PYTHON=python3.11 make up` names one."
        )
    if machine.root and not machine.useradd:
        found.append("As root PostgreSQL needs another user to run as, and there is no `useradd` to make one: install it, or be no root.")
    if not choices.local_cluster:
        return found
    if machine.processor not in ("x86_64", "AMD64"):
        found.append(f"This machine is {machine.processor}: stores on this machine need x86-64. {_CLUSTER_INSTEAD}")
    install = "Install it from https://nodejs.org or your system's packages."
    if machine.node is None:
        found.append(f"Node.js is missing: Medusa runs in Node {NODE} or newer. {install} {_CLUSTER_INSTEAD}")
    elif _major(machine.node) < NODE:
        found.append(f"Node.js {machine.node} is too old: Medusa needs Node {NODE} or newer. {install}")
    if not machine.npm:
        found.append(
            "npm is missing: it installs Medusa's packages. It comes with Node.js; Debian and Ubuntu have it as the package `npm`."
        )
    return found


def _state(machine: Machine, state: Path) -> list[str]:
    if machine.writable:
        return [f"{state} cannot be written ({machine.writable}): mend that, or name another folder by STOREYARD_STATE."]
    if machine.root and not machine.reachable:
        return [f"As root the servers run as the user `storeyard`, who cannot enter {state}: name another folder by STOREYARD_STATE."]
    return []


def _ports(machine: Machine, choices: Choices) -> list[str]:
    found: list[str] = []
    wanted = [(choices.web_port, "the portal", WEB_PORT_VARIABLE, 18000)]
    if choices.local_cluster:
        wanted += [
            (choices.api_port, "the cluster's API", API_PORT_VARIABLE, 16443),
            (choices.port, "the stores' addresses", PORT_VARIABLE, 18080),
        ]
    for (one, _, first, _), (other, _, second, _) in combinations(wanted, 2):
        if one == other:
            found.append(f"{first} and {second} are both {one}: give one of them another number.")
    for port, use, variable, example in wanted:
        if port in machine.closed:
            found.append(f"Port {port} ({use}) is open to root alone: `{variable}={example} make up` takes another.")
        elif port in machine.taken:
            holder = machine.taken[port]
            who = f"{holder.name} (process {holder.pid})" if holder.pid else "another user's process"
            found.append(f"Port {port} ({use}) is taken by {who}: end it, or take another port: `{variable}={example} make up`.")
    return found


def _room(machine: Machine, choices: Choices, *, build: bool) -> list[str]:
    disk = BUILD_DISK if build else RUN_DISK
    memory = BUILD_MEMORY if build else RUN_MEMORY if choices.local_cluster else CONTROL_PLANE_MEMORY
    what = "Medusa's build, once," if build else "a start"
    found: list[str] = []
    if machine.free_disk < disk:
        found.append(
            f"{machine.free_disk} MB of disk are free: {what} needs {disk} MB. Make room, or name a folder elsewhere by STOREYARD_STATE."
        )
    if machine.free_memory < memory:
        found.append(f"{machine.free_memory} MB of memory are free: {what} needs {memory} MB. Close something, or add memory or swap.")
    return found


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    # Before the virtual environment is made (scripts/make-venv): what no package can mend.
    if platform.system() != "Linux":
        sys.exit(_system(Machine(system=platform.system())))
