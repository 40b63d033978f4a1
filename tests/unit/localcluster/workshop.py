"""A small cluster for the tests of its controllers: a clock that stands still, one node, and pods that do as told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster.controllers.desk import Desk, Settings
from localcluster.controllers.manager import Manager
from localcluster.marshal import timestamp
from localcluster.objects import Store
from tests.unit.localcluster.shapes import NAMESPACE

Body = dict[str, Any]


class Workshop:
    """`broken`: how the names of pods begin that don't get ready; `clinging`: of pods that don't end; `ended`: the phases of others."""

    def __init__(self, *, memory: str = "8Gi", pods: str = "100", **settings: Any) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store = Store(now=lambda: self.now)
        self.manager = Manager(self.store, kubelet=self._kubelet, settings=Settings(**settings))
        self.broken: set[str] = set()
        self.clinging: set[str] = set()
        self.ended: dict[str, str] = {}
        self._addresses = 0
        self.store.create("Namespace", {"metadata": {"name": NAMESPACE}}, manager="tests")
        allocatable = {"memory": memory, "pods": pods, "cpu": "2"}
        node = {"metadata": {"name": "local"}, "status": {"allocatable": allocatable, "capacity": allocatable}}
        self.store.create("Node", node, manager="tests")

    def settle(self, seconds: float = 0) -> None:
        self.now += timedelta(seconds=seconds)
        self.manager.settle(50)

    def apply(self, body: Body) -> Body:
        """And settle."""
        applied = self.store.apply(body["kind"], NAMESPACE, body["metadata"]["name"], body, manager="tests", force=True)
        self.settle()
        return applied

    def get(self, kind: str, name: str) -> Body:
        return self.store.get(kind, NAMESPACE, name)

    def all(self, kind: str) -> list[Body]:
        return list(self.store.all(kind, NAMESPACE))

    def pods(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.all("Pod")]

    def edit(self, kind: str, name: str, patch: Any) -> None:
        """And settle."""
        self.store.patch(kind, NAMESPACE, name, patch, form="json" if isinstance(patch, list) else "merge", manager="tests")
        self.settle()

    def delete(self, kind: str, name: str, **options: Any) -> None:
        """And settle."""
        self.store.delete(kind, NAMESPACE, name, **options)
        self.settle()

    def condition(self, kind: str, name: str, wanted: str) -> tuple[str, str, str] | None:
        """Status, reason and message."""
        for each in self.get(kind, name)["status"].get("conditions") or ():
            if each["type"] == wanted:
                return each["status"], each.get("reason", ""), each.get("message", "")
        return None

    def told(self, reason: str) -> list[str]:
        """The messages of events."""
        return [event["message"] for event in self.all("Event") if event["reason"] == reason]

    def _kubelet(self, desk: Desk) -> None:
        for pod in desk.all("Pod"):
            name = pod["metadata"]["name"]
            if "deletionTimestamp" in pod["metadata"]:
                if pod["metadata"].get("deletionGracePeriodSeconds") and not _begins(name, self.clinging):
                    desk.delete("Pod", pod, grace_seconds=0)
            elif pod["spec"].get("nodeName") and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self._run(desk, pod)

    def _run(self, desk: Desk, pod: Body) -> None:
        name, now = pod["metadata"]["name"], timestamp(self.now)
        ready = "False" if _begins(name, self.broken) else "True"
        phase = next((phase for start, phase in self.ended.items() if name.startswith(start)), "Running")
        if not pod["status"].get("podIP"):
            self._addresses += 1
        container = {"name": "main", "image": "i", "imageID": "", "ready": ready == "True", "restartCount": 0}
        if phase != "Running":
            container["state"] = {"terminated": {"exitCode": 0 if phase == "Succeeded" else 1, "finishedAt": now}}
        scheduled = [each for each in pod["status"].get("conditions") or () if each["type"] == "PodScheduled"]
        status = {
            "phase": phase,
            "podIP": pod["status"].get("podIP") or f"127.64.0.{self._addresses}",
            "conditions": [*scheduled, {"type": "Ready", "status": ready, "lastTransitionTime": now}],
            "containerStatuses": [container],
            "qosClass": pod["status"]["qosClass"],
        }
        desk.write_status("Pod", pod, status, manager="kubelet")


def _begins(name: str, starts: set[str]) -> bool:
    return any(name.startswith(start) for start in starts)
