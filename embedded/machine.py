"""What this machine is and has: the facts that the checks before a start judge."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Holder:
    """Who listens on a port. `name` is empty where we may not see it."""

    pid: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts alone; sizes in MiB.

    `node` is the version, such as `20.1.0`, or None; `node_path` the program itself, not a version manager's shim. `taken` are the ports
    that somebody has, `closed` those we may not open. `writable` says why the state folder is not, `reachable` whether all users get there.
    """

    system: str = "Linux"
    processor: str = "x86_64"
    python: tuple[int, int] = (3, 11)
    node: str | None = None
    node_path: str = ""
    npm: bool = False
    free_disk: int = 0
    free_memory: int = 0
    root: bool = False
    useradd: bool = True
    taken: dict[int, Holder] = field(default_factory=dict[int, Holder])
    closed: tuple[int, ...] = ()
    writable: str = ""
    reachable: bool = True


def observe(state: Path, ports: tuple[int, ...]) -> Machine:
    """Look at everything once. `state` exists or can be made, or `writable` says why it cannot."""
    writable = _why_not_writable(state)
    where = next(place for place in (state, *state.parents) if place.exists())
    taken, closed = _ports(ports)
    node, node_path = node_program()
    return Machine(
        system=platform.system(),
        processor=platform.machine(),
        python=sys.version_info[:2],
        node=node,
        node_path=node_path,
        npm=shutil.which("npm") is not None,
        free_disk=shutil.disk_usage(where).free // MIB,
        free_memory=free_memory(),
        root=os.geteuid() == 0,
        useradd=shutil.which("useradd") is not None,
        taken=taken,
        closed=closed,
        writable=writable,
        reachable=all(place.stat().st_mode & 0o001 for place in where.resolve().parents),
    )


def node_program() -> tuple[str | None, str]:
    """Its version and where it really is, as it says itself."""
    program = shutil.which("node")
    if program is None:
        return None, ""
    ask = [program, "-p", "process.version + ' ' + process.execPath"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=False).stdout.strip()  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    version, _, path = told.partition(" ")
    return version.removeprefix("v") or None, path


def free_memory() -> int:
    """MiB that could be had: what the system calls available, with swap; no more than a container's own limit leaves."""
    if not Path("/proc/meminfo").exists():
        return 0
    figures = {
        name: int(rest.split()[0]) // 1024
        for name, _, rest in (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    }
    available = figures.get("MemAvailable", 0) + figures.get("SwapFree", 0)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (most := limit.read_text().strip()) != "max":
        available = min(available, (int(most) - int(used.read_text())) // MIB)
    return available


def port_holder(port: int) -> Holder:
    """Who listens on a port, from /proc; a server on all addresses of IPv6 has IPv4's too."""
    inodes: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            words = line.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    for name in os.listdir("/proc"):
        if name.isdigit() and inodes & _open_files(name):
            try:
                return Holder(int(name), Path(f"/proc/{name}/comm").read_text().strip())
            except OSError:
                break
    return Holder()


def _open_files(pid: str) -> set[str]:
    found: set[str] = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        pass
    return found


def _ports(ports: tuple[int, ...]) -> tuple[dict[int, Holder], tuple[int, ...]]:
    taken: dict[int, Holder] = {}
    closed: list[int] = []
    for port in ports:
        with socket.socket() as probe:
            # What a closed connection leaves behind for a minute is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError:
                closed.append(port)
            except OSError:
                taken[port] = port_holder(port)
    return taken, tuple(closed)


def _why_not_writable(state: Path) -> str:
    """Try it, with a file: a read-only or full disk is found nowhere else. Empty where all is well."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        trial = state / f".trial-{os.getpid()}"
        trial.write_bytes(b"x" * 4096)
        trial.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""
