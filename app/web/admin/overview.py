"""The fleet at one moment: every figure leads to the rows behind it. The queue being away is said, and hides nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from flask.typing import ResponseReturnValue

from app.domain.stores import Phase
from app.services.fleet import LONG_WAIT, Fleet, look
from app.services.fleet_stores import State
from app.services.fleet_trends import Trends, trends
from app.web.admin import blueprint
from app.web.current import current
from app.web.htmx import page
from app.web.tenancy import operators

_PHASES = (
    Phase.READY, Phase.PROVISIONING, Phase.PENDING, Phase.DEGRADED, Phase.FAILED, Phase.SUSPENDED, Phase.DELETING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its rows. `tone`: "" where it is nothing to worry about."""

    title: str
    value: str
    href: str
    tone: str = ""
    note: str = ""


@blueprint.get("")
@operators
def index() -> ResponseReturnValue:
    fleet, recent = look(current.services, most=8), trends(current.services)
    by_phase = fleet.watched.figures.stores
    return page(
        "admin/index.html",
        block="live",
        fleet=fleet,
        trends=recent,
        phases=[(phase.value, by_phase.get(phase.value, 0), url_for("admin.stores", phase=phase.value)) for phase in _PHASES],
        total=sum(count for phase, count in by_phase.items() if phase != Phase.DELETED),
        work=_work(fleet, recent),
        chart=_chart(recent),
        passes=sparkline([hour.passes for hour in recent.hours]),
        ready=sparkline(recent.ready.latest),
    )


def _work(fleet: Fleet, recent: Trends) -> list[Figure]:
    figures = fleet.watched.figures

    def stores(title: str, count: int, state: State, tone: str = "", note: str = "") -> Figure:
        return Figure(title, f"{count:,}", url_for("admin.stores", state=state.value), tone if count else "", note)

    late = "warn" if figures.due_age > LONG_WAIT else ""
    contested = url_for("admin.drift", open=1, contested=1)
    return [
        stores("Running passes", len(fleet.watched.under_way), State.UNDER_WAY),
        stores("Due", figures.due, State.DUE, late, f"oldest {figures.due_age:.0f} s" if figures.due else ""),
        stores("Failing", fleet.watched.failing, State.FAILING, "bad"),
        stores("Quarantined", figures.quarantined, State.QUARANTINED, "bad"),
        stores("Crashing", figures.crashing, State.CRASHING, "warn"),
        Figure("Open drift", f"{figures.open_drift:,}", url_for("admin.drift", open=1), "warn" if figures.open_drift else ""),
        Figure("Contested fields", f"{recent.contested:,}", contested, "warn" if recent.contested else ""),
    ]


def _chart(recent: Trends) -> str:
    """For js/admin.js: seconds, and one list of numbers per line."""
    hours = recent.hours
    return json.dumps(
        {
            "x": [int(hour.at.timestamp()) for hour in hours],
            "lines": [
                {"label": "Found", "tone": "warn", "values": [hour.found for hour in hours]},
                {"label": "Repaired", "tone": "good", "values": [hour.repaired for hour in hours]},
            ],
        }
    )


def sparkline(values: Sequence[float], *, width: int = 160, height: int = 36) -> str:
    """The `points` of an SVG polyline, from 0 at the bottom to the greatest value; "" where there is nothing to draw."""
    if len(values) < 2:
        return ""
    top = max(values) or 1
    step = width / (len(values) - 1)
    return " ".join(f"{number * step:.1f},{height - 2 - value / top * (height - 4):.1f}" for number, value in enumerate(values))
