"""Carrying out a plan: in waves, parallel within each, each write fenced by what was observed.

An apply to an existing object carries its uid and resourceVersion, a delete both too, so that a stale writer's word takes no effect.
Fields that a foreign manager added survive a plain apply: they are taken over first, so that the apply removes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeVar

from app.domain.drift import Action
from app.domain.errors import Conflict, StoreyardError
from app.domain.managed_fields import take_over
from app.domain.manifests import FIELD_MANAGER, InventoryEntry, LiveObject, Manifest, ObjectKey
from app.ports import Cluster
from app.reconcile.diff import foreign_additions
from app.reconcile.plan import Plan, Work

CONFLICT_RETRIES = 4
TAKE_OVER_ROUNDS = 5
# No object has it: an API server makes the object or answers 409 (checked on Kubernetes 1.34 and by the contract tests).
NO_VERSION = "1"

T = TypeVar("T")


@dataclass(slots=True)
class Applied:
    """What came of a plan. `entries` are new records, `removed` keys to forget; after `error`, the first failure, no wave was begun."""

    entries: dict[ObjectKey, InventoryEntry] = field(default_factory=dict)
    live: dict[ObjectKey, LiveObject] = field(default_factory=dict)
    removed: set[ObjectKey] = field(default_factory=set)
    error: StoreyardError | None = None


def apply_plan(plan: Plan, cluster: Cluster, executor: Executor) -> Applied:
    """Carry out all effective works: applies wave by wave, then deletions. Works of the failing wave are all waited for and recorded."""
    done = Applied()
    applies = [work for work in plan.works if work.change.action in (Action.CREATED, Action.CONFIGURED)]
    for _, wave in groupby(sorted(applies, key=_wave), key=_wave):
        _run_wave(list(wave), lambda work: _apply_work(work, cluster), done, executor)
        if done.error is not None:
            return done
    deletes = [work for work in plan.works if work.change.action is Action.DELETED]
    _run_wave(deletes, lambda work: _delete_work(work, cluster), done, executor)
    return done


def _wave(work: Work) -> int:
    return work.change.key.info.wave


def _run_wave(works: Sequence[Work], act: Callable[[Work], LiveObject | None], done: Applied, executor: Executor) -> None:
    """Run works in parallel; every success is kept, whatever happens to its neighbours."""
    outcomes = list(executor.map(lambda work: _attempt(act, work), works))
    for work, outcome in zip(works, outcomes, strict=True):
        key = work.change.key
        if isinstance(outcome, StoreyardError):
            done.error = done.error or outcome
        elif outcome is None or work.manifest is None:
            done.removed.add(key)
        else:
            done.live[key] = outcome
            done.entries[key] = InventoryEntry.record(work.manifest.hash, outcome)


def _attempt(act: Callable[[Work], T], work: Work) -> T | StoreyardError:
    try:
        return act(work)
    except StoreyardError as error:
        return error


def _apply_work(work: Work, cluster: Cluster) -> LiveObject:
    manifest = work.manifest
    if manifest is None:
        raise ValueError(f"{work.change.key} has no manifest to apply")
    if work.live is None or work.entry is None:
        return _apply(manifest, work.live, cluster)
    return _apply_alone(manifest, work.entry, work.live, cluster)


def _apply_alone(manifest: Manifest, entry: InventoryEntry, live: LiveObject, cluster: Cluster) -> LiveObject:
    """Apply so that nothing is left which others added or changed beside ours.

    Their fields are taken over first: an apply beside them may even be invalid (two ports, one without a name). More than one round is
    needed where managedFields had been wiped (only our apply brings back an owner to take from), and where a controller writes in between.
    """
    for _ in range(TAKE_OVER_ROUNDS):
        additions = foreign_additions(entry, live)
        paths = [difference.live_path for difference in additions if difference.live_path is not None]
        operations = take_over(live.body, paths, manager=FIELD_MANAGER) if paths else None
        try:
            answer = _apply(manifest, live if operations is None else cluster.patch(live.key, operations), cluster)
        except Conflict:
            again = cluster.get(live.key)
            if again is None or again.uid != live.uid:
                raise
            live = again
            continue
        if not foreign_additions(entry, answer):
            return answer
        live = answer
    raise Conflict(f"Fields that others add to {manifest.key} come back faster than they can be removed.")


def _apply(manifest: Manifest, live: LiveObject | None, cluster: Cluster) -> LiveObject:
    """Apply over what was observed. A controller that wrote meanwhile moves the resourceVersion: look again, as often as is sensible.

    What was observed absent is made, but never overwritten: another worker, who has taken over, may have made it with a newer intent.
    """
    for _ in range(CONFLICT_RETRIES):
        try:
            if live is None:
                return cluster.apply(manifest, resource_version=NO_VERSION)
            return cluster.apply(manifest, uid=live.uid, resource_version=live.resource_version)
        except Conflict:
            seen = live
            live = cluster.get(manifest.key)
            if seen is None or live is None or live.uid != seen.uid:
                raise
    raise Conflict(f"{manifest.key} was changed by others faster than it could be applied.")


def _delete_work(work: Work, cluster: Cluster) -> None:
    """Ask for deletion of exactly what was observed; gone already is as good."""
    live = work.live
    if live is None:
        raise ValueError(f"{work.change.key} was not observed")
    cluster.delete(live.key, uid=live.uid, resource_version=live.resource_version)


def refreshed(entries: Iterable[tuple[InventoryEntry, LiveObject]]) -> dict[ObjectKey, InventoryEntry]:
    """Records of unchanged objects whose resourceVersion moved on (a controller's write): the version is brought up to date."""
    return {
        entry.key: replace(entry, resource_version=live.resource_version)
        for entry, live in entries
        if entry.resource_version != live.resource_version
    }
