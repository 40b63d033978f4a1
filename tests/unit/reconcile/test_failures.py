"""What goes wrong, and what must happen then: rows of the failure catalogue that need no real processes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from app.domain.conditions import by_type
from app.domain.errors import Conflict, LeaseLost, Rejected, TemplateError, Transient
from app.domain.manifests import Manifest
from app.domain.stores import Phase, StoreSnapshot
from app.reconcile.fence import FencedCluster, Lease
from tests.bench import RENDERER, Bench
from tests.fakes.kubelet import FailureReason


class NthWrite:
    """Holds for the n-th writing call alone."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, verb: str, key: object) -> bool:
        if verb not in ("create", "apply", "patch", "delete"):
            return False
        self.left -= 1
        return self.left == 0


@pytest.mark.parametrize("number", range(1, 20))
@pytest.mark.parametrize("after", [False, True], ids=["refused", "done but the answer lost"])
def test_f9_an_apply_that_fails_at_any_object_is_completed_by_the_next_pass(number: int, after: bool) -> None:
    bench = Bench()
    bench.cluster.fail_on(NthWrite(number), Transient("the connection broke"), after=after)
    outcome = bench.run()
    assert isinstance(outcome.error, Transient)
    assert bench.store.observed_generation == 0
    bench.run()
    bench.cluster.settle()
    bench.run()
    assert bench.phase is Phase.READY
    assert len(bench.cluster.objects("Deployment", bench.store.namespace)) == 2
    assert len(bench.cluster.objects("PersistentVolumeClaim", bench.store.namespace)) == 2


def test_f12_a_foreign_namespace_of_our_name_is_refused_and_left_alone() -> None:
    bench = Bench()
    key = bench.key("Namespace", bench.store.namespace)
    bench.cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.name}})
    before = bench.cluster.look(key)
    outcome = bench.run()
    assert bench.says("Stalled") == ("True", "ForeignNamespace")
    assert bench.phase is Phase.FAILED
    assert outcome.changes.effective == ()
    assert bench.cluster.look(key) == before
    bench.delete()
    assert bench.run().gone, "nothing of ours is in it"
    assert bench.cluster.look(key) == before


@pytest.mark.parametrize("forged", ["label only", "claim of another store"])
def test_f12_a_forged_label_does_not_make_a_namespace_ours(forged: str) -> None:
    bench = Bench()
    metadata = {"name": bench.store.namespace, "labels": {"storeyard.dev/store-id": bench.store.id}}
    if forged != "label only":
        metadata["annotations"] = {"storeyard.dev/claim": "0" * 32}  # type: ignore[assignment]
    bench.cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    bench.run()
    assert bench.says("Stalled") == ("True", "ForeignNamespace")
    assert bench.written == []


def test_a_namespace_whose_post_was_answered_to_nobody_is_recognised_by_its_claim() -> None:
    bench = Bench()
    bench.cluster.fail_on(lambda verb, _: verb == "create", Transient("no answer"), after=True)
    bench.run()
    assert bench.store.namespace_uid is None
    bench.run()
    assert bench.store.namespace_uid is not None
    assert bench.says("Synced") == ("True", "InSync")


def test_f16_an_immutable_difference_is_found_before_it_is_applied() -> None:
    bench = Bench().make_ready()
    key = bench.key("StatefulSet", "database")

    class OtherSelector:
        engine, engines = RENDERER.engine, RENDERER.engines

        def render(self, store: StoreSnapshot) -> tuple[Manifest, ...]:
            return tuple(_with_other_selector(m) if m.key == key else m for m in RENDERER.render(store))

    bench.renderer = OtherSelector()
    bench.intent()
    for _ in range(3):
        bench.run()
    assert bench.says("Stalled") == ("True", "ImmutableField")
    assert "spec.selector" in bench.condition("Stalled").message
    assert [call for call in bench.written if call[1] == str(key)] == [], "never tried, so no loop"
    assert bench.phase is Phase.DEGRADED


def _with_other_selector(manifest: Manifest) -> Manifest:
    spec = {**manifest.body["spec"], "selector": {"matchLabels": {"app": "other"}}}
    return Manifest.of({**manifest.body, "spec": spec})


PODS: tuple[tuple[FailureReason, str, str], ...] = (
    ("ImagePullBackOff", "ImageCannotBePulled", "cannot be pulled"),
    ("ErrImagePull", "ImageCannotBePulled", "cannot be pulled"),
    ("CrashLoopBackOff", "Crashed", "exit code 7. Its last words: no space left"),
    ("OOMKilled", "OutOfMemory", "more memory than its plan allows"),
    ("Unschedulable", "NoRoomOnNodes", "No node has room"),
    ("CreateContainerConfigError", "ContainerConfig", "cannot be started"),
)


@pytest.mark.parametrize(("failure", "reason", "words"), PODS, ids=[case[0] for case in PODS])
def test_f17_a_pod_that_does_not_run_is_explained_in_plain_words(failure: FailureReason, reason: str, words: str) -> None:
    bench = Bench()
    bench.run()
    bench.cluster.break_pod(bench.store.namespace, "backend", reason=failure, exit_code=7, log="no space left")
    outcome = bench.run()
    assert bench.says("BackendReady") == ("False", reason)
    assert words in bench.condition("BackendReady").message
    assert outcome.drift == (), "a pod that fails is no drift"
    assert bench.phase is Phase.PROVISIONING
    bench.clock.advance(601)
    bench.run()
    assert bench.says("Ready") == ("False", "DeadlineExceeded")
    assert words in bench.condition("Ready").message
    assert bench.phase is Phase.FAILED
    bench.cluster.mend_pod(bench.store.namespace, "backend")
    bench.run()
    assert bench.phase is Phase.READY, "a failed provisioning is still retried"


def test_f17_a_ready_store_whose_pod_fails_is_degraded_at_once() -> None:
    bench = Bench().make_ready()
    bench.cluster.break_pod(bench.store.namespace, "backend", reason="CrashLoopBackOff", exit_code=1)
    bench.run()
    assert bench.phase is Phase.DEGRADED
    assert bench.says("Ready") == ("False", "Crashed")


def test_a_storefront_that_fails_is_told_apart_from_the_shop_server_behind_it() -> None:
    bench = Bench().make_ready()
    bench.cluster.break_pod(bench.store.namespace, "storefront", reason="CrashLoopBackOff", exit_code=2, log="ACCENT must be a colour")
    bench.run()
    assert bench.phase is Phase.DEGRADED
    assert bench.says("StorefrontReady") == ("False", "Crashed")
    assert "ACCENT must be a colour" in bench.condition("StorefrontReady").message
    assert bench.condition("Ready").message.startswith("Storefront: ")
    assert bench.says("BackendReady")[0] == "True"


@pytest.mark.parametrize("exit_code", [137, 143], ids=["SIGKILL", "SIGTERM"])
def test_f17_a_container_that_is_stopped_again_and_again_does_not_answer(exit_code: int) -> None:
    bench = Bench().make_ready()
    bench.cluster.break_pod(bench.store.namespace, "backend", reason="CrashLoopBackOff", exit_code=exit_code)
    bench.run()
    assert bench.says("Ready") == ("False", "NotAnswering")
    assert "does not answer its health check" in bench.condition("Ready").message


def test_f20_a_secret_returns_with_the_same_values() -> None:
    bench = Bench().make_ready()
    key = bench.key("Secret", "store")
    before = bench.cluster.look(key)
    assert before is not None
    bench.cluster.remove(key)
    bench.run()
    after = bench.cluster.look(key)
    assert after is not None
    assert after.body["data"] == before.body["data"]
    bench.cluster.edit(key, {"data": {"database_password": "aGFja2Vk", "more": "eA=="}})
    bench.run()
    assert bench.cluster.look(key).body["data"] == before.body["data"]  # type: ignore[union-attr]


def test_f20_no_secret_value_is_in_the_record_or_in_a_difference() -> None:
    bench = Bench().make_ready()
    key = bench.key("Secret", "store")
    bench.cluster.edit(key, {"data": {"jwt_secret": "aGFja2Vk"}})
    outcome = bench.run()
    told = repr(outcome.changes.as_list()) + repr([drift.as_dict() for drift in outcome.drift]) + repr(outcome.inventory[key].live)
    encoded = set(bench.cluster.look(key).body["data"].values())  # type: ignore[union-attr]
    for value in (*bench.store.secrets.values(), *encoded, "aGFja2Vk"):
        assert value not in told
    assert "data.jwt_secret" in told


def test_f21_a_delete_while_provisioning_wins() -> None:
    bench = Bench()
    bench.cluster.fail_on(NthWrite(9), Transient("busy"))
    bench.run()
    bench.delete()
    bench.run()
    bench.cluster.settle()
    assert bench.run().gone
    assert bench.cluster.look(bench.key("Namespace", bench.store.namespace)) is None


def test_a_vanished_namespace_is_lost_data_and_not_refilled() -> None:
    bench = Bench().make_ready()
    bench.cluster.remove(bench.key("Namespace", bench.store.namespace))
    bench.run()
    assert bench.says("Stalled") == ("True", "DataLost"), "while it terminates"
    bench.cluster.settle()
    bench.run()
    assert bench.says("Stalled") == ("True", "DataLost")
    assert bench.phase is Phase.DEGRADED
    assert bench.written == []


def test_a_vanished_volume_is_lost_data_and_the_rest_is_still_repaired() -> None:
    bench = Bench().make_ready()
    bench.suspend()
    bench.run()
    bench.cluster.settle()
    bench.run()
    bench.cluster.calls.clear()
    bench.cluster.remove(bench.key("PersistentVolumeClaim", "database"))
    bench.cluster.remove(bench.key("Service", "backend"))
    bench.cluster.settle()
    bench.run()
    assert bench.says("Stalled") == ("True", "DataLost")
    assert bench.written == [("apply", "Service/backend")]


@pytest.mark.parametrize("kind", ["Secret", "Deployment", "Pod", "NetworkPolicy"])
def test_an_unreadable_kind_aborts_the_pass_and_is_never_taken_for_missing(kind: str) -> None:
    bench = Bench().make_ready()
    before = bench.store
    bench.cluster.fail_on(lambda verb, key: verb == "list" and key.kind == kind, Transient("503", retry_after=7), times=None)
    outcome = bench.run()
    assert bench.written == []
    assert bench.says("Synced") == ("Unknown", "ClusterUnavailable")
    assert bench.says("Ready") == ("True", "Serving"), "what was known is kept"
    assert outcome.requeue_after >= 7, "Retry-After is obeyed"
    assert bench.store.inventory == before.inventory


def test_failures_in_a_row_are_answered_with_longer_waits() -> None:
    bench = Bench()
    bench.cluster.fail_on(lambda *_: True, Transient("down"), times=None)
    waits = [bench.run().requeue_after for _ in range(12)]
    assert waits[0] < 2
    assert max(waits) <= 36
    assert waits[-1] > 20


def test_a_refusal_is_a_humans_matter() -> None:
    bench = Bench()
    bench.cluster.fail_on(lambda verb, key: key.kind == "Ingress" and verb == "apply", Rejected("admission webhook says no"), times=None)
    bench.run()
    assert bench.says("Stalled") == ("True", "Rejected")
    assert "says no" in bench.condition("Stalled").message
    bench.cluster.heal()
    bench.run()
    assert "Stalled" not in by_type(bench.store.conditions), "it goes when the cause is gone"


def test_a_template_error_names_its_file_and_touches_nothing() -> None:
    class Broken:
        engine, engines = RENDERER.engine, RENDERER.engines

        def render(self, store: StoreSnapshot) -> tuple[Manifest, ...]:
            raise TemplateError("20-database.yaml.j2, line 7: 'sizes' is undefined", file="20-database.yaml.j2", line=7)

    bench = Bench().make_ready()
    bench.renderer = Broken()
    bench.run()
    assert bench.cluster.calls == []
    assert bench.says("Stalled") == ("True", "TemplateInvalid")
    assert "20-database.yaml.j2, line 7" in bench.condition("Stalled").message


def test_an_object_that_a_controller_writes_meanwhile_is_observed_again_and_applied() -> None:
    bench = Bench().make_ready()
    key = bench.key("Deployment", "backend")
    bench.cluster.edit(key, {"spec": {"replicas": 3}})
    bench.cluster.fail_on(lambda verb, k: verb == "apply" and k == key, Conflict("modified"), times=2)
    bench.run()
    assert bench.cluster.look(key).body["spec"]["replicas"] == 1  # type: ignore[union-attr]


def test_what_was_observed_absent_is_made_but_never_overwritten() -> None:
    bench = Bench().make_ready()
    key = bench.key("Service", "backend")
    bench.cluster.remove(key)

    def made_by_a_successor(verb: str, target: object) -> bool:
        if verb == "apply" and target == key:
            bench.cluster.add({**_bare(bench, "Service", "backend"), "metadata": {"name": "backend", "namespace": key.namespace}})
            bench.cluster.heal()
        return False

    bench.cluster.fail_on(made_by_a_successor, Conflict("never raised"))
    outcome = bench.run()
    assert isinstance(outcome.error, Conflict)
    live = bench.cluster.look(key)
    assert live is not None
    assert live.labels == {}, "the late worker's apply took no effect"


def test_an_object_replaced_by_another_in_mid_pass_is_not_applied_over() -> None:
    bench = Bench().make_ready()
    key = bench.key("Service", "backend")
    bench.cluster.edit(key, {"spec": {"sessionAffinity": "ClientIP"}})

    def replace_first(verb: str, target: object) -> bool:
        if verb == "apply" and target == key:
            bench.cluster.remove(key)
            bench.cluster.add({**_bare(bench, "Service", "backend")})
            bench.cluster.heal()
        return False

    bench.cluster.fail_on(replace_first, Conflict("never raised"))
    outcome = bench.run()
    assert isinstance(outcome.error, Conflict)
    assert outcome.requeue_after == 0


def _bare(bench: Bench, kind: str, name: str) -> dict[str, object]:
    [manifest] = [m for m in bench.renderer.render(bench.store) if m.key == bench.key(kind, name)]
    return dict(manifest.body)


def test_f26_no_call_leaves_once_the_lease_is_lost() -> None:
    bench = Bench().make_ready()
    bench.cluster.remove(bench.key("Service", "backend"))
    held = {"yes": True}
    lease = Lease(bench.store.id, "token", asked_at=bench.clock.monotonic(), clock=bench.clock, renew=lambda: held["yes"])
    fenced = FencedCluster(bench.cluster, lease)

    def freeze(verb: str, key: object) -> bool:
        if verb == "list":
            bench.clock.advance(20)  # SIGSTOP in the middle of observing
            held["yes"] = False
        return False

    bench.cluster.fail_on(freeze, Conflict("never raised"), times=None)
    with pytest.raises(LeaseLost):
        bench.run(through=fenced)
    assert bench.written == []
    assert len(bench.cluster.calls) == 2, "the get of the namespace and the list during which it froze"


def test_a_lease_is_renewed_while_a_pass_goes_on() -> None:
    bench = Bench()
    renewals = []

    def renew() -> bool:
        renewals.append(bench.clock.monotonic())
        return True

    lease = Lease(bench.store.id, "token", asked_at=bench.clock.monotonic(), clock=bench.clock, renew=renew)

    def slow(verb: str, key: object) -> bool:
        bench.clock.advance(3)
        return False

    bench.cluster.fail_on(slow, Conflict("never raised"), times=None)
    bench.run(through=FencedCluster(bench.cluster, lease))
    assert renewals
    gaps = [later - earlier for earlier, later in pairwise(renewals)]
    assert max(gaps) < 15


def test_a_snapshot_never_shows_its_secrets() -> None:
    bench = Bench()
    shown = repr(bench.store) + repr(replace(bench.store, plan="standard"))
    assert not any(value in shown for value in bench.store.secrets.values())
