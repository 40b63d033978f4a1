"""Memory of the parts: proportional set size (each shared page counted once over all who share it), from /proc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from embedded.process import POD_MARKER, environment_of, processes

STORES = "stores"


def memory_by_part(pids: Iterable[tuple[str, int]]) -> dict[str, int]:
    """MiB of each part and all it started but other parts, by the part's name; the stores' processes stand apart, as `stores`."""
    tops = {top: name for name, top in pids}
    children: dict[int, list[int]] = defaultdict(list)
    for pid in processes():
        if (parent := _parent(pid)) is not None:
            children[parent].append(pid)
    kib: dict[str, int] = defaultdict(int)
    for top, name in tops.items():
        waiting = [(name, top)]
        while waiting:
            owner, pid = waiting.pop()
            if owner != STORES and pid != top and f"{POD_MARKER}=".encode() in environment_of(pid):
                owner = STORES
            kib[owner] += _pss(pid)
            waiting += [(owner, child) for child in children[pid] if child not in tops]
    return {name: round(size / 1024) for name, size in kib.items()}


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in brackets, may hold anything.
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return None


def _pss(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except (OSError, ValueError):
        return 0
