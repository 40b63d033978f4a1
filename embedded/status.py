"""`status`: every part with its state, how long, how often restarted, its memory and its last trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from embedded import running
from embedded.memory import STORES, memory_by_part
from embedded.places import Places
from embedded.running import PartState, Told
from embedded.screen import Screen

_TROUBLE_LENGTH = 90


def status(places: Places, screen: Screen, *, as_json: bool = False) -> int:
    """Exit code 0 only where every part runs."""
    pid = running.supervisor_pid(places)
    told = running.ask(places) if pid is not None else None
    if as_json:
        screen.say(json.dumps(document(pid, told), indent=2))
    else:
        _draw(pid, told, screen)
    return 0 if told is not None and all(part.works for part in told.parts) else 1


def show(places: Places, screen: Screen) -> None:
    status(places, screen)


def document(pid: int | None, told: Told | None) -> dict[str, object]:
    """For scripts: sizes in MiB, ages in seconds."""
    memory = memory_by_part(_processes(told)) if told else {}
    now = time.monotonic()
    parts = [
        {
            "name": part.name, "state": part.state, "works": part.works, "pid": part.pid, "seconds": round(now - part.since, 1),
            "restarts": part.restarts, "memory_mb": memory.get(part.name), "last_end": part.last_end, "trouble": part.trouble,
            "log": part.log,
        }
        for part in (told.parts if told else ())
    ]  # fmt: skip
    return {
        "running": pid is not None, "works": bool(parts) and all(part["works"] for part in parts), "pid": pid, "parts": parts,
        "memory_mb": {"control_plane": sum(memory.values()) - memory.get(STORES, 0), "stores": memory.get(STORES, 0)},
    }  # fmt: skip


def _draw(pid: int | None, told: Told | None, screen: Screen) -> None:
    if pid is None:
        screen.say("Storeyard does not run. `make up` starts it.")
        return
    if told is None:
        screen.say(f"The supervisor (process {pid}) does not answer. `make down` ends it.")
        return
    memory = memory_by_part(_processes(told))
    rows = [_row(part, memory.get(part.name)) for part in told.parts]
    rows.insert(0, ("supervisor", "stopping" if told.stopping else "running", str(told.pid), "", "", _size(memory.get("supervisor")), ""))
    if memory.get(STORES):
        rows.append(("(stores)", "", "", "", "", _size(memory[STORES]), ""))
    screen.table(("PART", "STATE", "PID", "FOR", "RESTARTS", "MEMORY", "LAST TROUBLE"), rows)
    screen.say(f"Memory: {sum(memory.values()) - memory.get(STORES, 0)} MB the control plane, {memory.get(STORES, 0)} MB the stores.")
    if lost := [part.name for part in told.parts if part.lost]:
        screen.say(f"Log lines of {', '.join(lost)} were lost: the disk is or was full.")


def _row(part: PartState, memory: int | None) -> Sequence[str]:
    pid = str(part.pid) if part.pid else ""
    return (
        part.name,
        part.state,
        pid,
        _age(time.monotonic() - part.since) if part.since else "",
        str(part.restarts),
        _size(memory),
        _trouble(part),
    )


def _trouble(part: PartState) -> str:
    text = part.trouble or part.last_end
    return text if len(text) <= _TROUBLE_LENGTH else text[: _TROUBLE_LENGTH - 1] + "…"


def _processes(told: Told) -> list[tuple[str, int]]:
    return [("supervisor", told.pid), *((part.name, part.pid) for part in told.parts if part.pid)]


def _size(megabytes: int | None) -> str:
    return "" if megabytes is None else f"{megabytes} MB"


def _age(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"
