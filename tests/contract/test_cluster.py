"""What every `Cluster` must do, in sentences. Runs on the fake, on the pocket cluster, and on a real API server where one is named."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.errors import Conflict, Gone, ObjectNotFound, Rejected
from app.domain.managed_fields import ownerships, take_over
from app.domain.manifests import FIELD_MANAGER, InventoryEntry, Manifest, ObjectKey, storable
from app.ports import WatchEvent, list_all
from app.reconcile.apply import NO_VERSION
from app.reconcile.diff import differences
from tests.contract.conftest import World

LABEL = "storeyard.dev/store-id"


def deployment(world: World, name: str = "web", **container: Any) -> Manifest:
    main = {"name": "main", "image": "example.test/web:1", "env": [{"name": "A", "value": "1"}], **container}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"automountServiceAccountToken": False, "containers": [main]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template}
    return world.manifest({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def service(world: World, **spec: Any) -> Manifest:
    body = {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}
    return world.manifest({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": body})


def claim(world: World, size: str = "1Gi") -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return world.manifest({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec})


def job(world: World, image: str = "example.test/once:1") -> Manifest:
    pod = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [{"name": "main", "image": image}]}
    spec = {"backoffLimit": 1, "ttlSecondsAfterFinished": 60, "template": {"metadata": {"labels": {"app": "once"}}, "spec": pod}}
    return world.manifest({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": spec})


def owners(body: Any) -> set[tuple[str, str]]:
    return {(entry.manager, entry.operation) for entry in ownerships(body)}


# Reading and making


def test_the_server_says_its_version(world: World) -> None:
    assert world.cluster.version().startswith("v1.")


def test_what_is_not_there_is_none(world: World) -> None:
    assert world.cluster.get(world.key("ConfigMap", "nothing")) is None
    assert world.cluster.get(ObjectKey("ConfigMap", "no-such-namespace", "nothing")) is None


def test_what_was_created_is_read_back_equal(world: World) -> None:
    made = world.cluster.create(world.config_map(labels={"a": "b"}))
    assert made.uid
    assert made.resource_version
    assert world.live(made.key) == made


def test_creating_what_is_there_is_a_conflict(world: World) -> None:
    world.cluster.create(world.config_map())
    with pytest.raises(Conflict):
        world.cluster.create(world.config_map())


def test_creating_in_a_missing_namespace_is_object_not_found(world: World) -> None:
    manifest = world.config_map(namespace="no-such-namespace")
    with pytest.raises(ObjectNotFound):
        world.cluster.create(manifest)
    with pytest.raises(ObjectNotFound):
        world.cluster.apply(manifest)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"metadata": {"name": "Not_A_Name"}}, "the name breaks the rules"),
        ({"metadata": {"name": "a", "labels": {"-x": "y"}}}, "the label's key breaks the rules"),
        ({"metadata": {"name": "a"}, "data": {"a b": "c"}}, "the key holds a space"),
    ],
)
def test_what_breaks_the_rules_is_rejected(world: World, manifest: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected):
        world.cluster.apply(world.manifest({"apiVersion": "v1", "kind": "ConfigMap", **manifest}))
    assert world.cluster.get(world.key("ConfigMap", manifest["metadata"]["name"])) is None, reason


def test_a_dry_run_answers_the_result_and_writes_nothing(world: World) -> None:
    planned = world.cluster.apply(service(world), dry_run=True)
    assert planned.body["spec"]["sessionAffinity"] == "None"
    assert world.cluster.get(planned.key) is None
    assert world.cluster.create(world.config_map(), dry_run=True).body["data"] == {"colour": "red"}
    assert world.cluster.get(world.key("ConfigMap", "settings")) is None


def test_a_namespace_carries_its_name_as_a_label_and_is_active(world: World) -> None:
    live = world.live(ObjectKey("Namespace", "", world.namespace))
    assert live.labels["kubernetes.io/metadata.name"] == world.namespace
    assert live.body["spec"]["finalizers"] == ["kubernetes"]
    assert live.status["phase"] == "Active"


# Applying


def test_a_second_apply_keeps_the_resource_version(world: World) -> None:
    first = world.cluster.apply(service(world))
    assert world.cluster.apply(service(world)) == first


def test_applying_makes_what_is_missing_and_owns_what_it_asked_for(world: World) -> None:
    made = world.cluster.apply(world.config_map())
    assert owners(made.body) == {(FIELD_MANAGER, "Apply")}
    (entry,) = ownerships(made.body)
    assert {leaf.path for leaf in entry.leaves} == {("data", "colour")}


def test_a_field_no_longer_asked_for_goes(world: World) -> None:
    world.cluster.apply(world.config_map(data={"colour": "red", "size": "L"}))
    assert world.cluster.apply(world.config_map()).body["data"] == {"colour": "red"}


def test_a_field_that_somebody_else_applies_as_well_stays_when_we_drop_it(world: World) -> None:
    world.cluster.apply(world.config_map(data={"colour": "red", "size": "L"}))
    key = world.key("ConfigMap", "settings")
    world.hands.edit(key, {"data": {"size": "M"}})
    world.hands.edit(key, {"data": {"size": "L"}})
    assert world.cluster.apply(world.config_map()).body["data"] == {"colour": "red", "size": "L"}


def test_a_changed_value_is_put_back_and_taken_from_its_editor(world: World) -> None:
    world.cluster.apply(world.config_map())
    edited = world.hands.edit(world.key("ConfigMap", "settings"), {"data": {"colour": "blue"}})
    assert owners(edited.body) == {("kubectl-edit", "Update")}
    restored = world.cluster.apply(world.config_map())
    assert restored.body["data"] == {"colour": "red"}
    assert owners(restored.body) == {(FIELD_MANAGER, "Apply")}


def test_a_removed_field_comes_back(world: World) -> None:
    world.cluster.apply(world.config_map())
    world.hands.edit(world.key("ConfigMap", "settings"), [{"op": "remove", "path": "/data/colour"}])
    assert world.cluster.apply(world.config_map()).body["data"] == {"colour": "red"}


def test_a_field_added_by_another_manager_stays_after_a_plain_apply_and_goes_after_the_take_over(world: World) -> None:
    world.cluster.apply(world.config_map())
    key = world.key("ConfigMap", "settings")
    world.hands.edit(key, {"data": {"extra": "x"}, "metadata": {"labels": {"hand": "made"}, "finalizers": ["example.test/hold"]}})
    kept = world.cluster.apply(world.config_map())
    assert kept.body["data"] == {"colour": "red", "extra": "x"}

    paths = [("data", "extra"), ("metadata", "labels", "hand"), ("metadata", "finalizers", 0)]
    operations = take_over(kept.body, paths, manager=FIELD_MANAGER)
    assert operations is not None
    world.cluster.patch(key, operations)
    clean = world.cluster.apply(world.config_map())
    assert clean.body["data"] == {"colour": "red"}
    assert clean.labels == {}
    assert "finalizers" not in clean.metadata
    assert world.cluster.apply(world.config_map()).resource_version == clean.resource_version


def test_a_container_added_by_hand_goes_after_the_take_over(world: World) -> None:
    manifest = deployment(world)
    world.cluster.apply(manifest)
    side = {"name": "side", "image": "example.test/side:1"}
    world.quiet(manifest.key)
    world.hands.edit(manifest.key, [{"op": "add", "path": "/spec/template/spec/containers/-", "value": side}])
    world.quiet(manifest.key)
    world.cluster.apply(manifest)
    kept = world.quiet(manifest.key)
    assert [each["name"] for each in kept.body["spec"]["template"]["spec"]["containers"]] == ["main", "side"]

    operations = take_over(kept.body, [("spec", "template", "spec", "containers", 1)], manager=FIELD_MANAGER)
    assert operations is not None
    world.cluster.patch(manifest.key, operations)
    clean = world.cluster.apply(manifest)
    assert [each["name"] for each in clean.body["spec"]["template"]["spec"]["containers"]] == ["main"]


def test_a_take_over_of_an_object_that_moved_on_is_a_conflict(world: World) -> None:
    world.cluster.apply(world.config_map())
    key = world.key("ConfigMap", "settings")
    seen = world.hands.edit(key, {"data": {"extra": "x"}})
    world.hands.edit(key, {"data": {"another": "y"}})
    operations = take_over(seen.body, [("data", "extra")], manager=FIELD_MANAGER)
    assert operations is not None
    with pytest.raises(Conflict):
        world.cluster.patch(key, operations)


def test_an_object_whose_managed_fields_were_wiped_is_owned_by_before_first_apply_and_us(world: World) -> None:
    world.cluster.apply(world.config_map(data={"colour": "red", "size": "L"}))
    key = world.key("ConfigMap", "settings")
    wiped = world.hands.edit(key, [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}])
    assert "managedFields" not in wiped.metadata
    again = world.cluster.apply(world.config_map())
    assert owners(again.body) == {(FIELD_MANAGER, "Apply"), ("before-first-apply", "Update")}
    assert again.body["data"] == {"colour": "red", "size": "L"}, "size is nobody's but before-first-apply's, so it stays"


def test_keyed_lists_are_merged_by_key_whatever_their_order(world: World) -> None:
    both = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    manifest = deployment(world, env=both)
    world.cluster.apply(manifest)
    world.quiet(manifest.key)
    world.hands.edit(manifest.key, [{"op": "add", "path": "/spec/template/spec/containers/0/env/0", "value": {"name": "Z", "value": "0"}}])
    turned = world.cluster.apply(deployment(world, env=both[::-1]))
    env = turned.body["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {each["name"]: each["value"] for each in env} == {"A": "1", "B": "2", "Z": "0"}
    names = [each["name"] for each in env]
    assert names.index("B") < names.index("A")


def test_the_same_quantity_in_other_words_does_not_differ(world: World) -> None:
    first = deployment(world, resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}})
    world.cluster.apply(first)
    before = world.quiet(first.key)
    after = world.cluster.apply(deployment(world, resources={"limits": {"cpu": "500m", "memory": "1Gi"}}))
    assert after.body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
    assert storable(after.body) == storable(before.body)
    assert after.metadata["generation"] == before.metadata["generation"]
    assert after.resource_version == before.resource_version


def test_defaults_are_filled_in_and_owned_by_nobody(world: World) -> None:
    made = world.cluster.apply(deployment(world))
    spec = made.body["spec"]
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    (entry,) = (each for each in ownerships(made.body) if each.manager == FIELD_MANAGER)
    assert not entry.touches(("spec", "strategy"))


def test_a_service_gets_an_address_and_keeps_it(world: World) -> None:
    made = world.cluster.apply(service(world))
    address = made.body["spec"]["clusterIP"]
    assert address
    assert made.body["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    changed = world.cluster.apply(service(world, ports=[{"port": 80, "targetPort": "http"}]))
    assert changed.body["spec"]["clusterIP"] == address


def test_a_secrets_plain_values_come_back_encoded(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"password": "s3cret"}}
    made = world.cluster.apply(world.manifest(body))
    assert made.body["data"] == {"password": "czNjcmV0"}
    assert made.body["type"] == "Opaque"
    assert "stringData" not in made.body
    assert world.cluster.apply(world.manifest(body)).resource_version == made.resource_version


def test_generation_counts_changes_of_spec_only(world: World) -> None:
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    assert world.cluster.apply(world.manifest(body)).metadata["generation"] == 1
    labelled = world.cluster.apply(world.manifest({**body, "metadata": {"name": "deny", "labels": {"a": "b"}}}))
    assert labelled.metadata["generation"] == 1
    opened = world.cluster.apply(world.manifest({**body, "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}}))
    assert opened.metadata["generation"] == 2


# Preconditions


def test_a_stale_resource_version_is_a_conflict(world: World) -> None:
    seen = world.cluster.apply(world.config_map())
    world.hands.edit(seen.key, {"data": {"colour": "blue"}})
    with pytest.raises(Conflict):
        world.cluster.apply(world.config_map(), uid=seen.uid, resource_version=seen.resource_version)
    assert world.live(seen.key).body["data"] == {"colour": "blue"}


def test_a_stale_uid_is_a_conflict(world: World) -> None:
    first = world.cluster.apply(world.config_map())
    world.cluster.delete(first.key)
    second = world.cluster.apply(world.config_map())
    assert second.uid != first.uid
    with pytest.raises(Conflict):
        world.cluster.apply(world.config_map(data={}), uid=first.uid)
    with pytest.raises(Conflict):
        world.cluster.delete(first.key, uid=first.uid)
    assert world.live(first.key) == second


def test_applying_with_a_uid_never_makes_the_object_anew(world: World) -> None:
    seen = world.cluster.apply(world.config_map())
    world.cluster.delete(seen.key)
    with pytest.raises(Conflict):
        world.cluster.apply(world.config_map(), uid=seen.uid, resource_version=seen.resource_version)
    assert world.cluster.get(seen.key) is None


def test_applying_with_a_version_that_no_object_has_makes_it_but_never_overwrites(world: World) -> None:
    made = world.cluster.apply(world.config_map(), resource_version=NO_VERSION)
    assert made.body["data"] == {"colour": "red"}
    with pytest.raises(Conflict):
        world.cluster.apply(world.config_map(data={"colour": "blue"}), resource_version=NO_VERSION)
    assert world.live(made.key) == made


def test_preconditions_that_hold_let_the_write_through_without_owning_them(world: World) -> None:
    seen = world.cluster.apply(world.config_map())
    changed = world.cluster.apply(world.config_map(data={"colour": "blue"}), uid=seen.uid, resource_version=seen.resource_version)
    assert changed.body["data"] == {"colour": "blue"}
    assert changed.uid == seen.uid
    (entry,) = ownerships(changed.body)
    assert {leaf.path for leaf in entry.leaves} == {("data", "colour")}


def test_deleting_with_a_stale_resource_version_is_a_conflict(world: World) -> None:
    seen = world.cluster.apply(world.config_map())
    world.hands.edit(seen.key, {"data": {"colour": "blue"}})
    with pytest.raises(Conflict):
        world.cluster.delete(seen.key, uid=seen.uid, resource_version=seen.resource_version)
    assert world.cluster.get(seen.key) is not None


# Patching


def test_patching_what_is_not_there_is_object_not_found(world: World) -> None:
    with pytest.raises(ObjectNotFound):
        world.cluster.patch(world.key("ConfigMap", "nothing"), [{"op": "add", "path": "/data", "value": {}}])


def test_a_patch_is_done_whole_or_not_at_all(world: World) -> None:
    seen = world.cluster.apply(world.config_map())
    operations = [{"op": "replace", "path": "/data/colour", "value": "blue"}, {"op": "test", "path": "/data/colour", "value": "green"}]
    with pytest.raises(Rejected):
        world.cluster.patch(seen.key, operations)
    assert world.live(seen.key) == seen


# What cannot change


@pytest.mark.parametrize("field", ["selector", "serviceName", "volumeClaimTemplates"])
def test_fixed_fields_of_a_stateful_set_are_rejected(world: World, field: str) -> None:
    def manifest(**spec: Any) -> Manifest:
        template = {"metadata": {"labels": {"app": "db", "x": "y"}}, "spec": {"containers": [{"name": "db", "image": "example.test/db:1"}]}}
        full = {"replicas": 0, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template, **spec}
        return world.manifest({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": full})

    world.cluster.apply(manifest())
    template = {"metadata": {"name": "v"}, "spec": claim(world).body["spec"]}
    change = {"selector": {"matchLabels": {"x": "y"}}, "serviceName": "other", "volumeClaimTemplates": [template]}
    with pytest.raises(Rejected):
        world.cluster.apply(manifest(**{field: change[field]}))


def test_the_selector_of_a_deployment_is_fixed(world: World) -> None:
    manifest = deployment(world)
    world.cluster.apply(manifest)
    spec = {**manifest.body["spec"], "selector": {"matchLabels": {"app": "other"}}}
    with pytest.raises(Rejected):
        world.cluster.apply(world.manifest({**manifest.body, "spec": spec}))


def test_a_volume_claim_cannot_shrink_or_change_its_mode(world: World) -> None:
    made = world.cluster.apply(claim(world))
    world.eventually(lambda: world.live(made.key).status.get("phase") == "Bound")
    with pytest.raises(Rejected):
        world.cluster.apply(claim(world, "500Mi"))
    spec = {**claim(world).body["spec"], "accessModes": ["ReadWriteMany"]}
    with pytest.raises(Rejected):
        world.cluster.apply(world.manifest({**claim(world).body, "spec": spec}))


def test_an_immutable_config_map_keeps_its_data(world: World) -> None:
    body = {**world.config_map().body, "immutable": True}
    world.cluster.apply(Manifest.of(body))
    with pytest.raises(Rejected):
        world.cluster.apply(Manifest.of({**body, "data": {"colour": "blue"}}))


def test_the_type_of_a_secret_and_the_address_of_a_service_are_fixed(world: World) -> None:
    world.cluster.apply(world.manifest({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "type": "Opaque"}))
    with pytest.raises(Rejected):
        world.cluster.apply(world.manifest({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "type": "other"}))
    world.cluster.apply(service(world))
    with pytest.raises(Rejected):
        world.cluster.apply(service(world, clusterIP="None"))


# Deleting


def test_deleting_says_whether_anything_was_there(world: World) -> None:
    world.cluster.apply(world.config_map())
    key = world.key("ConfigMap", "settings")
    assert world.cluster.delete(key) is True
    assert world.cluster.get(key) is None
    assert world.cluster.delete(key) is False


def test_an_object_with_a_finalizer_stays_until_it_is_taken_off(world: World) -> None:
    made = world.cluster.apply(world.config_map(finalizers=["example.test/hold"]))
    assert world.cluster.delete(made.key) is True
    held = world.live(made.key)
    assert held.terminating
    assert world.cluster.delete(made.key) is True, "asking again is no error"
    world.hands.edit(made.key, [{"op": "remove", "path": "/metadata/finalizers"}])
    assert world.cluster.get(made.key) is None


def test_a_terminating_object_takes_no_new_finalizers(world: World) -> None:
    made = world.cluster.apply(world.config_map(finalizers=["example.test/hold"]))
    world.cluster.delete(made.key)
    with pytest.raises(Rejected):
        world.cluster.apply(world.config_map(finalizers=["example.test/hold", "example.test/more"]))
    world.hands.edit(made.key, [{"op": "remove", "path": "/metadata/finalizers"}])


def test_what_a_deleted_owner_owned_goes_too(world: World) -> None:
    owner = world.cluster.apply(world.config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid}
    child = world.cluster.apply(world.config_map("child", ownerReferences=[reference]))
    world.cluster.delete(owner.key)
    world.eventually(lambda: world.cluster.get(child.key) is None)


def test_a_deleted_namespace_takes_its_content_with_it(world: World) -> None:
    world.cluster.apply(world.config_map())
    world.cluster.apply(claim(world))
    key = ObjectKey("Namespace", "", world.namespace)
    assert world.cluster.delete(key, uid=world.live(key).uid) is True
    world.eventually(lambda: world.cluster.get(key) is None)
    assert list(list_all(world.cluster, "ConfigMap", namespace=world.namespace)) == []
    assert world.cluster.delete(key) is False


def test_a_terminating_namespace_takes_nothing_new_and_says_what_holds_it(world: World) -> None:
    made = world.cluster.apply(world.config_map(finalizers=["example.test/hold"]))
    key = ObjectKey("Namespace", "", world.namespace)
    world.cluster.delete(key)
    assert world.live(key).terminating
    assert world.live(key).status["phase"] == "Terminating"
    with pytest.raises(Rejected):
        world.cluster.create(world.config_map("late"))
    with pytest.raises(Rejected):
        world.cluster.apply(world.config_map("late"))
    with pytest.raises(Conflict):
        world.cluster.create(Manifest.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}}))

    def blockers() -> dict[str, str]:
        found = {each["type"]: each["message"] for each in world.live(key).status.get("conditions", ()) if each["status"] == "True"}
        return found if "NamespaceFinalizersRemaining" in found else {}

    assert "example.test/hold in 1 resource instances" in world.eventually(blockers)["NamespaceFinalizersRemaining"]
    assert "configmaps. has 1 resource instances" in world.eventually(blockers)["NamespaceContentRemaining"]
    world.hands.edit(made.key, [{"op": "remove", "path": "/metadata/finalizers"}])
    world.eventually(lambda: world.cluster.get(key) is None)


# Lists


def test_listing_pages_add_up_to_the_whole(world: World) -> None:
    names = {f"part-{number}" for number in range(7)}
    for name in sorted(names):
        world.cluster.apply(world.config_map(name, labels={LABEL: world.namespace}))
    seen: list[str] = []
    versions = set()
    after = ""
    while True:
        page = world.cluster.list_page("ConfigMap", labels={LABEL: world.namespace}, limit=3, after=after)
        assert len(page.items) <= 3
        seen += [item.key.name for item in page.items]
        versions.add(page.resource_version)
        after = page.remaining
        if not after:
            break
    assert sorted(seen) == sorted(names)
    assert len(versions) == 1


def test_all_pages_show_the_moment_of_the_first(world: World) -> None:
    for number in range(4):
        world.cluster.apply(world.config_map(f"part-{number}", labels={LABEL: world.namespace}))
    first = world.cluster.list_page("ConfigMap", labels={LABEL: world.namespace}, limit=2)
    world.cluster.delete(world.key("ConfigMap", "part-3"))
    world.cluster.apply(world.config_map("part-9", labels={LABEL: world.namespace}))
    second = world.cluster.list_page("ConfigMap", labels={LABEL: world.namespace}, limit=2, after=first.remaining)
    assert [item.key.name for item in (*first.items, *second.items)] == [f"part-{number}" for number in range(4)]


def test_a_listed_object_equals_the_one_that_is_got(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "labels": {LABEL: "x"}}, "data": {"a": "Yg=="}}
    made = world.cluster.apply(world.manifest(body))
    page = world.cluster.list_page("Secret", namespace=world.namespace, labels={LABEL: "x"})
    assert page.items == (made,)
    assert InventoryEntry.record("", page.items[0]).live["data"]["a"].startswith("sha256:"), "a listed Secret is masked as well"


def test_selectors_choose_by_label_field_and_namespace(world: World) -> None:
    world.cluster.apply(world.config_map("one", labels={LABEL: world.namespace, "tier": "a"}))
    world.cluster.apply(world.config_map("two", labels={LABEL: world.namespace}))

    def names(**options: Any) -> list[str]:
        return [item.key.name for item in world.cluster.list_page("ConfigMap", **options).items]

    assert names(labels={LABEL: world.namespace}) == ["one", "two"]
    assert names(labels={LABEL: world.namespace, "tier": "a"}) == ["one"]
    assert names(namespace=world.namespace, fields={"metadata.name": "two"}) == ["two"]
    assert names(labels={LABEL: world.namespace}, fields={"metadata.namespace": "elsewhere"}) == []
    assert names(namespace="no-such-namespace") == []


def test_an_unknown_field_selector_is_rejected(world: World) -> None:
    with pytest.raises(Rejected):
        world.cluster.list_page("ConfigMap", namespace=world.namespace, fields={"data.colour": "red"})


def test_events_are_found_by_the_object_they_are_about(world: World) -> None:
    for name in ("one", "two"):
        about = {"kind": "Pod", "namespace": world.namespace, "name": name}
        body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": world.namespace}, "involvedObject": about}
        world.hands.add({**body, "reason": "Failed", "message": "no", "type": "Warning"})
    fields = {"involvedObject.name": "two", "type": "Warning"}
    assert [item.key.name for item in world.cluster.list_page("Event", namespace=world.namespace, fields=fields).items] == ["two"]


def test_a_page_token_that_is_too_old_is_gone(world: World) -> None:
    for number in range(3):
        world.cluster.apply(world.config_map(f"part-{number}"))
    page = world.cluster.list_page("ConfigMap", namespace=world.namespace, limit=1)
    world.hands.expire()
    with pytest.raises(Gone):
        world.cluster.list_page("ConfigMap", namespace=world.namespace, limit=1, after=page.remaining)


# Watching


def watched(world: World, resource_version: str, enough: int, *, labels: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """The first events of ConfigMaps of this world, as (type, name)."""
    seen: list[tuple[str, str]] = []
    events = world.cluster.watch("ConfigMap", labels=labels or {LABEL: world.namespace}, resource_version=resource_version, timeout=10)
    for event in events:
        assert isinstance(event, WatchEvent)
        if event.type != "BOOKMARK":
            seen.append((event.type, event.object.key.name))
        if len(seen) >= enough:
            break
    return seen


def test_a_watch_from_the_lists_version_misses_nothing(world: World) -> None:
    labels = {LABEL: world.namespace}
    world.cluster.apply(world.config_map("one", labels=labels))
    listed = world.cluster.list_page("ConfigMap", labels=labels)
    world.cluster.apply(world.config_map("two", labels=labels))
    world.cluster.apply(world.config_map("two", data={"colour": "blue"}, labels=labels))
    world.cluster.delete(world.key("ConfigMap", "one"))
    expected = [("ADDED", "two"), ("MODIFIED", "two"), ("DELETED", "one")]
    assert watched(world, listed.resource_version, 3) == expected


def test_an_object_that_loses_the_label_is_deleted_to_a_watch_and_one_that_gains_it_is_added(world: World) -> None:
    labels = {LABEL: world.namespace}
    made = world.cluster.apply(world.config_map("one", labels=labels))
    world.hands.edit(made.key, {"metadata": {"labels": {LABEL: "other"}}})
    world.hands.edit(made.key, {"metadata": {"labels": {LABEL: world.namespace}}})
    assert watched(world, made.resource_version, 2) == [("DELETED", "one"), ("ADDED", "one")]


def test_an_apply_that_changes_nothing_is_no_event(world: World) -> None:
    labels = {LABEL: world.namespace}
    made = world.cluster.apply(world.config_map("one", labels=labels))
    world.cluster.apply(world.config_map("one", labels=labels))
    world.cluster.apply(world.config_map("two", labels=labels))
    assert watched(world, made.resource_version, 1) == [("ADDED", "two")]


def test_versions_of_events_grow_and_the_last_of_a_deleted_object_is_its_deletion(world: World) -> None:
    labels = {LABEL: world.namespace}
    made = world.cluster.apply(world.config_map("one", labels=labels))
    world.cluster.apply(world.config_map("one", data={"colour": "blue"}, labels=labels))
    world.cluster.delete(made.key)
    versions: list[int] = []
    for event in world.cluster.watch("ConfigMap", labels=labels, resource_version=made.resource_version, timeout=10):
        versions.append(int(event.resource_version))
        if event.type == "DELETED":
            assert event.object.body["data"] == {"colour": "blue"}
            break
    assert versions == sorted(set(versions))
    assert versions[0] > int(made.resource_version)


def test_a_watch_ends_after_its_time(world: World) -> None:
    version = world.cluster.list_page("ConfigMap").resource_version
    events = world.cluster.watch("ConfigMap", labels={LABEL: world.namespace}, resource_version=version, timeout=1)
    assert [event for event in events if event.type != "BOOKMARK"] == []


def test_a_watch_from_a_version_too_old_is_gone(world: World) -> None:
    version = world.cluster.apply(world.config_map()).resource_version
    world.cluster.apply(world.config_map(data={}))
    world.hands.expire()
    with pytest.raises(Gone):
        list(world.cluster.watch("ConfigMap", resource_version=version, timeout=1))


# Status, controllers, logs, rights


def test_an_apply_does_not_reach_the_status_and_keeps_what_controllers_wrote(world: World) -> None:
    manifest = deployment(world)
    world.cluster.apply(manifest)
    settled = world.eventually(lambda: world.live(manifest.key) if world.live(manifest.key).status.get("conditions") else None)
    assert settled.annotations["deployment.kubernetes.io/revision"] == "1"
    settled = world.quiet(manifest.key)
    again = world.cluster.apply(manifest)
    assert again.resource_version == settled.resource_version
    assert again.status == settled.status


def test_status_is_written_through_its_own_door_only(world: World) -> None:
    manifest = service(world, type="LoadBalancer", allocateLoadBalancerNodePorts=False, loadBalancerClass="example.test/nobody")
    made = world.cluster.apply(manifest)
    address = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    assert world.hands.edit(made.key, address).status == {"loadBalancer": {}}
    change = {**address, "spec": {"sessionAffinity": "ClientIP"}}
    written = world.hands.edit(made.key, change, manager="balancer", subresource="status")
    assert written.status["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
    assert written.body["spec"] == made.body["spec"]
    assert ("balancer", "Update") in owners(written.body)
    assert world.cluster.apply(manifest).resource_version == written.resource_version


def test_there_is_no_log_line_of_a_pod_that_is_not_there(world: World) -> None:
    assert world.cluster.last_log_line(world.namespace, "nothing", "main") is None


def test_our_credentials_say_what_they_may(world: World) -> None:
    assert world.cluster.may("create", "Namespace") is True
    assert world.cluster.may("get", "ConfigMap", namespace=world.namespace) is True


# Jobs


def test_a_job_s_controller_writes_nothing_but_its_status_and_its_pods_are_its_children(world: World) -> None:
    made = world.cluster.apply(job(world), resource_version=NO_VERSION)
    recorded = InventoryEntry.record("", made)
    [pod] = world.eventually(lambda: list(list_all(world.cluster, "Pod", namespace=world.namespace)))
    assert (pod.controller or {})["uid"] == made.uid
    live = world.quiet(made.key)
    assert live.resource_version != made.resource_version
    assert differences("Job", recorded.live, storable(live.body)) == ()
    assert world.cluster.apply(job(world)).body["spec"] == made.body["spec"]


def test_a_job_s_template_never_changes_and_its_pods_go_with_it(world: World) -> None:
    made = world.cluster.apply(job(world))
    world.eventually(lambda: list(list_all(world.cluster, "Pod", namespace=world.namespace)))
    with pytest.raises(Rejected):
        world.cluster.apply(job(world, "example.test/once:2"))
    world.cluster.delete(made.key, uid=made.uid)
    world.eventually(lambda: world.cluster.get(made.key) is None and not list(list_all(world.cluster, "Pod", namespace=world.namespace)))
