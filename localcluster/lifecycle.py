"""The end of an object: what a delete marks, and when the object may go.

An object with finalizers stays, marked, until they are gone; a pod on a node until its kubelet says so; a namespace until it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from localcluster.marshal import timestamp
from localcluster.schema import Kind

Body = Mapping[str, Any]

_PROPAGATION_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


def graceful(kind: Kind, live: Body, asked: int | None) -> int:
    """How many seconds an object is given to end: none, but for pods that run."""
    if kind.name != "Pod" or not live["spec"].get("nodeName") or live["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    return live["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked


def deletion(kind: Kind, live: Body, now: datetime, *, propagation: str, grace_seconds: int) -> dict[str, Any]:
    """The object, marked for deletion. One that is marked already stays as it is, unless its grace is shortened to none."""
    meta = dict(live["metadata"])
    if "deletionTimestamp" in meta:
        if meta.get("deletionGracePeriodSeconds") and not grace_seconds:
            meta["deletionGracePeriodSeconds"] = 0
        return {**live, "metadata": meta}
    meta["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace_seconds))
    if "generation" in meta:
        meta["generation"] += 1
    if kind.name == "Namespace":
        return {**live, "metadata": meta, "status": {**live["status"], "phase": "Terminating"}}
    meta["deletionGracePeriodSeconds"] = grace_seconds
    if finalizer := _PROPAGATION_FINALIZERS.get(propagation):
        meta["finalizers"] = [*(meta.get("finalizers") or ()), finalizer]
    return {**live, "metadata": meta}


def finished(kind: Kind, body: Body) -> bool:
    """Whether nothing holds a marked object any more."""
    meta = body["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return kind.name != "Namespace" or not body["spec"].get("finalizers")
