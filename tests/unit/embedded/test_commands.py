"""up, down, status, logs and clean as a newcomer meets them, with stub parts."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from embedded import down, first_users, prepare, running, status
from embedded import up as up_module
from embedded.places import Places
from embedded.prepare import CannotStart, Prepared
from embedded.process import leftovers
from embedded.screen import Screen
from embedded.settings import Choices
from tests.unit.embedded.conftest import Run

Command = Callable[..., subprocess.CompletedProcess[str]]
Up = Callable[..., tuple[int, str]]
WORKS = "echo ready; exec sleep 600"
HERE = Choices(local_cluster=True, local_database=True, local_queue=True, api_port=6443, port=8080, web_port=8000)


@pytest.fixture
def up(run: Run, monkeypatch: pytest.MonkeyPatch) -> Up:
    """`up` that finds stub parts prepared; the exit code, and what was said."""
    monkeypatch.setattr(first_users, "make_first_users", lambda _: [first_users.Person("Operator", "o@x", "topsecret")])
    monkeypatch.setenv("STOREYARD_STATE", str(run.places.state))

    def up(*parts: object) -> tuple[int, str]:
        def prepared(*_: object) -> Prepared:
            run.places.postgres.mkdir(exist_ok=True)
            run.plan(*parts)  # type: ignore[arg-type]
            return Prepared(HERE, {"STOREYARD_DATABASE_URL": "postgresql://x"})

        started: list[subprocess.Popen[bytes]] = []
        start = running.start

        def starting(places: Places) -> subprocess.Popen[bytes]:
            started.append(start(places))
            run.process = started[0]
            return started[0]

        monkeypatch.setattr(up_module, "prepare", prepared)
        monkeypatch.setattr(running, "start", starting)
        said = io.StringIO()
        return up_module.up(os.environ, Screen(said)), said.getvalue()

    return up


def test_the_end_of_up_says_what_there_is_and_shows_passwords_once(up: Up, run: Run) -> None:
    code, said = up(run.part("one", WORKS))
    assert code == 0
    for words in (
        "Storeyard runs",
        "http://<name>.localhost:8080",
        "kubectl --kubeconfig",
        "o@x   password topsecret",
        "scripts/storeyard",
    ):
        assert words in said
    code, said = up()
    assert code == 0
    assert "Storeyard runs already" in said
    assert "one         running" in said
    assert "topsecret" not in said


def test_a_part_that_does_not_come_up_is_shown_with_its_last_words_and_the_rest_runs_on(up: Up, run: Run) -> None:
    code, said = up(run.part("good", WORKS), run.part("bad", "echo I have no hands; exit 9"), run.part("after", WORKS, after=("bad",)))
    assert code == 1
    assert "bad does not come up" in said
    assert "exit 9" in said
    assert "      I have no hands" in said
    assert "after does not" not in said
    assert run.states()["good"] == "running"


def test_what_a_killed_start_left_is_gone_before_the_next(up: Up, run: Run) -> None:
    stray = subprocess.Popen(["sleep", "600"], env={"STOREYARD_PART": f"{run.places.state}/bundle"})
    try:
        code, said = up(run.part("one", WORKS))
        assert code == 0
        assert "1 processes were left" in said
        assert stray.wait(20) == -signal.SIGKILL
    finally:
        stray.kill()
        stray.wait()


def test_all_that_is_wrong_is_said_at_once(places: Places, embedded_command: Command) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        done = embedded_command("up", STOREYARD_PORT=port, STOREYARD_API_PORT=port, PATH=str(places.state))
    assert done.returncode == 1
    assert done.stdout.startswith("Storeyard cannot start:\n  ! ")
    for words in ("Node.js is missing", "npm is missing", f"are both {port}", f"(process {os.getpid()})"):
        assert words in done.stdout


def test_a_kubeconfig_that_is_not_there_is_said(embedded_command: Command) -> None:
    done = embedded_command(
        "up", STOREYARD_KUBECONFIG="/nowhere/config", STOREYARD_DATABASE_URL="postgresql://x", STOREYARD_QUEUE_URL="redis://x"
    )
    assert done.returncode == 1
    assert "STOREYARD_KUBECONFIG names /nowhere/config, which is not a file." in done.stdout


def test_a_second_up_while_one_prepares_is_turned_away(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "check", lambda *_: pytest.fail("the second one went on"))
    lock = up_module.take_lock(places.up_lock)
    assert lock is not None
    said = io.StringIO()
    assert up_module.up({"STOREYARD_STATE": str(places.state)}, Screen(said)) == 1
    assert "Another `make up` is at work" in said.getvalue()
    os.close(lock)


def test_a_disk_that_is_full_is_a_sentence(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Prepared:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(up_module, "prepare", full)
    with pytest.raises(CannotStart, match="The disk is full: make room"):
        up_module._prepare(places, {}, Screen(io.StringIO()))


def test_status_says_each_part_and_succeeds_only_where_all_run(run: Run, embedded_command: Command) -> None:
    assert embedded_command("status").returncode == 1
    run.start(run.part("one", WORKS), run.part("step", "true", check="end"), run.part("bad", "echo error: none; exit 1"))
    run.until(lambda: run.states() == {"one": "running", "step": "done", "bad": "resting"})
    done = embedded_command("status")
    assert done.returncode == 1
    assert "error: none" in done.stdout
    document = json.loads(embedded_command("status", "--json").stdout)
    by_name = {part["name"]: part for part in document["parts"]}
    assert (document["running"], document["works"]) == (True, False)
    assert (by_name["one"]["works"], by_name["step"]["works"], by_name["bad"]["works"]) == (True, True, False)
    assert by_name["bad"]["last_end"] == "exit 1"
    assert document["memory_mb"]["control_plane"] >= 1


def test_status_succeeds_where_all_run(run: Run, embedded_command: Command) -> None:
    run.start(run.part("one", WORKS), run.part("step", "true", check="end"))
    run.until(lambda: run.states() == {"one": "running", "step": "done"})
    assert embedded_command("status").returncode == 0


def test_the_stores_memory_stands_apart(run: Run) -> None:
    pod = f"STOREYARD_POD={run.places.state}/kube/1 sleep 600 & echo ready; wait"
    run.start(run.part("cluster", pod))
    run.until(lambda: run.states() == {"cluster": "running"})
    told = running.ask(run.places)
    assert told is not None
    run.until(lambda: set(status.memory_by_part(status._processes(told))) == {"supervisor", "cluster", "stores"})


def test_a_supervisor_that_is_frozen_is_said(run: Run) -> None:
    run.start(run.part("one", WORKS))
    assert run.process is not None
    run.process.send_signal(signal.SIGSTOP)
    said = io.StringIO()
    assert status.status(run.places, Screen(said)) == 1
    assert f"process {run.process.pid}) does not answer" in said.getvalue()
    run.process.send_signal(signal.SIGCONT)


def test_down_stops_everything_and_leaves_nothing(run: Run, embedded_command: Command) -> None:
    run.start(run.part("one", WORKS), run.part("two", "trap '' TERM; echo ready; while :; do sleep 0.1; done", stop_seconds=0.3))
    run.until(lambda: run.states() == {"one": "running", "two": "running"})
    done = embedded_command("down")
    assert done.returncode == 0
    assert "Storeyard is stopped" in done.stdout
    assert leftovers(run.places.state) == []
    assert not run.places.runtime.exists()
    assert embedded_command("down").stdout == "Storeyard does not run.\n"


def test_down_kills_what_a_killed_supervisor_left(places: Places, embedded_command: Command) -> None:
    stray = subprocess.Popen(["sleep", "600"], env={"STOREYARD_POD": f"{places.state}/kube/1"})
    done = embedded_command("down")
    assert "1 processes were left over" in done.stdout
    assert stray.wait(20) == -signal.SIGKILL


def test_down_does_not_wait_for_ever(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.start(run.part("one", WORKS))
    assert run.process is not None
    run.process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(down, "SECONDS", 0.5)
    said = io.StringIO()
    assert down.down(run.places, Screen(said)) == 0
    assert "it is killed" in said.getvalue()
    assert leftovers(run.places.state) == []


def test_clean_asks_and_does_nothing_without_a_terminal(places: Places, embedded_command: Command) -> None:
    done = embedded_command("clean")
    assert done.returncode == 1
    assert "FORCE=1" in done.stdout
    assert places.state.exists()


def test_clean_by_force_removes_everything(places: Places, embedded_command: Command) -> None:
    assert embedded_command("clean", "--force").returncode == 0
    assert not places.state.exists()
    assert not places.runtime.exists()
    assert embedded_command("clean").returncode == 0


@pytest.mark.parametrize(("answer", "stays"), [("y", False), ("yes", False), ("", True), ("n", True), ("nein", True)])
def test_clean_removes_only_after_a_yes(places: Places, monkeypatch: pytest.MonkeyPatch, answer: str, stays: bool) -> None:
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})())
    monkeypatch.setattr("builtins.input", lambda _: answer)
    down.clean(places, Screen(io.StringIO()), force=False)
    assert places.state.exists() is stays


def test_clean_refuses_while_it_runs(run: Run, embedded_command: Command) -> None:
    run.start(run.part("one", WORKS))
    done = embedded_command("clean", "--force")
    assert done.returncode == 1
    assert "`make down` first" in done.stdout
    assert run.places.plan.exists()


def test_logs_of_a_part_that_is_none_names_those_there_are(run: Run, embedded_command: Command) -> None:
    run.start(run.part("worker-1", WORKS))
    run.until(lambda: run.log("worker-1"))
    assert embedded_command("logs", "--no-follow", "worker-1").stdout == "worker-1 | ready\n"
    done = embedded_command("logs", "wroker-1")
    assert done.returncode == 1
    assert "There are: supervisor, worker-1." in done.stderr
