"""No process outlives the one that started it, and what does all the same is found."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from embedded import process
from embedded.places import CHECKOUT, Places

STARTER = """
import signal, sys, time
from embedded.process import spawn
child = spawn(["sleep", "600"], death=signal.SIGKILL, output=2, environment={"PATH": "/usr/bin:/bin"})
print(child.pid, flush=True)
time.sleep(600)
"""


def marked(value: str, *, name: str = process.MARKER) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", "A": "1", name: value}, start_new_session=True)


def test_a_process_goes_with_a_starter_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        starter.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_leftovers_of_this_state_are_killed_and_no_others(places: Places) -> None:
    ours = [marked(f"{places.state}/worker-1"), marked(f"{places.state}/kube/123", name=process.POD_MARKER)]
    others = [marked(f"{places.state}-other/worker-1"), marked(str(places.state), name="STOREYARD_STATE")]
    try:
        # A parent has to reap them; its children are zombies until then, which hold nothing.
        assert set(process.kill_leftovers(places.state)) == {one.pid for one in ours}
        assert [one.wait(20) for one in ours] == [-signal.SIGKILL] * 2
        assert [one.poll() for one in others] == [None, None]
    finally:
        for one in (*ours, *others):
            one.kill()
            one.wait()


def test_a_servers_child_without_our_mark_is_known_by_its_folder(places: Places) -> None:
    """PostgreSQL's children write their titles over their environment."""
    data = places.postgres_data
    data.mkdir(parents=True)
    program = places.state / "postgres-program" / "postgres"
    program.parent.mkdir()
    shutil.copy2("/bin/sleep", program)
    with subprocess.Popen([program, "600"], cwd=data, env={}, start_new_session=True) as server, \
            subprocess.Popen(["/bin/sleep", "600"], cwd=data, env={}) as visitor:  # fmt: skip
        deadline = time.monotonic() + 20
        while os.path.basename(os.readlink(f"/proc/{server.pid}/exe")) != "postgres":
            assert time.monotonic() < deadline
        assert process.leftovers(places.state) == [server.pid]
        for one in (server, visitor):
            one.kill()


def test_nothing_left_is_nothing_to_do(places: Places) -> None:
    assert process.kill_leftovers(places.state) == []
