"""Tenants and stores at a shell: what is said, what scripts get, and how it ends."""

from __future__ import annotations

import pytest

from app.domain.manifests import ObjectKey
from app.services.context import Services
from app.services.queries import audit_entries, find_tenant, get_store, list_stores
from tests.factories import row_of, set_gone, set_row
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    return opened


@pytest.fixture
def shop(shell: Shell) -> str:
    """The id of a store that is ready."""
    return shell.json("store", "create", "bakery", "--tenant", "acme", "--wait")["id"]


def test_a_tenant_is_created_and_listed(shell: Shell) -> None:
    made = shell.json("tenant", "create", "globex", "--name", "Globex Corp.")
    assert (made["slug"], made["name"], made["frozen"]) == ("globex", "Globex Corp.", False)
    assert [(tenant["slug"], tenant["stores"]) for tenant in shell.json("tenant", "list")["tenants"]] == [("acme", 0), ("globex", 0)]
    text = shell.ok("tenant", "list")
    assert text.splitlines()[0].split() == ["TENANT", "STORES", "CREATED", "STATE", "ID", "NAME"]
    assert shell.refused("tenant", "create", "globex") == "error: There is already a tenant 'globex'. Choose another name."


def test_a_store_created_and_waited_for_ends_with_its_timeline(shell: Shell) -> None:
    result = shell.run("store", "create", "bakery", "--tenant", "acme", "--wait")
    assert result.exit_code == 0, result.output
    assert "http://bakery.localhost\n" in result.stdout
    assert "http://bakery.localhost/app\n" in result.stdout
    assert "storeyard store credentials bakery --tenant acme" in result.stdout
    last = result.stdout.splitlines()[-1]
    assert last.startswith("Timeline: Namespace 0.")
    for title in ("Database", "Shop server", "Storefront", "Address", "Ready"):
        assert f"{title} " in last
        assert f"✓ {title} " in result.stderr
    assert last.endswith(" passes)")


def test_a_created_store_as_json(shell: Shell) -> None:
    made = shell.json("store", "create", "bakery", "--tenant", "acme", "--plan", "standard", "--wait")
    assert {"id", "url", "admin_url", "tenant", "phase", "conditions", "replayed", "timeline"} <= made.keys()
    assert (made["phase"], made["plan"], made["tenant"], made["replayed"]) == ("Ready", "standard", "acme", False)
    assert made["timeline"]["outcome"] == "done"
    assert [step["title"] for step in made["timeline"]["steps"]] == [
        "Namespace", "Database", "Shop server", "Storefront", "Address", "Ready",
    ]  # fmt: skip
    assert made["timeline"]["passes"] >= 2


def test_the_same_key_creates_once(shell: Shell) -> None:
    command = ("store", "create", "bakery", "--tenant", "acme", "--idempotency-key", "k1")
    first, second = shell.json(*command), shell.json(*command)
    assert (first["id"], first["replayed"], second["replayed"]) == (second["id"], False, True)
    assert "different request" in shell.refused("store", "create", "other", "--tenant", "acme", "--idempotency-key", "k1")


def test_what_cannot_be_created_leaves_nothing(shell: Shell) -> None:
    for args, code in (
        (("store", "create", "www", "--tenant", "acme"), "invalid_intent"),
        (("store", "create", "bakery", "--tenant", "nobody"), "not_found"),
        (("store", "create", "bakery", "--tenant", "acme", "--plan", "huge"), "invalid_intent"),
        (("store", "create", "bakery", "--tenant", "acme", "--engine", "magento"), "unknown_engine"),
    ):
        assert shell.json(*args, code=1)["error"]["code"] == code
    assert list_stores(shell.services) == ()


def test_an_operator_is_named_in_the_audit_log(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.invocation.login_name", lambda: "alice")
    shell.ok("store", "create", "bakery", "--tenant", "acme")
    entry = audit_entries(shell.services, limit=1)[0]
    assert (entry.action, entry.actor_kind, entry.actor_name) == ("store.create", "operator", "alice")


def test_stores_are_listed(shell: Shell, shop: str) -> None:
    shell.worker = False
    shell.ok("tenant", "create", "globex")
    shell.ok("store", "create", "other", "--tenant", "globex")
    assert [store["slug"] for store in shell.json("store", "list")["stores"]] == ["bakery", "other"]
    assert [store["slug"] for store in shell.json("store", "list", "--tenant", "globex")["stores"]] == ["other"]
    assert [store["id"] for store in shell.json("store", "list", "--phase", "ready")["stores"]] == [shop]
    set_gone(shell.services, _deleted(shell, shop))
    assert [store["slug"] for store in shell.json("store", "list")["stores"]] == ["other"]
    assert [store["slug"] for store in shell.json("store", "list", "--all")["stores"]] == ["bakery", "other"]
    assert shell.ok("store", "list", "--phase", "Failed") == "There are no such stores.\n"


def _deleted(shell: Shell, store_id: str) -> str:
    shell.ok("store", "delete", store_id, "--yes")
    return store_id


def test_a_store_is_shown(shell: Shell, shop: str) -> None:
    text = shell.ok("store", "show", "bakery")
    for said in (
        shop,
        "acme",
        "Ready",
        "http://bakery.localhost/app",
        "starter",
        "medusa r1",
        f"st-{shop}",
        "CONDITION",
        "Everything is as asked for.",
    ):
        assert said in text
    shown = shell.json("store", "show", shop)
    assert (shown["id"], shown["tenant"], shown["admin_url"]) == (shop, "acme", "http://bakery.localhost/app")


def test_an_ambiguous_slug_names_its_candidates(shell: Shell, shop: str) -> None:
    shell.ok("tenant", "create", "globex")
    other = shell.json("store", "create", "bakery", "--tenant", "globex")["id"]
    error = shell.json("store", "show", "bakery", code=1)["error"]
    assert error["code"] == "ambiguous"
    assert {candidate["id"] for candidate in error["data"]["candidates"]} == {shop, other}
    line = shell.refused("store", "show", "bakery")
    assert shop in line
    assert other in line
    assert shell.json("store", "show", "bakery", "--tenant", "globex")["id"] == other
    assert shell.json("store", "show", shop)["tenant"] == "acme"


def test_an_unknown_store_is_said_to_be(shell: Shell) -> None:
    assert shell.refused("store", "show", "nope") == "error: There is no store 'nope'. `storeyard store list` shows all."


def test_a_reveal_of_credentials_is_audited(shell: Shell, shop: str) -> None:
    shown = shell.json("store", "credentials", "bakery")
    assert shown["store_id"] == shop
    assert shown["credentials"]["admin_email"] == "admin@bakery.localhost"
    assert len(shown["credentials"]["admin_password"]) == 20
    assert "database_password" not in shown["credentials"]
    assert shown["credentials"]["admin_password"] in shell.ok("store", "credentials", "bakery")
    looks = [entry for entry in audit_entries(shell.services, target_id=shop) if entry.action == "store.credentials"]
    assert len(looks) == 2
    assert shown["credentials"]["admin_password"] not in str(looks)


def test_suspend_resume_and_plan_end_with_their_timelines(shell: Shell, shop: str) -> None:
    suspended = shell.json("store", "suspend", "bakery", "--wait")
    assert (suspended["phase"], suspended["timeline"]["outcome"]) == ("Suspended", "done")
    assert "nothing had to be changed" in shell.ok("store", "suspend", "bakery", "--wait")
    resumed = shell.json("store", "resume", "bakery", "--wait")
    assert resumed["phase"] == "Ready"
    set_row(shell.services, shop, plan="standard")
    shrunk = shell.json("store", "plan", "bakery", "starter", code=1)["error"]
    assert (shrunk["code"], shrunk["data"]["rule"]) == ("invalid_intent", "disk_shrinks")
    assert "smaller disk" in shell.refused("store", "plan", "bakery", "starter")


def test_a_restart_replaces_the_pods_and_ends_when_the_store_answers_again(shell: Shell, shop: str) -> None:
    deployment = ObjectKey("Deployment", f"st-{shop}", "backend")
    before = shell.cluster.look(deployment)
    restarted = shell.json("store", "restart", "bakery", "--wait")
    assert (restarted["phase"], restarted["generation"], restarted["timeline"]["outcome"]) == ("Ready", 2, "done")
    after = shell.cluster.look(deployment)
    assert before is not None
    assert after is not None
    assert after.body["spec"]["template"]["metadata"]["annotations"]["storeyard.dev/restarted-generation"] == "2"
    assert before.body["spec"]["template"]["metadata"]["annotations"].keys() == {"storeyard.dev/credentials-version"}
    shell.ok("store", "suspend", "bakery", "--wait")
    assert shell.refused("store", "restart", "bakery").startswith("error: This store is suspended. Resume it first")


def test_credentials_are_replaced(shell: Shell, shop: str) -> None:
    before = shell.json("store", "credentials", "bakery")["credentials"]
    asked = shell.json("store", "rotate-credentials", "bakery")
    assert (asked["generation"], asked["rotation"]) == (2, "setting")
    shell.work(shop)
    rotated = shell.json("store", "show", "bakery")
    assert (rotated["phase"], rotated["generation"], rotated["rotation"]) == ("Ready", 2, None)
    after = shell.json("store", "credentials", "bakery")["credentials"]
    assert (after.keys(), after["admin_email"]) == (before.keys(), before["admin_email"])
    assert after["admin_password"] != before["admin_password"]
    assert "The credentials were replaced." in shell.ok("store", "events", "bakery")
    shell.ok("store", "suspend", "bakery", "--wait")
    assert shell.refused("store", "rotate-credentials", "bakery").startswith("error: This store is suspended. Resume it first")


def test_a_deletion_asks_first_and_ends_when_the_namespace_is_gone(shell: Shell, shop: str) -> None:
    assert "say --yes" in shell.refused("store", "delete", "bakery", code=2)
    assert get_store(shell.services, tenant_id=find_tenant(shell.services, "acme").id, store_id=shop).phase == "Ready"
    deleted = shell.json("store", "delete", "bakery", "--yes", "--wait")
    assert deleted["phase"] == "Deleted"
    assert deleted["timeline"]["steps"][0]["title"] == "Removed"
    assert shell.cluster.look(ObjectKey("Namespace", "", f"st-{shop}")) is None
    assert shell.json("store", "create", "bakery", "--tenant", "acme")["id"] != shop


def test_not_ready_in_time_is_exit_code_4_and_the_intent_stands(shell: Shell) -> None:
    shell.worker = False
    error = shell.json("store", "create", "bakery", "--tenant", "acme", "--wait", "--timeout", "0.3", code=4)["error"]
    assert error["code"] == "not_ready"
    assert error["data"]["timeline"]["outcome"] == "late"
    assert error["data"]["store"]["slug"] == "bakery"
    assert "It waits for a worker." in error["message"]
    assert shell.json("store", "show", "bakery")["phase"] == "Pending"


def test_a_paused_store_is_not_waited_for(shell: Shell, shop: str) -> None:
    shell.ok("store", "pause", "bakery", "--for", "2h", "--reason", "a restore by hand")
    line = (
        shell.refused("store", "resume", "bakery", "--wait", "--timeout", "30", code=0)
        if False
        else shell.refused("reconcile", "bakery", "--wait", "--timeout", "30", code=4)
    )
    assert "a restore by hand" in line
    assert "storeyard store unpause" in line
    assert "(paused)" in shell.ok("store", "list")
    shell.ok("store", "unpause", "bakery")
    assert "(paused)" not in shell.ok("store", "list")


def test_a_platform_that_is_paused_is_not_waited_for(shell: Shell) -> None:
    shell.ok("platform", "pause", "--for", "30m", "--reason", "node upgrade")
    line = shell.refused("store", "create", "bakery", "--tenant", "acme", "--wait", "--timeout", "30", code=4)
    assert "node upgrade" in line
    assert "storeyard platform unpause" in line


def test_drift_modes_are_set(shell: Shell, shop: str) -> None:
    assert shell.json("store", "mode", "bakery", "observe")["drift_mode"] == "observe"
    assert "recorded and left" in shell.ok("store", "mode", "bakery", "observe")
    assert row_of(shell.services, shop).drift_mode == "observe"


def test_the_platforms_switches(shell: Shell, shop: str) -> None:
    assert shell.json("platform", "mode", "off")["drift_mode"] == "off"
    paused = shell.json("platform", "pause", "--until", "2199-01-01", "--reason", "holiday")
    assert (paused["paused_until"], paused["paused_reason"]) == ("2199-01-01T00:00:00+00:00", "holiday")
    assert "holiday" in shell.ok("platform", "show")
    assert shell.json("platform", "unpause")["paused_until"] is None
    shown = shell.json("platform", "show")
    assert shown["stores"]["Ready"] == 1
    assert shown["leaders"] == []


def test_a_pause_must_end_in_the_future(shell: Shell, shop: str) -> None:
    assert "future" in shell.refused("store", "pause", "bakery", "--until", "2020-01-01", "--reason", "r")


def test_events_and_runs(shell: Shell, shop: str) -> None:
    events = shell.json("store", "events", "bakery")["events"]
    assert {"id", "at", "type", "reason", "message", "data"} <= events[0].keys()
    assert "The store is open." in shell.ok("store", "events", "bakery")
    runs = shell.json("store", "runs", "bakery", "--limit", "1")["runs"]
    assert len(runs) == 1
    assert runs[0]["store_id"] == shop
    text = shell.ok("store", "runs", "bakery")
    assert "created" in text
    assert text.splitlines()[0].split() == ["STARTED", "GENERATION", "TOOK", "CALLS", "OUTCOME", "CHANGES"]


def test_a_store_without_a_past(shell: Shell) -> None:
    shell.worker = False
    shell.ok("store", "create", "bakery", "--tenant", "acme")
    assert shell.ok("store", "events", "bakery") == "Nothing has happened to this store yet.\n"
    assert shell.ok("store", "runs", "bakery") == "No pass over this store has been recorded yet.\n"
    assert shell.ok("store", "drift", "bakery") == "No drift has been found in this store.\n"


def test_a_queue_out_of_reach_is_a_note_and_no_failure(shell: Shell) -> None:
    shell.queue.down = True
    result = shell.run("store", "create", "bakery", "--tenant", "acme")
    assert result.exit_code == 0
    assert result.stderr.startswith("note: The queue cannot be reached.")
