"""Server-side apply, stated as properties."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.domain.managed_fields import take_over
from localcluster import apply as ssa
from localcluster import typed
from localcluster.fields import from_trie, to_trie
from localcluster.schema import KINDS
from tests.unit.localcluster.shapes import (
    NAMESPACE,
    Body,
    config_map,
    containers,
    data,
    deployment,
    deployments,
    env,
    names,
    new_store,
    values,
)

DEPLOYMENT, CONFIG_MAP = KINDS["Deployment"].type, KINDS["ConfigMap"].type


def owned(body: Body) -> dict[tuple[str, str], frozenset[tuple[str, ...]]]:
    return {(who.name, who.operation): held.fields for who, held in ssa.read(body["metadata"].get("managedFields")).items()}


@given(deployments)
def test_applying_twice_equals_once(config: Body) -> None:
    store = new_store()
    first = store.apply("Deployment", NAMESPACE, "web", config, manager="us")
    assert store.apply("Deployment", NAMESPACE, "web", config, manager="us") == first


@given(deployments, deployments)
def test_the_last_apply_alone_decides_what_one_manager_alone_wrote(first: Body, second: Body) -> None:
    store, fresh = new_store(), new_store()
    store.apply("Deployment", NAMESPACE, "web", first, manager="us")
    changed = store.apply("Deployment", NAMESPACE, "web", second, manager="us")
    made = fresh.apply("Deployment", NAMESPACE, "web", second, manager="us")
    assert _sorted(changed["spec"]) == _sorted(made["spec"])
    assert changed["metadata"].get("labels") == made["metadata"].get("labels")
    assert owned(changed) == owned(made)


def _sorted(value: Any) -> Any:
    """Without the order of keyed lists: a merge keeps the live one where it can."""
    if isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((_sorted(item) for item in value), key=str)
    return value


@given(deployments)
def test_an_applier_owns_exactly_what_it_asked_for(config: Body) -> None:
    made = new_store().apply("Deployment", NAMESPACE, "web", config, manager="us")
    asked = typed.field_set(DEPLOYMENT, config)
    assert owned(made)["us", "Apply"] == {path for path in asked if path not in ssa.BOOKKEEPING}


@given(deployments, deployments)
def test_after_two_appliers_everything_that_either_asked_for_is_there_and_owned(ours: Body, theirs: Body) -> None:
    store = new_store()
    store.apply("Deployment", NAMESPACE, "web", ours, manager="us")
    both = store.apply("Deployment", NAMESPACE, "web", theirs, manager="them", force=True)
    asked = (typed.field_set(DEPLOYMENT, ours) | typed.field_set(DEPLOYMENT, theirs)) - ssa.BOOKKEEPING
    held = frozenset().union(*owned(both).values())
    assert held == asked
    present = typed.field_set(DEPLOYMENT, both)
    assert {path for path in asked if not _container(path)} <= present


def _container(path: tuple[str, ...]) -> bool:
    """An item's own member path is in a field set only with its keys defaulted, as they are in the live object."""
    return path[-1].startswith("k:")


@given(data, data, data)
def test_a_removed_field_goes_exactly_if_nobody_else_owns_it(first: Body, theirs: Body, second: Body) -> None:
    store = new_store()
    store.apply("ConfigMap", NAMESPACE, "settings", config_map(first), manager="us")
    store.apply("ConfigMap", NAMESPACE, "settings", config_map(theirs), manager="them", force=True)
    after = store.apply("ConfigMap", NAMESPACE, "settings", config_map(second), manager="us", force=True)
    assert after.get("data", {}) == {**theirs, **second}


@given(env, st.randoms(use_true_random=False))
def test_keyed_lists_merge_the_same_whatever_their_order(items: list[Body], random: Any) -> None:
    assume(items)
    shuffled = list(items)
    random.shuffle(shuffled)
    store, other = new_store(), new_store()
    for target, order in ((store, items), (other, shuffled)):
        target.apply("Deployment", NAMESPACE, "web", deployment(env=[{"name": "z", "value": "0"}]), manager="them")
        target.apply("Deployment", NAMESPACE, "web", deployment(env=order), manager="us", force=True)
    live, mirrored = (each.get("Deployment", NAMESPACE, "web") for each in (store, other))
    assert _sorted(live["spec"]) == _sorted(mirrored["spec"])
    assert owned(live) == owned(mirrored)
    ours = [item["name"] for item in mirrored["spec"]["template"]["spec"]["containers"][0]["env"] if item["name"] != "z"]
    assert ours == [item["name"] for item in shuffled if item["name"] != "z"]


@given(deployments, deployments)
def test_merging_is_idempotent_and_holds_all_of_the_configuration(live: Body, config: Body) -> None:
    merged = typed.merge(DEPLOYMENT, live, config)
    assert typed.merge(DEPLOYMENT, merged, config) == merged
    assert typed.field_set(DEPLOYMENT, config) <= typed.field_set(DEPLOYMENT, merged)


@given(deployments, deployments)
def test_a_comparison_says_what_the_way_back_would_undo(old: Body, new: Body) -> None:
    there, back = typed.compare(DEPLOYMENT, old, new), typed.compare(DEPLOYMENT, new, old)
    assert (there.added, there.modified, there.removed) == (back.removed, back.modified, back.added)
    same = typed.compare(DEPLOYMENT, old, old)
    assert not same.added | same.modified | same.removed


@given(deployments)
def test_removing_all_fields_leaves_nothing_and_none_leaves_all(body: Body) -> None:
    fields = typed.field_set(DEPLOYMENT, body)
    assert typed.remove(DEPLOYMENT, body, frozenset()) == body
    assert typed.field_set(DEPLOYMENT, typed.remove(DEPLOYMENT, body, fields) or {}) & fields == frozenset()


@given(deployments)
def test_field_sets_survive_their_written_form(body: Body) -> None:
    fields = typed.field_set(DEPLOYMENT, body)
    assert from_trie(to_trie(fields)) == fields


@given(containers, data, data, env)
def test_after_a_take_over_an_apply_restores_what_we_asked_for(container: Body, ours: Body, labels: Body, extra: list[Body]) -> None:
    store = new_store()
    config = {**deployment(**container), "metadata": {"name": "web", "labels": ours}}
    pristine = store.apply("Deployment", NAMESPACE, "web", config, manager="us")
    foreign = [item for item in extra if item["name"] not in {each["name"] for each in container.get("env", ())}]
    template = {"spec": {"containers": [{"name": "main", "env": foreign}, {"name": "side", "image": "x"}]}}
    patch = {"metadata": {"labels": labels}, "spec": {"template": template}}
    store.patch("Deployment", NAMESPACE, "web", patch, form="strategic", manager="kubectl-edit")
    drifted = store.apply("Deployment", NAMESPACE, "web", config, manager="us", force=True)

    drifted_env = drifted["spec"]["template"]["spec"]["containers"][0].get("env", [])
    paths: list[tuple[str | int, ...]] = [("metadata", "labels", name) for name in labels if name not in ours]
    at = ("spec", "template", "spec", "containers")
    paths += [(*at, 0, "env", number) for number, item in enumerate(drifted_env) if item in foreign]
    paths.append((*at, 1))
    operations = take_over(drifted, paths, manager="us")
    assert operations is not None
    store.patch("Deployment", NAMESPACE, "web", operations, form="json", manager="us")
    clean = store.apply("Deployment", NAMESPACE, "web", config, manager="us", force=True)
    assert _sorted(clean["spec"]) == _sorted(pristine["spec"])
    assert clean["metadata"].get("labels", {}) == ours
    left = owned(clean).get(("kubectl-edit", "Update"), frozenset())
    assert not any("side" in step for path in left for step in path)


class Ownership(RuleBasedStateMachine):
    """Two appliers and a hand on one ConfigMap, beside a model of who owns which key."""

    PIN: ClassVar[dict[str, str]] = {"pin": "0"}

    def __init__(self) -> None:
        super().__init__()
        self.store = new_store()
        # Without any entry at all in managedFields the server no longer tracks updates: this one is always there.
        self.store.apply("ConfigMap", NAMESPACE, "settings", config_map(self.PIN), manager="pin")
        self.values: dict[str, str] = dict(self.PIN)
        self.owners: dict[str, set[str]] = {"pin": {"pin"}}

    @rule(manager=st.sampled_from(["us", "them"]), config=data)
    def apply(self, manager: str, config: dict[str, str]) -> None:
        self.store.apply("ConfigMap", NAMESPACE, "settings", config_map(config), manager=manager, force=True)
        for key in [key for key, holders in self.owners.items() if manager in holders and key not in config]:
            self._release(key, manager)
        for key, value in config.items():
            if self.values.get(key) != value:
                self.owners[key] = set()
            self.values[key] = value
            self.owners[key].add(manager)

    def _release(self, key: str, manager: str) -> None:
        self.owners[key].discard(manager)
        if not self.owners[key]:
            del self.owners[key], self.values[key]

    @rule(key=names, value=st.none() | values)
    def edit(self, key: str, value: str | None) -> None:
        self.store.patch("ConfigMap", NAMESPACE, "settings", {"data": {key: value}}, form="merge", manager="hand")
        if value is None:
            self.values.pop(key, None)
            self.owners.pop(key, None)
        elif self.values.get(key) != value:
            self.values[key], self.owners[key] = value, {"hand"}

    @invariant()
    def the_store_agrees(self) -> None:
        live = self.store.get("ConfigMap", NAMESPACE, "settings")
        assert live.get("data", {}) == self.values
        held: dict[str, set[str]] = {}
        for (manager, _), fields in owned(live).items():
            for path in fields:
                if len(path) == 2:
                    held.setdefault(path[1].removeprefix("f:"), set()).add(manager)
        assert held == self.owners


TestOwnership = Ownership.TestCase
TestOwnership.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
