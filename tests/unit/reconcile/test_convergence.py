"""Convergence: whatever stopped a pass, and whatever was done meanwhile, fresh passes lead to the same end and then to rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.drift import Action
from app.domain.errors import Conflict, Transient
from app.domain.manifests import storable
from app.domain.stores import DesiredState
from tests.bench import Bench

INTENTS = st.sampled_from([DesiredState.PRESENT, DesiredState.SUSPENDED])
VOLATILE = ("clusterIP", "clusterIPs", "volumeName")


def state(bench: Bench) -> dict[str, Any]:
    """What an uninterrupted run must equal: all our objects as we compare them, less what the cluster assigns at random."""
    found: dict[str, Any] = {}
    for key in bench.store.inventory:
        live = bench.cluster.look(key)
        body = storable(live.body) if live is not None else {}
        spec = {name: value for name, value in (body.get("spec") or {}).items() if name not in VOLATILE}
        found[str(key)] = {**body, "spec": spec, "metadata": {**body.get("metadata", {}), "annotations": {}}}
    return found


def settle(bench: Bench) -> None:
    for _ in range(4):
        bench.run()
        bench.cluster.settle()
    bench.cluster.calls.clear()


REFERENCE: dict[DesiredState, dict[str, Any]] = {}


def reference(desired: DesiredState) -> dict[str, Any]:
    if desired not in REFERENCE:
        bench = Bench(desired_state=desired)
        settle(bench)
        REFERENCE[desired] = state(bench)
    return REFERENCE[desired]


@settings(max_examples=40)
@given(
    stops=st.lists(st.tuples(st.integers(1, 25), st.booleans(), st.sampled_from([Transient, Conflict])), max_size=4),
    desired=INTENTS,
)
def test_any_prefix_of_a_plan_followed_by_fresh_passes_converges(stops: list[tuple[int, bool, Any]], desired: DesiredState) -> None:
    bench = Bench(desired_state=desired)
    for number, after, error in stops:
        left = [number]

        def nth(verb: str, _: object, left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] == 0

        bench.cluster.fail_on(nth, error("stopped here"), after=after)
        bench.run()
        bench.cluster.heal()
    settle(bench)
    assert state(bench) == reference(desired)


@settings(max_examples=40)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 17),
            st.sampled_from(
                [
                    {"metadata": {"labels": {"x": "y"}}},
                    {"metadata": {"annotations": {"x": "y"}}},
                    {"metadata": {"labels": {"storeyard.dev/store-id": None}}},
                    {"metadata": {"managedFields": [{}], "labels": {"x": "z"}}},
                    None,
                ]
            ),
        ),
        max_size=8,
    ),
    suspended=st.booleans(),
)
def test_planning_after_applying_yields_an_empty_plan(edits: list[tuple[int, Any]], suspended: bool) -> None:
    bench = Bench()
    settle(bench)
    if suspended:
        bench.suspend()
    keys = sorted(bench.store.inventory)
    for place, patch in edits:
        key = keys[place]
        if bench.cluster.look(key) is None or key.info.holds_data:
            continue
        if patch is None:
            bench.cluster.remove(key)
        else:
            bench.cluster.edit(key, patch)
    settle(bench)
    outcome = bench.run()
    assert {change.action for change in outcome.changes} == {Action.UNCHANGED}
    assert bench.written == []
    assert state(bench) == reference(DesiredState.SUSPENDED if suspended else DesiredState.PRESENT)


def test_applying_twice_equals_once() -> None:
    bench = Bench()
    bench.run()
    versions = {key: bench.cluster.look(key).resource_version for key in bench.store.inventory}  # type: ignore[union-attr]
    for manifest in bench.renderer.render(bench.store):
        bench.cluster.apply(manifest)
    assert {key: bench.cluster.look(key).resource_version for key in bench.store.inventory} == versions  # type: ignore[union-attr]
