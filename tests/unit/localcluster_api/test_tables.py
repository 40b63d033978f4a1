"""What kubectl's columns say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcluster.api.ages import age, duration
from localcluster.api.tables import columns, row
from localcluster.schema import KINDS

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MADE = {"name": "x", "creationTimestamp": "2026-01-01T11:59:00Z"}
SPEC = {"containers": [{"name": "main"}, {"name": "side"}], "initContainers": [{"name": "init"}, {"name": "later"}]}


def cells(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    info = KINDS[kind]
    shown = row(info, {"metadata": MADE, **body}, NOW)["cells"]
    names = [column["name"] for column in columns(info)]
    assert len(shown) == len(names)
    return dict(zip(names, shown, strict=True))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_cell_per_column_even_for_an_empty_object(kind: str) -> None:
    info = KINDS[kind]
    shown = row(info, {"metadata": {}}, NOW)["cells"]
    assert len(shown) == len(columns(info))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (299, "4m59s"), (600, "10m"), (10_799, "179m"),
        (10_800, "3h"),
        (11_100, "3h5m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"), (691_200, "8d"), (63_072_000, "2y"),
        (64_000_000, "2y10d"), (300_000_000, "9y"),
    ],
)  # fmt: skip
def test_ages_read_as_kubectl_writes_them(seconds: int, shown: str) -> None:
    assert duration(timedelta(seconds=seconds)) == shown


def test_an_age_of_nothing_is_unknown() -> None:
    assert age(None, NOW) == age("not a time", NOW) == "<unknown>"


def _waits(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


def _ended(code: int, reason: str = "", **rest: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, "reason": reason, **rest}}}


_RUNS = {"state": {"running": {}}, "ready": True}


@pytest.mark.parametrize(
    ("phase", "init", "main", "ready", "word"),
    [
        ("Pending", [], [], "0/2", "Pending"),
        ("Pending", [_waits("PodInitializing")], [], "0/2", "Init:0/2"),
        ("Pending", [_ended(0, "Completed"), _waits("CrashLoopBackOff")], [], "0/2", "Init:CrashLoopBackOff"),
        ("Pending", [_ended(3)], [], "0/2", "Init:ExitCode:3"),
        ("Pending", [_ended(0), _ended(0)], [_waits("ErrImagePull"), _waits("ContainerCreating")], "0/2", "ErrImagePull"),
        ("Running", [_ended(0), _ended(0)], [_RUNS, _RUNS], "2/2", "Running"),
        ("Running", [_ended(0), _ended(0)], [_RUNS, _waits("CrashLoopBackOff")], "1/2", "CrashLoopBackOff"),
        ("Running", [_ended(0), _ended(0)], [_ended(0, "Completed"), _RUNS], "1/2", "NotReady"),
        ("Running", [_ended(0), _ended(0)], [_ended(1, signal=9), _RUNS], "1/2", "Signal:9"),
        ("Succeeded", [_ended(0), _ended(0)], [_ended(0, "Completed"), _ended(0, "Completed")], "0/2", "Completed"),
        ("Failed", [_ended(0), _ended(0)], [_ended(137, "OOMKilled"), _ended(0, "Completed")], "0/2", "OOMKilled"),
    ],
)
def test_a_pods_status_is_the_one_word_that_says_how_far_it_is(
    phase: str, init: list[dict[str, Any]], main: list[dict[str, Any]], ready: str, word: str
) -> None:
    def named(statuses: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
        return [{"name": name, "restartCount": 0, **status} for name, status in zip(names, statuses, strict=False)]

    status = {
        "phase": phase,
        "initContainerStatuses": named(init, ["init", "later"]),
        "containerStatuses": named(main, ["main", "side"]),
    }
    shown = cells("Pod", {"spec": SPEC, "status": status})
    assert (shown["Ready"], shown["Status"], shown["Age"]) == (ready, word, "60s")


def test_a_pod_that_ends_is_terminating_and_restarts_say_when() -> None:
    ended = {"terminated": {"finishedAt": "2026-01-01T11:58:00Z"}}
    status = {"phase": "Running", "containerStatuses": [{"name": "main", "restartCount": 3, "lastState": ended, **_RUNS}]}
    shown = cells("Pod", {"metadata": {**MADE, "deletionTimestamp": "2026-01-01T12:00:00Z"}, "spec": {"containers": []}, "status": status})
    assert (shown["Status"], shown["Restarts"]) == ("Terminating", "3 (2m ago)")


@pytest.mark.parametrize(
    ("kind", "body", "column", "shown"),
    [
        ("Deployment", {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}, "Ready", "2/3"),
        ("Service", {"spec": {"type": "ClusterIP", "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}}, "Port(s)", "80/TCP,53/UDP"),
        ("Service", {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]}}, "Port(s)", "80:30001/TCP"),
        ("Service", {"spec": {"type": "LoadBalancer"}}, "External-IP", "<pending>"),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.test"}}, "External-IP", "a.test"),
        ("Ingress", {"spec": {"rules": [{"host": letter} for letter in "abcde"]}}, "Hosts", "a,b,c + 2 more..."),
        ("Ingress", {"spec": {"tls": [{}]}}, "Ports", "80, 443"),
        ("PersistentVolumeClaim", {"spec": {"volumeName": "v"}, "status": {"capacity": {"storage": "1Gi"}}}, "Capacity", "1Gi"),
        ("PersistentVolumeClaim", {"spec": {}, "status": {"capacity": {"storage": "1Gi"}}}, "Capacity", ""),
        ("Job", {"spec": {"completions": 1}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}, "Status", "Failed"),
        ("Job", {"spec": {"parallelism": 3}, "status": {"succeeded": 2}}, "Completions", "2/1 of 3"),
        ("Node", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Status", "Ready"),
        ("StorageClass", {"provisioner": "p"}, "ReclaimPolicy", "Delete"),
        ("EndpointSlice", {"endpoints": [{"addresses": ["1.1.1.1", "1.1.1.2"]}]}, "Endpoints", "1.1.1.1,1.1.1.2"),
        ("ResourceQuota", {"status": {"hard": {"pods": "5", "limits.cpu": "1"}, "used": {"pods": "2"}}}, "Request", "pods: 2/5"),
        ("ResourceQuota", {"status": {"hard": {"pods": "5", "limits.cpu": "1"}, "used": {"pods": "2"}}}, "Limit", "limits.cpu: 0/1"),
        ("Event", {"involvedObject": {"kind": "Pod", "name": "p"}, "eventTime": "2026-01-01T11:59:30.000000Z"}, "Last Seen", "30s"),
        ("Event", {"involvedObject": {"kind": "Pod", "name": "p"}}, "Object", "pod/p"),
    ],
)
def test_cells_say_what_kubectl_says(kind: str, body: dict[str, Any], column: str, shown: Any) -> None:
    assert cells(kind, body)[column] == shown
