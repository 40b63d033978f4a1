"""`storeyard reconcile`, `store drift` and `orphans`: dry runs that write nothing, masked secrets, and exit code 3 for drift."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.domain.errors import Transient
from app.domain.manifests import CLAIM, MANAGED_BY, PLATFORM, STORE_ID, ObjectKey
from app.models import Base
from app.services.context import Services
from tests.factories import make_id
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    return opened


@pytest.fixture
def shop(shell: Shell) -> str:
    return shell.json("store", "create", "bakery", "--tenant", "acme", "--wait")["id"]


def everything(shell: Shell) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """All rows of all tables, and all objects of the cluster."""
    with shell.services.sessions.platform("a test looks at all rows") as session:
        rows = {
            table.name: sorted(map(str, session.execute(text(f"SELECT * FROM {table.name}")).all()))
            for table in Base.metadata.sorted_tables
        }
    kinds = ("Namespace", "Secret", "Deployment", "StatefulSet", "Service", "NetworkPolicy", "Ingress", "PersistentVolumeClaim")
    return rows, {kind: [live.body for live in shell.cluster.objects(kind)] for kind in kinds}


def drift(shell: Shell, store_id: str) -> None:
    namespace = f"st-{store_id}"
    shell.cluster.edit(
        ObjectKey("Deployment", namespace, "backend"), {"spec": {"revisionHistoryLimit": 7}, "metadata": {"labels": {"team": "x"}}}
    )
    secret = shell.cluster.objects("Secret", namespace)[0].key
    shell.cluster.edit(secret, {"stringData": {"extra": "hush-hush"}}, manager="bob")


def test_a_store_in_sync_is_exit_code_0(shell: Shell, shop: str) -> None:
    assert shell.ok("reconcile", "bakery", "--dry-run").startswith("bakery (acme): in sync (")
    document = shell.json("reconcile", "--all", "--dry-run")
    assert (document["dry_run"], document["in_sync"], document["not_in_sync"], document["failed"]) == (True, 1, 0, 0)
    assert document["plans"][0]["changes"] == []


def test_a_dry_run_writes_nothing(shell: Shell, shop: str) -> None:
    shell.worker = False
    shell.ok("store", "create", "fresh", "--tenant", "acme")
    shell.ok("store", "suspend", "bakery")
    drift(shell, shop)
    shell.queue.wakes.clear()
    before = everything(shell)
    result = shell.run("reconcile", "--all", "--diff")
    assert result.exit_code == 3, result.output
    assert everything(shell) == before
    assert shell.queue.wakes == []
    assert "+ create" in result.stdout
    assert "Nothing was changed." in result.stdout


def test_drift_is_shown_with_both_sides_and_its_author(shell: Shell, shop: str) -> None:
    drift(shell, shop)
    result = shell.run("reconcile", "bakery", "--diff")
    assert result.exit_code == 3
    assert "bakery (acme): not in sync (" in result.stdout
    assert "~ configure" in result.stdout
    assert "spec.revisionHistoryLimit: 7 (by kubectl-edit) → 2" in result.stdout
    assert "metadata.labels.team: x (by kubectl-edit) → nothing" in result.stdout
    without = shell.run("reconcile", "bakery", "--dry-run")
    assert without.exit_code == 3
    assert "revisionHistoryLimit" not in without.stdout


def test_secrets_are_masked(shell: Shell, shop: str) -> None:
    drift(shell, shop)
    for args in (("--diff",), ("--diff", "--json")):
        result = shell.run("reconcile", "bakery", *args)
        assert "sha256:" in result.stdout
        assert "hush-hush" not in result.stdout
        assert "aHVzaC1odXNo" not in result.stdout


def test_a_plan_as_json(shell: Shell, shop: str) -> None:
    drift(shell, shop)
    plan = shell.json("reconcile", "bakery", "--dry-run", code=3)["plans"][0]
    assert (plan["id"], plan["slug"], plan["tenant"], plan["in_sync"], plan["obstacle"]) == (shop, "bakery", "acme", False, None)
    change = next(change for change in plan["changes"] if change["kind"] == "Deployment")
    assert (change["action"], change["reason"]) == ("configured", "Drifted")
    field = next(entry for entry in change["differences"] if entry["path"] == "spec.revisionHistoryLimit")
    assert (field["before"], field["after"], field["manager"]) == (7, 2, "kubectl-edit")
    found = next(entry for entry in plan["drift"] if entry["kind"] == "Deployment")
    field = next(entry for entry in found["differences"] if entry["path"] == "spec.revisionHistoryLimit")
    assert (field["before"], field["after"]) == (2, 7)


def test_drift_that_is_only_observed_is_exit_code_3_as_well(shell: Shell, shop: str) -> None:
    shell.ok("store", "mode", "bakery", "observe")
    drift(shell, shop)
    result = shell.run("reconcile", "bakery", "--diff")
    assert result.exit_code == 3
    assert "! leave as is" in result.stdout
    assert "spec.revisionHistoryLimit: found 7 instead of 2 (by kubectl-edit)" in result.stdout


def test_lost_data_is_an_obstacle(shell: Shell, shop: str) -> None:
    shell.cluster.remove(ObjectKey("Namespace", "", f"st-{shop}"))
    shell.cluster.settle()
    plan = shell.json("reconcile", "bakery", "--dry-run", code=3)["plans"][0]
    assert "deleted in the cluster" in plan["obstacle"]
    assert "deleted in the cluster" in shell.run("reconcile", "bakery", "--dry-run").stdout


def test_a_repair_is_asked_for_waited_for_and_remembered(shell: Shell, shop: str) -> None:
    drift(shell, shop)
    done = shell.json("reconcile", "bakery", "--wait")
    assert done["stores"][0]["timeline"]["outcome"] == "done"
    assert shell.run("reconcile", "bakery", "--dry-run").exit_code == 0
    entries = shell.json("store", "drift", "bakery")["drift"]
    assert {"kind", "name", "path", "class", "manager", "before", "after", "detected_at", "repaired_at"} <= entries[0].keys()
    assert {(entry["path"], entry["after"]) for entry in entries} >= {("spec.revisionHistoryLimit", 7)}
    assert "hush-hush" not in str(entries)
    assert "kubectl-edit" in shell.ok("store", "drift", "bakery")
    assert shell.ok("store", "drift", "bakery", "--open") == "No drift is open.\n"


def test_a_bare_reconcile_says_that_a_worker_is_asked(shell: Shell, shop: str) -> None:
    shell.queue.wakes.clear()
    assert shell.ok("reconcile", "bakery") == "A worker is asked to look at bakery of acme.\n"
    assert shell.queue.wakes == [(shop, True)]


def test_more_than_one_store_needs_yes(shell: Shell, shop: str) -> None:
    other = shell.json("store", "create", "other", "--tenant", "acme", "--wait")["id"]
    shell.queue.wakes.clear()
    assert "Reconcile 2 stores?" in shell.refused("reconcile", "--tenant", "acme", code=2)
    assert shell.queue.wakes == []
    result = shell.run("reconcile", "--phase", "Ready", "--yes", "--wait")
    assert result.exit_code == 0, result.output
    assert "bakery (acme): Timeline: nothing had to change" in result.stdout
    assert sorted(shell.queue.woken) == sorted([shop, other])


def test_the_same_store_named_twice_is_one(shell: Shell, shop: str) -> None:
    assert len(shell.json("reconcile", "bakery", shop)["stores"]) == 1


def test_one_store_that_cannot_be_compared_does_not_hide_the_others(shell: Shell, shop: str) -> None:
    other = shell.json("store", "create", "other", "--tenant", "acme", "--wait")["id"]
    shell.cluster.fail_on(lambda verb, key: verb == "get" and key.name == f"st-{shop}", Transient("The API server is busy."), times=None)
    document = shell.json("reconcile", "--all", "--dry-run", code=1)
    assert (document["in_sync"], document["failed"]) == (1, 1)
    by_id = {plan["id"]: plan for plan in document["plans"]}
    assert by_id[shop]["error"]["code"] == "cluster_transient"
    assert by_id[other]["in_sync"] is True
    assert shell.refused("reconcile", "bakery", "--dry-run") == "error: The API server is busy."


def test_a_dry_run_has_nothing_to_wait_for(shell: Shell, shop: str) -> None:
    assert "leave out --wait" in shell.refused("reconcile", "bakery", "--dry-run", "--wait", code=2)


def test_orphans_are_reported_and_left(shell: Shell, shop: str) -> None:
    assert shell.ok("orphans") == "No orphans.\n"
    lost = make_id()
    labels = {MANAGED_BY: PLATFORM, STORE_ID: lost}
    shell.cluster.add({"kind": "Namespace", "metadata": {"name": f"st-{lost}", "labels": labels, "annotations": {CLAIM: "x"}}})
    found = shell.json("orphans")["orphans"]
    assert [(orphan["kind"], orphan["namespace"], orphan["store_id"]) for orphan in found] == [
        ("namespace_without_row", f"st-{lost}", lost)
    ]
    assert f"st-{lost}" in shell.ok("orphans")
    assert shell.cluster.look(ObjectKey("Namespace", "", f"st-{lost}")) is not None
