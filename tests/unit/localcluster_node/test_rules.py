"""Rules of the kubelet that need no process: thresholds, back-off, phases, conditions, addresses, claims' folders, logs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from localcluster.errors import ApiError
from localcluster.node import status
from localcluster.node.addresses import Addresses
from localcluster.node.backoff import BackOff
from localcluster.node.capacity import allocatable_memory, announce
from localcluster.node.claims import Claims
from localcluster.node.logs import LogBook
from localcluster.node.probes import Probe, active, probes_of
from localcluster.node.stopping import Stopping
from localcluster.objects import Store

NOW = "2026-01-01T00:00:00Z"


def test_the_first_restart_is_immediate_and_later_ones_wait_twice_as_long_each_time() -> None:
    back_off, waits, now = BackOff(), [], 1000.0
    for _ in range(8):
        waits.append(back_off.delay(now))
        now += back_off.delay(now)
        back_off.restarted(now)
        now += 1
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert back_off.delay(now + 601) == 0


def test_a_probe_says_something_else_only_after_enough_outcomes_alike() -> None:
    probe = Probe("readiness", {"failureThreshold": 2, "successThreshold": 2}, due=0)
    outcomes = [True, True, False, True, False, False, False, True, True]
    assert [probe.finished(good) for good in outcomes] == [False, True, False, False, False, True, False, False, True]


def test_a_late_probe_is_not_made_up_for() -> None:
    probe = Probe("liveness", {"periodSeconds": 5}, due=10)
    probe.begun(11)
    assert probe.due == 15
    probe.begun(100)
    assert probe.due == 100


def test_until_it_has_started_only_the_startup_probe_counts() -> None:
    probes = probes_of({"startupProbe": {}, "livenessProbe": {"initialDelaySeconds": 7}, "readinessProbe": {}}, 100)
    assert probes["liveness"].due == 107
    assert [probe.kind for probe in active(probes, started=False)] == ["startup"]
    assert [probe.kind for probe in active(probes, started=True)] == ["liveness", "readiness"]


def steps(stopping: Stopping, *times: float) -> list[str]:
    return [stopping.step(now) for now in times]


def test_a_container_is_terminated_at_once_and_killed_when_its_grace_is_over() -> None:
    assert steps(Stopping(0, 5), 0, 0, 4.9, 5, 6) == ["terminate", "wait", "wait", "kill", "wait"]


def test_a_hook_is_waited_for_but_no_longer_than_the_grace_and_leaves_the_program_two_seconds() -> None:
    ended = Stopping(0, 5, hook=True)
    assert ended.step(1) == "wait"
    ended.hook_ends(2)
    assert steps(ended, 2, 4, 5) == ["terminate", "wait", "kill"]
    endless = Stopping(0, 5, hook=True)
    assert steps(endless, 4.9, 5, 6.9, 7) == ["wait", "terminate", "wait", "kill"]


def test_asked_again_the_shorter_grace_holds_and_no_signal_is_sent_twice() -> None:
    stopping = Stopping(0, 30)
    assert stopping.step(0) == "terminate"
    stopping.shorten(1, 60)
    assert stopping.due == 30
    stopping.shorten(2, 0)
    assert steps(stopping, 2, 3) == ["kill", "wait"]
    assert stopping.due == float("inf")


def container(state: str, *, code: int = 0, ready: bool = False, last: bool = False) -> dict[str, Any]:
    detail = {"exitCode": code} if state == "terminated" else {}
    return {"name": "c", "ready": ready, "state": {state: detail}, "lastState": {"terminated": {}} if last else {}}


@pytest.mark.parametrize(
    ("policy", "containers", "phase"),
    [
        ("Always", [container("waiting")], "Pending"),
        ("Always", [container("waiting", last=True)], "Running"),
        ("Always", [container("terminated")], "Running"),
        ("Never", [container("terminated")], "Succeeded"),
        ("Never", [container("terminated", code=1), container("terminated")], "Failed"),
        ("Never", [container("terminated", code=1), container("running")], "Running"),
        ("OnFailure", [container("terminated", code=1)], "Running"),
        ("OnFailure", [container("terminated")], "Succeeded"),
    ],
)
def test_phases(policy: str, containers: list[Any], phase: str) -> None:
    assert status.phase(policy, [], containers, init_done=True) == phase


def test_a_failed_init_container_fails_a_pod_that_is_not_restarted() -> None:
    failed, waits = container("terminated", code=1), container("waiting")
    assert status.phase("Never", [failed], [waits], init_done=False) == "Failed"
    assert status.phase("Always", [failed], [waits], init_done=False) == "Pending"


def conditions(pod: Any, containers: list[Any], **more: Any) -> dict[str, Any]:
    values = {"phase": "Running", "init": [], "now": NOW, "init_done": True, "sandbox": True, **more}
    phase, init = values.pop("phase"), values.pop("init")
    return {item["type"]: item for item in status.conditions(pod, phase, init, containers, **values)}


def test_conditions_keep_their_time_while_they_stay_the_same() -> None:
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "old"}, {"type": "Initialized", "status": "False"}]
    pod = {"metadata": {"generation": 3}, "spec": {}, "status": {"conditions": old}}
    found = conditions(pod, [container("running", ready=True)])
    assert found["Ready"]["lastTransitionTime"] == "old"
    assert found["Initialized"]["lastTransitionTime"] == NOW
    assert found["Ready"]["observedGeneration"] == 3
    unready = conditions(pod, [container("running")])
    assert unready["Ready"]["message"] == "containers with unready status: [c]"
    assert unready["Ready"]["lastTransitionTime"] == NOW


def test_a_readiness_gate_holds_a_pod_back() -> None:
    pod = {"metadata": {}, "spec": {"readinessGates": [{"conditionType": "x/y"}]}, "status": {}}
    found = conditions(pod, [container("running", ready=True)])
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "ReadinessGatesNotReady")
    assert found["ContainersReady"]["status"] == "True"


def test_a_completed_pod_says_so() -> None:
    found = conditions({"metadata": {}, "spec": {}}, [container("terminated")], phase="Succeeded")
    assert {name: (item["status"], item["reason"]) for name, item in found.items()} == {
        "PodReadyToStartContainers": ("False", None),
        "Initialized": ("True", "PodCompleted"),
        "Ready": ("False", "PodCompleted"),
        "ContainersReady": ("False", "PodCompleted"),
    }


def test_addresses_are_unique_and_not_soon_used_again() -> None:
    addresses = Addresses(Path("/one"), lambda: ["127.64.0.9"])
    first = addresses.take()
    addresses.give_back(first)
    assert addresses.take() != first
    assert addresses.take("127.70.1.2") == "127.70.1.2"
    assert addresses.take("127.70.1.2") != "127.70.1.2"
    assert addresses.take("10.0.0.1").startswith("127.")
    assert Addresses(Path("/two"), list).take() != first


def claim(name: str, uid: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name, "uid": uid}}


def test_a_claim_that_was_lost_finds_its_data_again_and_a_deleted_one_does_not(tmp_path: Path) -> None:
    live = {"1"}
    claims = Claims(tmp_path, None, lambda: live)
    (claims.folder(claim("data", "1")) / "file").touch()
    live = {"2"}
    assert claims.sweep() == [str(tmp_path / "n" / "1")]
    assert (claims.folder(claim("data", "2")) / "file").exists()
    assert not (claims.folder(claim("other", "3")) / "file").exists()
    claims.deleting(claim("data", "2"))
    live = {"4"}
    assert not (claims.folder(claim("data", "4")) / "file").exists()
    assert claims.sweep() == [str(tmp_path / "n" / "3")]
    assert not (tmp_path / "n" / "2").exists()


def test_a_node_has_room_for_what_its_machine_has_less_a_reserve() -> None:
    assert [allocatable_memory(total) for total in (512, 4096, 24000)] == [0, 3072, 21600]
    store = Store(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    announce(store, "local", memory=1000)
    announce(store, "local", memory=2000)
    node = store.get("Node", "", "local")
    assert node["status"]["allocatable"]["memory"] in ("2000Mi", "2000.0Mi")
    assert {item["type"]: item["status"] for item in node["status"]["conditions"]}["Ready"] == "True"


@pytest.fixture
def book(tmp_path: Path) -> LogBook:
    store = Store(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    store.create("Namespace", {"metadata": {"name": "n"}}, manager="test")
    spec = {"nodeName": "local", "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]}
    pod = store.create("Pod", {"metadata": {"name": "p"}, "spec": spec}, namespace="n", manager="test")
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}, "restartCount": 0, "ready": False, "image": "x"}
    crashed = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}, "restartCount": 1}
    statuses = [{**waiting, "name": "a", "imageID": ""}, {**waiting, **crashed, "name": "b", "imageID": ""}]
    store.patch("Pod", "n", "p", {"status": {"containerStatuses": statuses}}, form="merge", manager="test", subresource="status")
    found = LogBook(store, tmp_path)
    for start in (0, 1):
        path = found.file(pod, "b", start)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(b"%d.%d\n" % (start, line) for line in range(30_000)))
    return found


@pytest.mark.parametrize(
    ("pod", "name", "previous", "words"),
    [
        ("p", "a", False, 'container "a" in pod "p" is waiting to start: trying and failing to pull image'),
        ("p", "a", True, 'previous terminated container "a" in pod "p" not found'),
        ("p", "c", False, "container c is not valid for pod p"),
        ("p", "", False, "a container name must be specified for pod p, choose one of: [a b]"),
        ("q", "a", False, 'pods "q" not found'),
    ],
)
def test_logs_that_are_not_there_are_refused_in_a_kubelets_words(book: LogBook, pod: str, name: str, previous: bool, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        book.read("n", pod, name, previous=previous)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("tail", "first", "count"), [(None, b"1.0", 30_000), (1, b"1.29999", 1), (20_000, b"1.10000", 20_000), (40_000, b"1.0", 30_000)]
)
def test_the_last_lines_of_a_log(book: LogBook, tail: int | None, first: bytes, count: int) -> None:
    lines = b"".join(book.read("n", "p", "b", tail=tail)).splitlines()
    assert (lines[0], len(lines)) == (first, count)


def test_while_a_restart_is_waited_for_the_last_run_is_the_previous_one_too(book: LogBook) -> None:
    assert b"".join(book.read("n", "p", "b", previous=True, tail=1)) == b"1.29999\n"
