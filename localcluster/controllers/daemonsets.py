"""DaemonSets on the cluster's one node: one pod, replaced when its template changes. Limits: one node; no node selection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcluster.controllers.desk import Desk
from localcluster.controllers.pods import make_pod, record_refusal, refused, settled
from localcluster.controllers.replicasets import available
from localcluster.controllers.shapes import alive, is_ready, labels_of, template_hash
from localcluster.errors import ApiError

Body = Mapping[str, Any]

COMPONENT = "daemonset-controller"
_REVISION = "controller-revision-hash"


def daemon_set(desk: Desk, owner: Body) -> None:
    digest = template_hash(owner["spec"]["template"])
    pods = desk.claim("Pod", owner, owner["spec"]["selector"])
    rolling = owner["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    for pod in filter(alive, pods):
        if settled(desk, pod) or (rolling and labels_of(pod).get(_REVISION, digest) != digest):
            desk.delete("Pod", pod)
            desk.record(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", component=COMPONENT)
    if not desk.owned("Pod", owner):
        _make(desk, owner, digest)
    pods = [pod for pod in desk.owned("Pod", owner) if alive(pod)]
    ready = min(1, sum(map(is_ready, pods)))
    status: dict[str, Any] = {
        "currentNumberScheduled": min(1, len(pods)),
        "desiredNumberScheduled": 1,
        "numberMisscheduled": 0,
        "updatedNumberScheduled": min(1, sum(labels_of(pod).get(_REVISION, digest) == digest for pod in pods)),
        "numberReady": ready,
        "numberAvailable": min(1, available(desk, pods, owner["spec"].get("minReadySeconds", 0))),
        "observedGeneration": owner["metadata"]["generation"],
    }
    if not status["numberAvailable"]:
        status["numberUnavailable"] = 1
    zeros = ("currentNumberScheduled", "numberMisscheduled", "numberReady")
    desk.write_status("DaemonSet", owner, {name: value for name, value in status.items() if value or name in zeros})


def _make(desk: Desk, owner: Body, digest: str) -> None:
    try:
        pod = make_pod(desk, owner, owner["spec"]["template"], labels={_REVISION: digest})
    except ApiError as error:
        if refused(error):
            record_refusal(desk, owner, f"Error creating: {error.message}", COMPONENT)
        return
    desk.record(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", component=COMPONENT)
