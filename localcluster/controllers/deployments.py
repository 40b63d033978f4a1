"""Deployments: one ReplicaSet per template, and pods moved from the old ones to the new one as the strategy allows.

Source: pkg/controller/deployment of Kubernetes 1.34. With Recreate no new pod is made while one of an old template is anywhere to be seen.
A template that was there before finds its ReplicaSet again. What is left to do is decided anew from what is there, every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.controllers import rollout
from localcluster.controllers.desk import Desk
from localcluster.controllers.progress import REVISION, write_status
from localcluster.controllers.rollout import DESIRED, MAXIMUM, size
from localcluster.controllers.shapes import TEMPLATE_HASH, alive, annotations_of, controller_of, is_finished, reference, template_hash
from localcluster.errors import ApiError

Body = Mapping[str, Any]

COMPONENT = "deployment-controller"
_HISTORY = "deployment.kubernetes.io/revision-history"
# The Deployment's own affairs, not its ReplicaSets'.
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, _HISTORY, DESIRED, MAXIMUM})


@dataclass(slots=True)
class Rollout:
    """One look at a Deployment. `old` is in the order of age."""

    desk: Desk
    body: Body
    new: Body | None
    old: list[Body]

    @property
    def sets(self) -> list[Body]:
        return [*self.old, *([] if self.new is None else [self.new])]

    def scale(self, name: str, wanted: int) -> None:
        """Resize a ReplicaSet, and note what it was sized for."""
        current = next(each for each in self.sets if each["metadata"]["name"] == name)
        replicas = self.body["spec"]["replicas"]
        notes = {DESIRED: str(replicas), MAXIMUM: str(replicas + rollout.fence(self.body)[0])}
        if size(current) == wanted and notes.items() <= annotations_of(current).items():
            return
        changed = self.desk.patch("ReplicaSet", current, {"metadata": {"annotations": notes}, "spec": {"replicas": wanted}})
        if size(current) != wanted:
            _record_scaling(self.desk, self.body, name, size(current), wanted)
        self.old = [changed if each["metadata"]["name"] == name else each for each in self.old]
        if self.new is not None and self.new["metadata"]["name"] == name:
            self.new = changed


def deployment(desk: Desk, deployment: Body) -> None:
    sets = sorted(desk.claim("ReplicaSet", deployment, deployment["spec"]["selector"]), key=_age)
    template = deployment["spec"]["template"]
    new = next((each for each in sets if _bare(each["spec"]["template"]) == template), None)
    state = Rollout(desk, deployment, new, [each for each in sets if each is not new])
    if new is not None:
        state.new = _renumbered(state, new)
    recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
    if deployment["spec"].get("paused") or (not recreate and rollout.resized(deployment, state.sets)):
        _share_out(state)
    elif recreate:
        _recreate(state)
    else:
        _roll(state)
    if write_status(desk, state.body, state.new, state.old):
        _forget_old(state)


def _recreate(state: Rollout) -> None:
    for each in state.old:
        if size(each):
            state.scale(each["metadata"]["name"], 0)
    if _old_pods_run(state):
        return
    if state.new is None:
        state.new = _make_replica_set(state)
    if state.new is not None:
        state.scale(state.new["metadata"]["name"], state.body["spec"]["replicas"])


def _old_pods_run(state: Rollout) -> bool:
    """Whether a pod of another template is there, be it that it ends just now."""
    if any((each.get("status") or {}).get("replicas") for each in state.old):
        return True
    uids = {each["metadata"]["uid"] for each in state.old}
    return any((controller_of(pod) or {}).get("uid") in uids and not is_finished(pod) for pod in state.desk.all("Pod"))


def _roll(state: Rollout) -> None:
    if state.new is None:
        state.new = _make_replica_set(state)
    if state.new is None:
        return
    wanted = rollout.grown(state.body, state.new, state.sets)
    if wanted != size(state.new):
        state.scale(state.new["metadata"]["name"], wanted)
        return
    for name, fewer in rollout.shrunk(state.body, state.new, [each for each in state.old if size(each)]).items():
        state.scale(name, fewer)
    state.scale(state.new["metadata"]["name"], wanted)


def _share_out(state: Rollout) -> None:
    """A changed number of replicas is shared out before the roll-out goes on; a paused one gets no further than this."""
    active = [each for each in reversed(state.sets) if size(each)]
    newest = active[0] if active else state.new
    if len(active) <= 1:
        if newest is not None:
            state.scale(newest["metadata"]["name"], state.body["spec"]["replicas"])
        return
    if state.new is not None and rollout.available(state.new) == size(state.new) == state.body["spec"]["replicas"]:
        for each in state.old:
            state.scale(each["metadata"]["name"], 0)
        state.scale(state.new["metadata"]["name"], size(state.new))
    elif state.body["spec"]["strategy"]["type"] == "RollingUpdate":
        for name, wanted in rollout.spread(state.body, active).items():
            state.scale(name, wanted)


def _make_replica_set(state: Rollout) -> Body | None:
    """The ReplicaSet of the present template. None where its name is another's: the next look takes another name."""
    desk, deployment = state.desk, state.body
    spec, meta = deployment["spec"], deployment["metadata"]
    digest = template_hash(spec["template"], (deployment.get("status") or {}).get("collisionCount", 0))
    name, template = f"{meta['name']}-{digest}", spec["template"]
    labels = {**(template["metadata"].get("labels") or {}), TEMPLATE_HASH: digest}
    replicas = rollout.grown(deployment, None, state.old)
    notes = {
        REVISION: str(1 + max(map(revision, state.old), default=0)),
        DESIRED: str(spec["replicas"]),
        MAXIMUM: str(spec["replicas"] + rollout.fence(deployment)[0]),
    }
    body: dict[str, Any] = {
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {**_copied(deployment), **notes},
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), TEMPLATE_HASH: digest}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }
    try:
        made = desk.create("ReplicaSet", body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        # Two templates, one hash, or a ReplicaSet of somebody else's that bears the name.
        status = {**(deployment.get("status") or {})}
        status["collisionCount"] = status.get("collisionCount", 0) + 1
        desk.write_status("Deployment", deployment, status, exact=True)
        state.body = desk.get("Deployment", meta["name"])
        return None
    if replicas:
        _record_scaling(desk, deployment, name, 0, replicas)
    return made


def _renumbered(state: Rollout, new: Body) -> Body:
    """The ReplicaSet of the present template bears the highest revision, also when it comes back after others."""
    wanted = max([revision(new), *(1 + revision(each) for each in state.old)])
    notes = dict(_copied(state.body))
    if wanted != revision(new):
        notes[REVISION] = str(wanted)
        if revision(new):
            history = annotations_of(new).get(_HISTORY)
            notes[_HISTORY] = f"{history},{revision(new)}" if history else str(revision(new))
    seconds = state.body["spec"].get("minReadySeconds", 0)
    if notes.items() <= annotations_of(new).items() and new["spec"].get("minReadySeconds", 0) == seconds:
        return new
    return state.desk.patch("ReplicaSet", new, {"metadata": {"annotations": notes}, "spec": {"minReadySeconds": seconds}})


def _copied(deployment: Body) -> dict[str, str]:
    return {name: value for name, value in annotations_of(deployment).items() if name not in _NOT_COPIED}


def _record_scaling(desk: Desk, deployment: Body, name: str, before: int, after: int) -> None:
    message = f"Scaled {'up' if after > before else 'down'} replica set {name} from {before} to {after}"
    desk.record(deployment, "ScalingReplicaSet", message, component=COMPONENT)


def _forget_old(state: Rollout) -> None:
    """Beyond revisionHistoryLimit the oldest empty ReplicaSets go."""
    empty = [each for each in state.old if alive(each) and not size(each) and not (each.get("status") or {}).get("replicas")]
    surplus = len([each for each in state.old if alive(each)]) - state.body["spec"].get("revisionHistoryLimit", 10)
    for each in sorted(empty, key=revision)[: max(0, surplus)]:
        if (each.get("status") or {}).get("observedGeneration", 0) >= each["metadata"]["generation"]:
            state.desk.delete("ReplicaSet", each)


def revision(replica_set: Body) -> int:
    text = annotations_of(replica_set).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _age(body: Body) -> tuple[str, str]:
    return body["metadata"]["creationTimestamp"], body["metadata"]["name"]


def _bare(template: Body) -> Body:
    """A ReplicaSet's template without the label that its Deployment added."""
    meta = template["metadata"]
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != TEMPLATE_HASH}
    kept = {name: value for name, value in meta.items() if name != "labels"}
    return {**template, "metadata": {**kept, **({"labels": labels} if labels else {})}}
