"""The screen of `storeyard top`: it fits, it says first what needs a look, and what it cuts it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.cli.output import width
from app.cli.top_screen import screen
from app.domain.stores import DriftMode, Phase
from app.ports import FleetFigures
from app.services.fleet import Fleet, Worker
from app.services.fleet_queries import SlowPass, StoreName, Trouble, UnderWay, Watched
from app.services.queries import LeaderView
from app.services.views import PlatformView

NOW = datetime(2026, 3, 1, 3, 12, 7, tzinfo=UTC)
RECENT = timedelta(minutes=5)
LONG = "a-very-long-name-of-a-tenant-that-goes-on-and-on"


def store(number: int, slug: str = "shop") -> StoreName:
    return StoreName(f"01kjmma2g0by8hr9tbh77jbh{number:02}", f"{slug}-{number}", "acme")


def trouble(number: int, *, quarantined: bool = False, message: str = "The image cannot be pulled.") -> Trouble:
    at = NOW - timedelta(minutes=4)
    return Trouble(store(number), Phase.DEGRADED, number, "ImagePull", message, NOW + timedelta(seconds=40), at if quarantined else None)


def fleet(*, troubles: int = 0, quarantined: int = 0, slow: int = 0, workers: int = 1, attention: tuple[str, ...] = ()) -> Fleet:
    figures = FleetFigures({"Ready": 90, "Failed": troubles, "Deleted": 40}, 3, 2.0, troubles, 0, quarantined, 5, None, None)
    watched = Watched(
        NOW, figures, (UnderWay(store(1), "host-1"),),
        tuple(SlowPass(store(n), NOW, "changed", 2500 - n, "apply", 2000) for n in range(min(slow, 10))),
        troubles, tuple(trouble(n) for n in range(min(troubles, 10))),
        tuple(trouble(n, quarantined=True) for n in range(min(quarantined, 10))),
    )  # fmt: skip
    crew = tuple(Worker(f"host-{n}", "busy", NOW, False, store(n).id, store(n), NOW) for n in range(workers))
    office = LeaderView("scheduler", "host-9", NOW + timedelta(seconds=8), True)
    platform = PlatformView(DriftMode.REPAIR, None, None)
    return Fleet(watched, platform, (office,), (("intent", 4, 1.0), ("repair", 0, 0.0)), crew, None, attention)


CASES = (
    ("a quiet night", fleet()),
    ("everything at once", fleet(troubles=60, quarantined=30, slow=10, workers=12, attention=tuple(f"Thing {n}." for n in range(9)))),
    ("many workers", fleet(workers=80)),
    ("wide characters and long names", replace(fleet(workers=3), attention=(f"店舗の{LONG}" * 3,))),
)


@pytest.mark.parametrize(("columns", "rows"), [(80, 23), (60, 15), (200, 60), (40, 8)])
@pytest.mark.parametrize(("reason", "seen"), CASES, ids=[case[0] for case in CASES])
def test_it_fits_the_terminal(reason: str, seen: Fleet, columns: int, rows: int) -> None:
    lines = screen(seen, recent=RECENT, columns=columns, rows=rows)
    assert len(lines) <= rows, reason
    assert all(width(line) <= columns for line in lines), reason


def test_a_quiet_night_says_so_in_its_first_line() -> None:
    lines = screen(fleet(), recent=RECENT, columns=80, rows=23)
    assert lines[0] == "storeyard  03:12:07 UTC  All well."
    assert lines[1] == "Stores   90: 90 Ready"
    assert "Queues   intent 4 (oldest 1 s), repair 0" in lines
    assert "Leaders  scheduler host-9 (for 8 s)" in lines


def test_what_needs_a_look_comes_first_and_every_list_keeps_a_share() -> None:
    seen = fleet(troubles=60, quarantined=30, slow=10, workers=12, attention=("First.", "Second."))
    lines = screen(seen, recent=RECENT, columns=80, rows=30)
    assert lines[1:3] == ["!! First.", "!! Second."]
    for title in ("WORKER", "QUARANTINED", "FAILING", "SLOWEST PASSES, 5 min"):
        place = next(number for number, line in enumerate(lines) if line.startswith(title))
        assert lines[place + 1].strip(), f"{title} has a row"
    assert "and 57 more" in lines, "what is cut is counted, beyond what was read as well"


def test_in_full_length_nothing_is_left_out() -> None:
    seen = fleet(troubles=4, slow=10, attention=tuple(f"Thing {n}." for n in range(9)))
    lines = screen(seen, recent=RECENT, columns=80, rows=None)
    assert sum(line.startswith("!! Thing") for line in lines) == 9
    assert sum(" 2.5 s " in line for line in lines) == 10


def test_without_the_queue_the_leases_tell_who_works() -> None:
    seen = replace(fleet(), queues=None, workers=None, queue_error="The queue cannot be reached.")
    lines = screen(seen, recent=RECENT, columns=80, rows=23)
    assert "Queues   out of reach" in lines
    assert any(line.startswith("host-1") and line.endswith("acme/shop-1") for line in lines)


def test_a_shops_words_do_not_steer_the_terminal() -> None:
    seen = fleet(troubles=1)
    seen = replace(seen, watched=replace(seen.watched, troubles=(trouble(1, message="\x1b[2J\nboo"),)))
    lines = screen(seen, recent=RECENT, columns=120, rows=23)
    assert all(line.isprintable() for line in lines)
