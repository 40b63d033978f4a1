"""A workbench for the reconciler without a database: a store's snapshot, a fake cluster, and passes that fold their outcome back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from app.adapters.jinja import JinjaRenderer
from app.domain.conditions import Condition, Status, by_type
from app.domain.manifests import ObjectKey
from app.domain.stores import DesiredState, Phase, StoreSnapshot, derive_phase
from app.ports import Cluster, ManifestRenderer
from app.reconcile.engine import run_pass
from app.reconcile.outcome import PassContext, PassOutcome
from app.reconcile.preview import preview_pass
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.golden.stores import PROFILE, snapshot

RENDERER = JinjaRenderer(None, PROFILE)


class SerialExecutor(Executor):
    """Runs at once, in order: a failure at the seventh object is a failure at the seventh object."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)
        return future


class Bench:
    """`store` is the row as a database would hold it; `run` makes one pass and records it."""

    def __init__(self, *, renderer: ManifestRenderer = RENDERER, cluster: FakeCluster | None = None, **changes: Any) -> None:
        self.clock = FakeClock()
        self.cluster = cluster or FakeCluster()
        self.renderer = renderer
        self.store: StoreSnapshot = snapshot(**{"provisioning_since": self.clock.now(), **changes})

    def run(self, through: Cluster | None = None) -> PassOutcome:
        outcome = run_pass(self.store, self._context(through))
        self._record(outcome)
        return outcome

    def preview(self) -> PassOutcome:
        return preview_pass(self.store, self._context(None))

    def _context(self, through: Cluster | None) -> PassContext:
        return PassContext(through or self.cluster, self.renderer, self.clock, SerialExecutor(), self._namespace)

    def _namespace(self, uid: str) -> None:
        self.store = replace(self.store, namespace_uid=uid)

    def _record(self, outcome: PassOutcome) -> None:
        ready = by_type(outcome.conditions).get("Ready")
        self.store = replace(
            self.store,
            conditions=outcome.conditions,
            inventory=outcome.inventory,
            observed_generation=outcome.observed_generation,
            ever_ready=self.store.ever_ready or (ready is not None and ready.status is Status.TRUE),
            failure_count=self.store.failure_count + 1 if outcome.error else 0,
        )

    def intent(self, **changes: Any) -> None:
        """A change of intent, as a use case makes it."""
        self.store = replace(self.store, generation=self.store.generation + 1, provisioning_since=self.clock.now(), **changes)

    def make_ready(self) -> Bench:
        self.run()
        self.cluster.settle()
        self.run()
        assert self.phase is Phase.READY, self.store.conditions
        self.cluster.calls.clear()
        return self

    def key(self, kind: str, name: str) -> ObjectKey:
        return ObjectKey(kind, "" if kind == "Namespace" else self.store.namespace, name)

    def condition(self, type_: str) -> Condition:
        return by_type(self.store.conditions)[type_]

    def says(self, type_: str) -> tuple[str, str]:
        condition = self.condition(type_)
        return condition.status.value, condition.reason

    @property
    def phase(self) -> Phase:
        return derive_phase(self.store.desired_state, self.store.conditions, gone=False, ever_ready=self.store.ever_ready)

    @property
    def written(self) -> list[tuple[str, str]]:
        """Writing calls so far as (verb, Kind/name)."""
        return [(verb, str(key)) for verb, key in self.cluster.verbs()]

    def suspend(self) -> None:
        self.intent(desired_state=DesiredState.SUSPENDED)

    def delete(self) -> None:
        self.intent(desired_state=DesiredState.ABSENT)
