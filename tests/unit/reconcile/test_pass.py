"""One path for create, change, suspend, resume and delete: what a pass does to a cluster, and what it says of it."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.drift import Action
from app.domain.manifests import CLAIM, KINDS
from app.domain.stores import DesiredState, Phase
from tests.bench import Bench


def test_the_namespace_is_made_by_post_with_the_claim_before_anything_else() -> None:
    bench = Bench()
    bench.run()
    verb, first = bench.written[0]
    assert (verb, first) == ("create", f"Namespace/{bench.store.namespace}")
    live = bench.cluster.look(bench.key("Namespace", bench.store.namespace))
    assert live is not None
    assert live.annotations[CLAIM] == bench.store.claim
    assert bench.store.namespace_uid == live.uid


def test_objects_are_applied_wave_by_wave() -> None:
    bench = Bench()
    bench.run()
    waves = [KINDS[key.kind].wave for verb, key in bench.cluster.verbs("apply")]
    assert waves == sorted(waves)
    assert set(waves) == {0, 1, 2, 3}


def test_a_first_pass_applies_everything_and_observes_its_generation() -> None:
    bench = Bench()
    outcome = bench.run()
    assert outcome.error is None
    assert bench.store.observed_generation == 1
    assert {change.action for change in outcome.changes} == {Action.CREATED, Action.CONFIGURED}
    assert set(bench.store.inventory) == {manifest.key for manifest in bench.renderer.render(bench.store)}
    assert bench.phase is Phase.PROVISIONING


def test_it_never_waits_but_says_when_to_look_again() -> None:
    bench = Bench()
    assert bench.run().requeue_after <= 1
    bench.cluster.settle()
    assert bench.run().requeue_after > 60
    assert bench.phase is Phase.READY


def test_a_pass_over_an_unchanged_store_writes_nothing_and_asks_at_most_sixteen_times() -> None:
    bench = Bench().make_ready()
    outcome = bench.run()
    assert bench.written == []
    assert len(bench.cluster.calls) <= 16
    assert {change.action for change in outcome.changes} == {Action.UNCHANGED}
    assert outcome.drift == ()


def test_an_unchanged_pass_gives_back_the_very_same_record() -> None:
    bench = Bench().make_ready()
    bench.run()
    before = bench.store
    outcome = bench.run()
    assert all(outcome.inventory[key] is entry for key, entry in before.inventory.items())
    assert outcome.conditions == before.conditions


def test_steps_of_a_provisioning_are_conditions_and_come_true_one_by_one() -> None:
    bench = Bench()
    bench.run()
    assert bench.says("NamespaceReady") == ("True", "Prepared")
    assert bench.says("DatabaseReady")[0] == "False"
    assert bench.says("Ready") == ("False", "Progressing")
    bench.cluster.settle()
    bench.run()
    for step in ("DatabaseReady", "BackendReady", "StorefrontReady", "AddressReady", "Ready"):
        assert bench.condition(step).status.value == "True", step


def test_the_time_of_a_condition_moves_only_with_its_status() -> None:
    bench = Bench()
    bench.run()
    first = bench.condition("Ready").last_transition_at
    bench.clock.advance(5)
    bench.run()
    assert bench.condition("Ready").last_transition_at == first
    bench.cluster.settle()
    bench.clock.advance(5)
    bench.run()
    assert bench.condition("Ready").last_transition_at == bench.clock.now()


def test_a_suspended_store_keeps_its_volumes_and_loses_its_pods() -> None:
    bench = Bench().make_ready()
    bench.suspend()
    bench.run()
    bench.cluster.settle()
    bench.run()
    assert bench.phase is Phase.SUSPENDED
    assert bench.cluster.objects("Pod", bench.store.namespace) == []
    assert len(bench.cluster.objects("PersistentVolumeClaim", bench.store.namespace)) == 2
    assert bench.says("Synced") == ("True", "InSync")


def test_a_resumed_store_is_provisioning_and_then_ready() -> None:
    bench = Bench().make_ready()
    bench.suspend()
    bench.run()
    bench.cluster.settle()
    bench.run()
    bench.intent(desired_state=DesiredState.PRESENT)
    bench.run()
    assert bench.phase is Phase.PROVISIONING
    bench.cluster.settle()
    bench.run()
    assert bench.phase is Phase.READY


def test_a_change_of_plan_touches_only_what_it_changes() -> None:
    bench = Bench(plan="standard").make_ready()
    volumes = {live.key: live.uid for live in bench.cluster.objects("PersistentVolumeClaim", bench.store.namespace)}
    bench.intent(plan="starter")  # the domain refuses a smaller disk; here it must be found before it is applied
    outcome = bench.run()
    assert bench.says("Stalled") == ("True", "ImmutableField")
    assert bench.store.observed_generation == 1
    assert all(change.action is Action.SKIPPED for change in outcome.changes if change.key in volumes)


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({"settings": {"accent": "#123456", "announcement": "Closed on Monday"}}, ["Deployment/storefront"]),
        ({"name": "Another name"}, ["Secret/store", "Deployment/storefront"]),
    ],
    ids=["a setting", "the name"],
)
def test_what_the_shop_shows_of_itself_replaces_the_storefront_alone(change: dict[str, Any], written: list[str]) -> None:
    bench = Bench().make_ready()
    pods = {pod.key.name.partition("-")[0]: pod.uid for pod in bench.cluster.objects("Pod", bench.store.namespace)}
    bench.intent(**change)
    bench.run()
    assert bench.written == [("apply", key) for key in written]
    assert bench.phase is Phase.PROVISIONING
    bench.cluster.settle()
    bench.run()
    assert bench.phase is Phase.READY
    after = {pod.key.name.partition("-")[0]: pod.uid for pod in bench.cluster.objects("Pod", bench.store.namespace)}
    assert {name for name in pods if pods[name] != after[name]} == {"storefront"}


def test_a_deletion_is_finished_only_when_the_namespace_was_observed_absent() -> None:
    bench = Bench().make_ready()
    bench.delete()
    outcome = bench.run()
    assert not outcome.gone
    assert bench.written[0] == ("delete", f"Namespace/{bench.store.namespace}")
    assert not bench.run().gone, "terminating is not gone"
    bench.cluster.settle()
    outcome = bench.run()
    assert outcome.gone
    assert outcome.inventory == {}


def test_deleting_what_was_never_made_is_finished_at_once() -> None:
    bench = Bench()
    bench.delete()
    assert bench.run().gone
    assert bench.written == []


def test_a_deletion_is_asked_for_once() -> None:
    bench = Bench().make_ready()
    bench.delete()
    bench.run()
    writes = len(bench.written)
    bench.run()
    assert len(bench.written) == writes


def test_a_deletion_that_lasts_names_what_blocks_it() -> None:
    bench = Bench().make_ready()
    key = bench.key("Namespace", bench.store.namespace)
    bench.cluster.edit(key, {"metadata": {"finalizers": ["example.com/stuck"]}})
    bench.delete()
    bench.run()
    bench.cluster.settle()
    bench.clock.advance(120)
    outcome = bench.run()
    assert not outcome.gone
    assert bench.says("Ready") == ("False", "DeletionBlocked")
    assert "example.com/stuck" in bench.condition("Ready").message
    assert bench.phase is Phase.DELETING


def test_a_dry_run_writes_nothing_and_tells_what_would_be_done() -> None:
    bench = Bench()
    plan = bench.preview()
    assert bench.written == []
    assert plan.changes.counts() == {"created": 18}


def test_a_dry_run_of_a_changed_intent_names_the_fields() -> None:
    bench = Bench().make_ready()
    bench.intent(credentials_version=2)
    plan = bench.preview()
    assert bench.cluster.look(bench.key("Deployment", "backend")).metadata["generation"] == 1  # type: ignore[union-attr]
    [change] = [change for change in plan.changes if str(change.key) == "Deployment/backend"]
    paths = [difference.path for difference in change.differences]
    assert paths == ["spec.template.metadata.annotations.storeyard.dev/credentials-version"]
