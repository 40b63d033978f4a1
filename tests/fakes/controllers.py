"""The pocket cluster's controllers for FakeCluster, cranked by hand, a node on which pods run or fail as told, and an ingress controller.

No quota refuses a pod, no events are recorded, and the one node takes whatever doesn't fail as Unschedulable.
"""

from __future__ import annotations

from localcluster.controllers.desk import Body, Desk, Settings
from localcluster.controllers.manager import Manager
from localcluster.errors import ApiError
from localcluster.objects import Store
from tests.fakes.kubelet import Failure, pod_status

NODE = "node-0"
_SETTINGS = Settings(provisioner="fake.test/folder", schedule=False, admit=False, events=False)


class Controllers:
    """All of them. `failures` says which pods fail: by namespace and the name of a pod or of its workload."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._manager = Manager(store, kubelet=self._node, settings=_SETTINGS)
        self.failures: dict[tuple[str, str], Failure] = {}

    def settle(self, rounds: int, namespace: str = "") -> None:
        """Until a round changes nothing; AssertionError where `rounds` are not enough."""
        self._manager.settle(rounds, namespace)

    def log_line(self, namespace: str, pod: str, container: str, *, previous: bool) -> str | None:
        """What the container wrote last; a failed one its last words."""
        try:
            body = self._store.get("Pod", namespace, pod)
        except ApiError:
            return None
        if not any(each["name"] == container for each in body["spec"]["containers"]):
            return None
        failure = self._failure(body)
        if failure is None:
            return None if previous else "ready"
        return failure.log or None if failure.reason in ("CrashLoopBackOff", "OOMKilled") else None

    def _failure(self, pod: Body) -> Failure | None:
        meta = pod["metadata"]
        for (namespace, whom), failure in self.failures.items():
            if namespace == meta["namespace"] and (meta["name"] == whom or meta["name"].startswith(f"{whom}-")):
                return failure
        return None

    def _node(self, desk: Desk) -> None:
        for pod in desk.all("Pod"):
            self._pod(desk, pod)
        for ingress in desk.alive("Ingress"):
            desk.write_status("Ingress", ingress, {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}, manager="traefik")

    def _pod(self, desk: Desk, pod: Body) -> None:
        """The scheduler's and the kubelet's work."""
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            if meta.get("deletionGracePeriodSeconds"):
                desk.delete("Pod", pod, grace_seconds=0)
            return
        failure = self._failure(pod)
        if not pod["spec"].get("nodeName") and (failure is None or failure.reason != "Unschedulable"):
            pod = desk.patch("Pod", pod, {"spec": {"nodeName": NODE}}, manager="kube-scheduler")
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            status = {**pod_status(pod, failure, desk.now()), "qosClass": pod["status"]["qosClass"]}
            desk.write_status("Pod", pod, status, manager="kubelet")
