"""What the fakes' controllers have in common: one namespace of a store, seen and written as controllers do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcluster.collector import MANAGER
from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.objects import Store
from tests.fakes.kubelet import Failure

Body = Mapping[str, Any]


class Desk:
    """One namespace. `failures` says which pods fail: by namespace and the name of a pod or of its workload."""

    def __init__(self, store: Store, namespace: str, failures: Mapping[tuple[str, str], Failure]) -> None:
        self.store = store
        self.namespace = namespace
        self._failures = failures

    def all(self, kind: str) -> Iterator[Body]:
        return self.store.all(kind, self.namespace)

    def alive(self, kind: str) -> Iterator[Body]:
        return (body for body in self.all(kind) if "deletionTimestamp" not in body["metadata"])

    def get(self, kind: str, name: str) -> Body:
        return self.store.get(kind, self.namespace, name)

    def now(self) -> str:
        return timestamp(self.store.now())

    def failure(self, pod: Body) -> Failure | None:
        name = pod["metadata"]["name"]
        for (namespace, whom), failure in self._failures.items():
            if namespace == self.namespace and (name == whom or name.startswith(f"{whom}-")):
                return failure
        return None

    def ensure(self, kind: str, name: str, body: Body) -> Body:
        try:
            return self.get(kind, name)
        except ApiError:
            full = {**body, "metadata": {**body.get("metadata", {}), "name": name}}
            return self.store.create(kind, full, namespace=self.namespace, manager=MANAGER)

    def patch(self, kind: str, body: Body, patch: Body, *, manager: str = MANAGER) -> None:
        self.store.patch(kind, self.namespace, body["metadata"]["name"], patch, form="merge", manager=manager)

    def write_status(self, kind: str, body: Body, status: Body, *, manager: str = MANAGER, annotations: Body | None = None) -> None:
        """The whole status; times of what hasn't changed stay, and what says the same already is not written."""
        meta = body["metadata"]
        old = body.get("status") or {}
        merged = _keep_times(old, status)
        noted = {**(meta.get("annotations") or {}), **(annotations or {})}
        if merged == old and noted == (meta.get("annotations") or {}):
            return
        new = {**body, "status": merged, "metadata": {**meta, "annotations": noted}}
        self.store.update(kind, self.namespace, meta["name"], new, manager=manager, subresource="status")

    def children(self, kind: str, owner: Body) -> list[Body]:
        """What an owner controls."""
        uid = owner["metadata"]["uid"]
        return [
            body
            for body in self.alive(kind)
            if any(reference["uid"] == uid and reference.get("controller") for reference in body["metadata"].get("ownerReferences") or ())
        ]


def condition(kind: str, holds: bool, reason: str, message: str, now: str, *, time: str = "lastUpdateTime") -> dict[str, Any]:
    """A condition of a workload; `time` names its second time."""
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now, time: now}


def reference(kind: str, owner: Body) -> dict[str, Any]:
    """The ownerReference of a controller."""
    meta = owner["metadata"]
    address = {"apiVersion": owner["apiVersion"], "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return {**address, "controller": True, "blockOwnerDeletion": True}


_TIMES = ("lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startTime", "completionTime", "startedAt", "finishedAt")


def _keep_times(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged = {name: _keep_times(old.get(name), value) for name, value in new.items()}
        if all(merged.get(name) == old.get(name) for name in merged.keys() | old.keys() if name not in _TIMES):
            return {**merged, **{name: old[name] for name in _TIMES if name in old and name in merged}}
        return merged
    if isinstance(old, list) and isinstance(new, list):
        known = {item["type"]: item for item in old if isinstance(item, Mapping) and "type" in item}
        if known:
            return [_keep_times(known.get(item["type"]), item) for item in new]
        if len(old) == len(new):
            return [_keep_times(before, after) for before, after in zip(old, new, strict=True)]
    return new
