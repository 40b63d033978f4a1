"""The doctor: everything that Storeyard needs, checked from here, each failure with what to do about it. Changes nothing.

Things are looked at side by side, and the first word from each is waited for no longer than `REACH` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from app.ports import QueueUnavailable
from app.services.context import Services
from app.services.doctor.checks import REACH, Check, Late, Outcome, one_line, start, within
from app.services.doctor.cluster import check_cluster
from app.services.doctor.database import check_database, database_place, database_trouble, schema_revisions
from app.services.doctor.templates import check_templates

__all__ = ["Check", "Outcome", "database_place", "database_trouble", "examine", "schema_revisions"]

# Seconds for all that follows once a thing has been reached.
WHOLE = 20.0


def examine(services: Services, *, cluster_name: str = "the cluster") -> tuple[Check, ...]:
    """All checks, in a fixed order. Raises nothing that a broken installation can cause."""
    probes: tuple[tuple[str, Callable[[], Iterable[Check]]], ...] = (
        ("database", lambda: check_database(services)),
        ("queue", lambda: _queue(services)),
        ("cluster", lambda: check_cluster(services, cluster_name)),
        ("templates", lambda: check_templates(services)),
    )
    running = [(name, start(lambda probe=probe: tuple(probe()))) for name, probe in probes]
    checks: list[Check] = []
    for name, wait in running:
        try:
            checks.extend(wait(WHOLE))
        except Late:
            fix = "Look at the load of this machine and at the network."
            checks.append(Check(name, Outcome.FAILED, f"No answer within {WHOLE:.0f} s.", fix))
        except Exception as error:  # noqa: BLE001 - one thing that breaks in an unknown way must not hide the others
            checks.append(
                Check(name, Outcome.FAILED, f"{type(error).__name__}: {one_line(error)}", "Nobody foresaw this: please report it.")
            )
    return tuple(checks)


def _queue(services: Services) -> Iterator[Check]:
    fix = "Start Valkey (or Redis), or correct STOREYARD_QUEUE_URL. Until then the scheduler cannot hand on work; nothing is lost."
    try:
        version = within(REACH, services.queue.ping)
        depths = services.queue.depths()
    except QueueUnavailable as error:
        yield Check("queue", Outcome.FAILED, str(error), fix)
    except Late:
        yield Check("queue", Outcome.FAILED, f"No answer within {REACH} s.", fix)
    else:
        waiting = ", ".join(f"{number} in {name}" for name, number in depths.items())
        yield Check("queue", Outcome.OK, f"Version {version}; waiting: {waiting or 'nothing'}")
