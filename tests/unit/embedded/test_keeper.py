"""One part: when it is tried again, and what of its output is remembered."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from embedded.keeper import FIRST_DELAY, MOST_DELAY, SETTLED, Keeper
from embedded.part import Part


def keeper(folder: Path, script: str, **options: object) -> Keeper:
    settings = {"check": "line", "target": "ready", "environment": {"PATH": os.environ["PATH"]}}
    return Keeper(Part("one", ("sh", "-c", script), **(settings | options)), folder)  # type: ignore[arg-type]


def end(one: Keeper, now: float) -> None:
    """Run it from `now` until its end, which is `now` too."""
    one.start(now)
    wait_for_end(one, now)


def wait_for_end(one: Keeper, now: float) -> None:
    deadline = time.monotonic() + 20
    while not one.ended(now):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_pause_doubles_up_to_half_a_minute(folder: Path) -> None:
    one = keeper(folder, "exit 1")
    pauses: list[float] = []
    for _ in range(10):
        end(one, 1000.0)
        pauses.append(one.again_at - 1000.0)
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, MOST_DELAY, MOST_DELAY])
    assert one.restarts == 10


@pytest.mark.parametrize(("ran", "pause"), [(SETTLED + 1, FIRST_DELAY), (SETTLED - 1, 4 * FIRST_DELAY)])
def test_after_a_minute_of_work_the_pause_is_short_again(folder: Path, ran: float, pause: float) -> None:
    one = keeper(folder, "exit 1")
    end(one, 0.0)
    end(one, 0.0)
    one.part = keeper(folder, "echo ready; read line").part
    one.start(100.0)
    read_until(one, lambda: one.look(100.0))
    assert one.process is not None
    os.kill(one.process.pid, signal.SIGKILL)
    wait_for_end(one, 100.0 + ran)
    assert one.again_at - (100.0 + ran) == pytest.approx(pause)


def test_a_line_split_between_two_reads_is_seen(folder: Path) -> None:
    one = keeper(folder, "printf 'it is rea'; sleep 0.3; printf 'dy now'; sleep 60")
    one.start(0.0)
    read_until(one, lambda: one.look(1.0))
    assert one.state == "running"
    stop(one)


@pytest.mark.parametrize(
    ("line", "is_trouble"),
    [
        ("2026-11-25T03:00:59Z [error    ] pass failed", True),
        ('{"level":"error","msg":"x"}', True),
        ("2026-11-25 03:00:50 UTC [1] FATAL:  lock file exists", True),
        ("2026-11-25 03:00:50,1 ERROR the port is taken", True),
        ("Traceback (most recent call last):", False),
        ("sqlalchemy.exc.OperationalError: (psycopg) refused", True),
        ("ValueError: no", True),
        ("error: STOREYARD_TLS must be one of", True),
        ("2026-11-25T03:00:59Z [info     ] pass recorded  error=None errors=0", False),
        ("LOG:  database system is ready", False),
    ],
)
def test_only_lines_about_trouble_are_remembered_as_such(folder: Path, line: str, is_trouble: bool) -> None:
    one = keeper(folder, f"echo '{line}'; echo fine; exec sleep 60")
    one.start(0.0)
    read_until(one, lambda: one.last_line == "fine")
    assert one.trouble == (line if is_trouble else "")
    stop(one)


def test_the_last_words_of_a_part_that_ends_are_kept(folder: Path) -> None:
    one = keeper(folder, "echo I give up >&2; exit 7")
    end(one, 0.0)
    assert (one.last_line, one.trouble, one.last_end) == ("I give up", "I give up", "exit 7")
    assert (folder / "one.log").read_text() == "I give up\n"


def test_a_full_disk_costs_log_lines_and_nothing_else(folder: Path) -> None:
    (folder / "one.log").symlink_to("/dev/full")
    one = keeper(folder, "echo ready; exec sleep 60")
    one.start(0.0)
    read_until(one, lambda: one.look(1.0))
    assert one.as_dict()["lost"] == len("ready\n")
    assert one.last_line == "ready"
    stop(one)


def test_a_part_gets_its_own_environment_and_no_open_files(folder: Path) -> None:
    with (folder / "open").open("w"):
        script = f"import os; print(sorted(os.environ), os.listdir('/proc/self/fd'), os.getsid(0) == os.getpid())"  # noqa: F541
        part = Part("one", (sys.executable, "-I", "-c", script), "end", environment={"ONLY": "1"})
        one = Keeper(part, folder)
        end(one, 0.0)
    said = (folder / "one.log").read_text()
    assert "'ONLY'" in said
    assert "'HOME'" not in said
    # its standard streams, and the folder being listed
    assert "['0', '1', '2', '3'] True" in said


def read_until(one: Keeper, true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        assert one.output is not None
        if select.select([one.output], [], [], 0.2)[0]:
            one.read()


def stop(one: Keeper) -> None:
    one.ask_to_stop(0.0)
    wait_for_end(one, 0.0)
    assert one.state == "stopped"
