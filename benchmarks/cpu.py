"""Who used the processors: seconds of CPU by program, from /proc, between two looks at the whole machine."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# The first word found in a process's command line names its program; everything else is "other".
_PROGRAMS = (
    "jobs.worker",
    "benchmarks.stub",
    "jobs.schedule",
    "kube-apiserver",
    "etcd",
    "kube-controller-manager",
    "kube-scheduler",
    "benchmarks",
    "postgres",
    "valkey",
)


class CpuClock:
    """Counts from the moment it is made. A process that ends meanwhile is not counted."""

    def __init__(self) -> None:
        self._begun = _used()

    def split(self) -> Counter[str]:
        """Seconds by program, the most first."""
        spent: Counter[str] = Counter()
        for pid, (program, seconds) in _used().items():
            spent[program] += seconds - self._begun.get(pid, (program, 0.0))[1]
        return spent

    def __str__(self) -> str:
        return ", ".join(f"{program} {seconds:.1f}" for program, seconds in self.split().most_common() if seconds >= 0.1)


def _used() -> dict[int, tuple[str, float]]:
    found: dict[int, tuple[str, float]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        program = next((word for word in _PROGRAMS if word in command), "other")
        found[int(folder.name)] = (program, (int(fields[11]) + int(fields[12])) / _TICKS)
    return found
