"""A part: one process that the supervisor keeps running, as data that travels in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

# How a part shows that it can be used: its PostgreSQL says so in postmaster.pid; something listens on a unix socket, or answers PING there;
# a TCP port of 127.0.0.1 is open; its output has a line with a text; it has ended with 0 (a step such as migrating).
Check = Literal["postmaster", "unix", "ping", "port", "line", "end"]


@dataclass(frozen=True, slots=True)
class Part:
    """`after` names parts that must have been usable once before this one starts. Signals by name; times in seconds."""

    name: str
    command: tuple[str, ...]
    check: Check
    target: str = ""
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: str = "/"
    ids: tuple[int, int] | None = None
    stop: str = "SIGTERM"
    stop_seconds: float = 15.0
    death: str = "SIGKILL"


@dataclass(frozen=True, slots=True)
class Plan:
    """All parts, and where the supervisor keeps its lock, its logs and its control socket."""

    lock: Path
    runtime: Path
    control: Path
    logs: Path
    parts: tuple[Part, ...]

    def dumps(self) -> str:
        head = {name: str(getattr(self, name)) for name in ("lock", "runtime", "control", "logs")}
        return json.dumps(head | {"parts": [asdict(part) for part in self.parts]}, indent=1)

    @classmethod
    def loads(cls, text: str) -> Plan:
        """Raises ValueError, KeyError or TypeError where this is no plan."""
        data = json.loads(text)
        return cls(
            Path(data["lock"]), Path(data["runtime"]), Path(data["control"]), Path(data["logs"]), tuple(_parts(data["parts"])),
        )  # fmt: skip


def _parts(rows: Iterable[dict[str, Any]]) -> Iterable[Part]:
    for row in rows:
        row["command"], row["after"] = tuple(row["command"]), tuple(row["after"])
        row["ids"] = tuple(row["ids"]) if row["ids"] else None
        yield Part(**row)
