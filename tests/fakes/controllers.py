"""Controllers and a kubelet for FakeCluster, cranked by hand: workloads get pods, pods run or fail as told, volumes bind, quotas count.

They write as the real ones do: under their own field managers, through the status subresource, with their annotations. No scheduling, no
quota enforcement, no cron.
"""

from __future__ import annotations

from fractions import Fraction

from localcluster import quantity
from localcluster.collector import collect, drop_finalizer
from localcluster.errors import ApiError
from localcluster.objects import Store
from localcluster.strategy import PVC_PROTECTION
from tests.fakes import workloads
from tests.fakes.desk import Body, Desk
from tests.fakes.kubelet import Failure, pod_status

NODE = "node-0"
_CLASSES = ("standard", "local-path")
_PROVISIONED = {
    "pv.kubernetes.io/bind-completed": "yes",
    "pv.kubernetes.io/bound-by-controller": "yes",
    "volume.beta.kubernetes.io/storage-provisioner": "fake.test/folder",
    "volume.kubernetes.io/storage-provisioner": "fake.test/folder",
}
_WORKLOADS = {
    "Deployment": workloads.deployment,
    "ReplicaSet": workloads.replica_set,
    "StatefulSet": workloads.stateful_set,
    "DaemonSet": workloads.daemon_set,
    "Job": workloads.job,
}


class Controllers:
    """All of them. `failures` says which pods fail: by namespace and the name of a pod or of its workload."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures: dict[tuple[str, str], Failure] = {}

    def settle(self, rounds: int, namespace: str = "") -> None:
        """Until a round changes nothing; AssertionError where `rounds` are not enough."""
        for _ in range(rounds):
            before = self._store.version
            for home in list(self._store.all("Namespace")):
                if namespace in ("", home["metadata"]["name"]):
                    self._round(home)
            collect(self._store, namespace)
            if self._store.version == before:
                return
        raise AssertionError(f"the cluster did not settle in {rounds} rounds")

    def _round(self, home: Body) -> None:
        desk = Desk(self._store, home["metadata"]["name"], self.failures)
        if "deletionTimestamp" not in home["metadata"]:
            desk.ensure("ServiceAccount", "default", {})
            desk.ensure("ConfigMap", "kube-root-ca.crt", {"data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n"}})
            for kind, controller in _WORKLOADS.items():
                for body in desk.alive(kind):
                    controller(desk, body)
        for claim in desk.all("PersistentVolumeClaim"):
            _claim(desk, claim)
        for pod in desk.all("Pod"):
            _pod(desk, pod)
        for ingress in desk.alive("Ingress"):
            desk.write_status("Ingress", ingress, {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}, manager="traefik")
        for quota in desk.alive("ResourceQuota"):
            _quota(desk, quota)

    def log_line(self, namespace: str, pod: str, container: str, *, previous: bool) -> str | None:
        """What the container wrote last; a failed one its last words."""
        try:
            body = self._store.get("Pod", namespace, pod)
        except ApiError:
            return None
        if not any(each["name"] == container for each in body["spec"]["containers"]):
            return None
        failure = Desk(self._store, namespace, self.failures).failure(body)
        if failure is None:
            return None if previous else "ready"
        return failure.log or None if failure.reason in ("CrashLoopBackOff", "OOMKilled") else None


def _claim(desk: Desk, claim: Body) -> None:
    kind, meta = "PersistentVolumeClaim", claim["metadata"]
    finalizers = meta.get("finalizers") or []
    if "deletionTimestamp" in meta:
        if PVC_PROTECTION in finalizers and not any(meta["name"] in _claims_of(pod) for pod in desk.all("Pod")):
            drop_finalizer(desk.store, kind, claim, PVC_PROTECTION)
        return
    if PVC_PROTECTION not in finalizers:
        desk.patch(kind, claim, {"metadata": {"finalizers": [*finalizers, PVC_PROTECTION]}})
    if claim["spec"].get("storageClassName") not in _CLASSES:
        return
    if claim["status"].get("phase") != "Bound":
        desk.patch(kind, claim, {"metadata": {"annotations": _PROVISIONED}, "spec": {"volumeName": f"pvc-{meta['uid']}"}})
    bound = desk.get(kind, meta["name"])
    capacity = {"storage": bound["spec"]["resources"]["requests"]["storage"]}
    desk.write_status(kind, bound, {"phase": "Bound", "accessModes": bound["spec"]["accessModes"], "capacity": capacity})


def _claims_of(pod: Body) -> set[str]:
    volumes = pod["spec"].get("volumes") or ()
    return {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}


def _quota(desk: Desk, quota: Body) -> None:
    hard = quota["spec"].get("hard") or {}
    used = {name: str(quantity.Quantity(_used(desk, name), quantity.parse(amount).family)) for name, amount in hard.items()}
    desk.write_status("ResourceQuota", quota, {"hard": hard, "used": used})


_COUNTED = {
    "pods": "Pod",
    "services": "Service",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}


def _used(desk: Desk, name: str) -> Fraction:
    if kind := _COUNTED.get(name.removeprefix("count/")):
        return Fraction(sum(1 for _ in desk.all(kind)))
    if name == "requests.storage":
        asked = [claim["spec"]["resources"]["requests"]["storage"] for claim in desk.all("PersistentVolumeClaim")]
    else:
        side, _, resource = name.rpartition(".")
        containers = [container for pod in desk.all("Pod") for container in pod["spec"]["containers"]]
        asked = [(container["resources"].get(side or "requests") or {}).get(resource, "0") for container in containers]
    return sum((quantity.parse(amount).value for amount in asked), Fraction(0))


def _pod(desk: Desk, pod: Body) -> None:
    """The scheduler's and the kubelet's work."""
    meta = pod["metadata"]
    if "deletionTimestamp" in meta:
        if meta.get("deletionGracePeriodSeconds"):
            desk.store.delete("Pod", desk.namespace, meta["name"], grace_seconds=0)
        return
    failure = desk.failure(pod)
    if not pod["spec"].get("nodeName") and (failure is None or failure.reason != "Unschedulable"):
        desk.patch("Pod", pod, {"spec": {"nodeName": NODE}}, manager="kube-scheduler")
        pod = desk.get("Pod", meta["name"])
    if pod["status"].get("phase") not in ("Succeeded", "Failed"):
        desk.write_status("Pod", pod, {**pod_status(pod, failure, desk.now()), "qosClass": pod["status"]["qosClass"]}, manager="kubelet")
