"""When a container's probes run, and what their outcomes mean: the thresholds of startup, liveness and readiness.

Pure: times are handed in, as monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Body = Mapping[str, Any]
Kind = Literal["startup", "liveness", "readiness"]


@dataclass(slots=True)
class Probe:
    """One probe of a running container. `good` is what it says so far: None before it has said anything."""

    kind: Kind
    spec: Body
    due: float
    busy: bool = False
    good: bool | None = None
    _run: int = 0
    _last: bool | None = None

    @property
    def timeout(self) -> float:
        return float(self.spec.get("timeoutSeconds") or 1)

    def begun(self, now: float) -> None:
        """It runs now; when next. One that is late is not made up for."""
        self.busy = True
        self.due = max(now, self.due + float(self.spec.get("periodSeconds") or 10))

    def finished(self, good: bool) -> bool:
        """Whether this changes what it says, or says it for the first time: only after as many outcomes alike as its threshold asks for."""
        self.busy = False
        self._run = self._run + 1 if good == self._last else 1
        self._last = good
        needed = int(self.spec.get("successThreshold") or 1) if good else int(self.spec.get("failureThreshold") or 3)
        if self._run < needed or self.good == good:
            return False
        self.good = good
        return True


def probes_of(container: Body, started: float) -> dict[Kind, Probe]:
    """The probes of a container that started just now."""
    found: dict[Kind, Probe] = {}
    kinds: tuple[Kind, ...] = ("startup", "liveness", "readiness")
    for kind in kinds:
        spec = container.get(f"{kind}Probe")
        if spec is not None:
            found[kind] = Probe(kind, spec, started + float(spec.get("initialDelaySeconds") or 0))
    return found


def active(probes: Mapping[Kind, Probe], *, started: bool) -> list[Probe]:
    """Those that count now: the startup probe until it has succeeded, then the others."""
    return [probe for probe in probes.values() if (probe.kind == "startup") != started]
