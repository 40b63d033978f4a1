"""The supervisor, with real processes: it restarts what ends, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from embedded import running
from embedded.process import leftovers
from tests.unit.embedded.conftest import Run

WORKS = "echo ready; exec sleep 600"
# A grandchild that the signal at the parent's end does not reach, in the part's group.
WITH_CHILD = "sleep 600 & echo ready; wait"


def test_a_part_that_is_killed_is_started_again(run: Run) -> None:
    run.start(run.part("one", WORKS))
    run.until(lambda: run.states() == {"one": "running"})
    first = run.told("one")
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    run.until(lambda: run.told("one").restarts == 1 and run.told("one").state == "running")
    assert run.told("one").pid != first.pid
    assert run.told("one").last_end == "killed by SIGKILL"


def test_what_a_part_left_in_its_group_goes_with_it(run: Run) -> None:
    run.start(run.part("one", f"echo x >>{run.places.state}/starts; {WITH_CHILD}"))
    run.until(lambda: run.states() == {"one": "running"})
    before = set(leftovers(run.places.state))
    pid = run.told("one").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    run.until(lambda: run.told("one").restarts == 1 and run.told("one").state == "running")
    assert run.process is not None
    assert set(leftovers(run.places.state)) & before == {run.process.pid}


def test_sigkill_of_the_supervisor_takes_all_parts_down(run: Run) -> None:
    run.start(run.part("one", WORKS), run.part("two", WORKS))
    run.until(lambda: run.states() == {"one": "running", "two": "running"})
    assert run.process is not None
    run.process.kill()
    run.process.wait()
    run.until(lambda: leftovers(run.places.state) == [])
    assert running.supervisor_pid(run.places) is None


def test_after_a_sigkill_the_next_one_starts_over_what_the_first_left(run: Run) -> None:
    run.start(run.part("one", WORKS))
    assert run.process is not None
    run.process.kill()
    run.process.wait()
    assert run.places.control.exists()
    run.places.lock.write_text("1\n")
    run.start(run.part("one", WORKS))
    run.until(lambda: run.states() == {"one": "running"})
    assert running.supervisor_pid(run.places) == run.process.pid


def test_a_part_waits_for_those_it_names(run: Run) -> None:
    gate = run.places.state / "gate"
    run.start(
        run.part("late", f"test -e {gate} && {WORKS}", after=("step",)),
        run.part("step", f"while ! test -e {gate}; do sleep 0.05; done", check="end"),
    )
    run.until(lambda: run.states() == {"late": "waiting", "step": "starting"})
    gate.touch()
    run.until(lambda: run.states() == {"late": "running", "step": "done"})
    assert run.told("late").restarts == 0


def test_a_step_that_fails_is_tried_again(run: Run) -> None:
    once = run.places.state / "once"
    run.start(run.part("step", f"test -e {once} || {{ touch {once}; echo error: not yet; exit 3; }}", check="end"))
    run.until(lambda: run.states() == {"step": "done"})
    told = run.told("step")
    assert (told.restarts, told.last_end, told.trouble) == (1, "exit 3", "error: not yet")


def test_a_program_that_is_missing_is_said_in_the_parts_log(run: Run) -> None:
    part = run.part("one", "")
    run.start(type(part)("one", (str(run.places.state / "nothing"),), "line", "x"), run.part("two", WORKS))
    run.until(lambda: run.states() == {"one": "resting", "two": "running"})
    assert "cannot be started" in run.log("one")


def test_stopping_goes_from_the_end(run: Run) -> None:
    order = run.places.state / "order"

    def stopping(name: str) -> str:
        return f"trap 'sleep 0.2; echo {name} >>{order}; exit' TERM; echo ready; while :; do sleep 0.02; done"

    run.start(
        run.part("base", stopping("base")),
        run.part("middle", stopping("middle"), after=("base",)),
        run.part("top", stopping("top"), after=("middle", "base")),
    )
    run.until(lambda: set(run.states().values()) == {"running"})
    assert running.terminate(run.places)
    assert running.wait_until_gone(run.places, 30)
    assert order.read_text().split() == ["top", "middle", "base"]
    assert not run.places.control.exists()


def test_a_part_that_does_not_stop_is_killed(run: Run) -> None:
    run.start(run.part("deaf", "trap '' TERM; echo ready; while :; do sleep 0.05; done", stop_seconds=0.3))
    run.until(lambda: run.states() == {"deaf": "running"})
    running.terminate(run.places)
    assert running.wait_until_gone(run.places, 30)
    assert "was killed" in run.log("deaf")
    run.until(lambda: leftovers(run.places.state) == [])


def test_only_one_supervisor_runs(run: Run) -> None:
    run.start(run.part("one", WORKS))
    second = running.start(run.places)
    assert second.wait(30) == 1
    assert "another supervisor runs already" in run.log("supervisor")
    assert run.states()["one"] in ("starting", "running")


def test_it_answers_many_who_ask_and_none_who_does_not_read_holds_it_up(run: Run) -> None:
    run.start(run.part("one", WORKS))
    silent = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    for client in silent:
        client.connect(str(run.places.control))
    run.until(lambda: run.states() == {"one": "running"})
    for client in silent:
        client.close()


def test_a_flood_of_lines_is_kept_by_size(run: Run) -> None:
    run.start(run.part("loud", "echo ready; yes a line that is said again and again | head -c 30000000; exec sleep 600"))
    run.until(lambda: run.states() == {"loud": "running"})
    run.until(lambda: sum(path.stat().st_size for path in run.places.logs.glob("loud.log*")) > 20_000_000)
    assert [path.name for path in sorted(run.places.logs.glob("loud.log*"))] == ["loud.log", "loud.log.1", "loud.log.2"]


def test_while_nothing_happens_it_sleeps(run: Run) -> None:
    run.start(run.part("one", WORKS))
    run.until(lambda: run.states() == {"one": "running"})
    assert run.process is not None
    before = switches(run.process.pid)
    time.sleep(1.0)
    assert switches(run.process.pid) - before <= 2


def switches(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
