"""How a shop looks, from the merchant's word to the storefront's environment."""

from __future__ import annotations

import pytest

from app.domain.errors import InvalidIntent, NotFound
from app.domain.manifests import ObjectKey
from app.domain.settings import PALETTE
from app.services.change_settings import change_settings
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.queries import audit_entries
from app.services.rename_store import rename_store
from tests.factories import MERCHANT, PLENTY, make_store, make_tenant, row_of, set_row, with_quotas
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    return opened


def shown(shell: Shell, namespace: str) -> dict[str, str]:
    """What the storefront is told."""
    live = shell.cluster.look(ObjectKey("Deployment", namespace, "storefront"))
    assert live is not None
    return {entry["name"]: entry.get("value", "") for entry in live.body["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_a_tenant_s_shops_have_colours_of_their_own(services: Services) -> None:
    services = with_quotas(services, tenant=PLENTY)
    tenant = make_tenant(services)
    stores = [make_store(services, tenant) for _ in PALETTE]
    assert {store.settings["accent"] for store in stores} == set(PALETTE)
    delete_store(services, MERCHANT, tenant_id=tenant.id, store_id=stores[3].id)
    assert make_store(services, tenant).settings["accent"] == stores[3].settings["accent"]


def test_a_colour_that_was_chosen_is_kept_and_counts_as_taken(services: Services) -> None:
    tenant = make_tenant(services)
    first = make_store(services, tenant, settings={"accent": PALETTE[2].upper(), "tagline": ""})
    assert first.settings == {"accent": PALETTE[2]}
    assert PALETTE[2] not in {make_store(services, tenant).settings["accent"] for _ in range(4)}


def test_one_setting_is_changed_and_the_others_stay(services: Services) -> None:
    store = make_store(services, settings={"accent": "#123456", "tagline": "Bread"})
    whose = {"tenant_id": store.tenant_id, "store_id": store.id}
    changed = change_settings(services, MERCHANT, **whose, settings={"tagline": " Fresh  bread ", "initial": "🥖"})
    assert changed.settings == {"accent": "#123456", "tagline": "Fresh bread", "initial": "🥖"}
    assert changed.generation == 2
    entry = audit_entries(services, limit=1)[0]
    assert (entry.action, entry.actor_name, entry.target_id) == ("store.settings", MERCHANT.name, store.id)
    assert entry.before == {"settings": {"accent": "#123456", "tagline": "Bread"}, "generation": 1}
    assert entry.after == {"settings": dict(changed.settings), "generation": 2}
    assert change_settings(services, MERCHANT, **whose, settings={"tagline": ""}).settings == {"accent": "#123456", "initial": "🥖"}


@pytest.mark.parametrize("settings", [{}, {"tagline": "Bread"}, {"accent": "#ABCDEF"}, {"announcement": ""}, {"tagline": "\tBread"}])
def test_what_changes_nothing_is_no_new_intent(services: Services, queue: FakeQueue, settings: dict[str, str]) -> None:
    store = make_store(services, settings={"accent": "#abcdef", "tagline": "Bread"})
    queue.wakes.clear()
    assert change_settings(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, settings=settings) == store
    assert queue.wakes == []


def test_a_refused_setting_leaves_all_of_them(services: Services) -> None:
    store = make_store(services)
    with pytest.raises(InvalidIntent, match="#rrggbb"):
        change_settings(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, settings={"tagline": "New", "accent": "reddish"})
    row = row_of(services, store.id)
    assert (row.settings, row.generation) == (store.settings, 1)


def test_another_tenant_s_shop_cannot_be_painted(services: Services) -> None:
    store, stranger = make_store(services), make_tenant(services)
    with pytest.raises(NotFound):
        change_settings(services, MERCHANT, tenant_id=stranger.id, store_id=store.id, settings={"accent": "#000000"})


def test_a_row_s_odd_entries_from_before_survive_a_change(services: Services) -> None:
    store = make_store(services)
    set_row(services, store.id, settings={"theme": {"dark": True}})
    changed = change_settings(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, settings={"tagline": "Hi"})
    assert changed.settings == {"theme": {"dark": True}, "tagline": "Hi"}


def test_settings_given_at_creation_reach_the_storefront(shell: Shell) -> None:
    made = shell.json(
        "store", "create", "bakery", "--tenant", "acme", "--name", "Bäckerei $(SIGNING_KEY)", "--accent", "#B4235A",
        "--tagline", "Bread for $5 & $(PUBLISHABLE_KEY)", "--initial", "🥖", "--announcement", "Closed on Monday", "--wait",
    )  # fmt: skip
    told = shown(shell, made["namespace"])
    assert told["STORE_NAME"] == "Bäckerei $$(SIGNING_KEY)", "a doubled dollar stands for itself"
    assert told["TAGLINE"] == "Bread for $$5 & $$(PUBLISHABLE_KEY)"
    assert (told["ACCENT"], told["INITIAL"], told["ANNOUNCEMENT"]) == ("#b4235a", "🥖", "Closed on Monday")
    assert made["phase"] == "Ready"


def test_settings_are_shown_and_changed_at_a_shell(shell: Shell) -> None:
    made = shell.json("store", "create", "bakery", "--tenant", "acme", "--wait")
    accent = made["settings"]["accent"]
    assert shell.ok("store", "settings", "bakery").splitlines() == [
        f"Accent        {accent}",
        "Tagline       -",
        "Initial       B",
        "Announcement  -",
    ]
    told = shell.ok("store", "settings", "bakery", "--tagline", "Since 1903", "--accent", "#000000", "--wait")
    assert told.startswith("Store bakery of acme has these settings:\n")
    assert "Since 1903" in told
    assert "Timeline: " in told
    assert shown(shell, made["namespace"])["TAGLINE"] == "Since 1903"
    document = shell.json("store", "settings", "bakery")
    assert document["settings"] == {"accent": "#000000", "tagline": "Since 1903"}
    assert document["shown"] == {"accent": "#000000", "tagline": "Since 1903", "initial": "B", "announcement": ""}
    assert (document["tenant"], document["generation"], document["phase"]) == ("acme", 2, "Ready")
    assert "(nothing had to be changed)" in shell.ok("store", "settings", "bakery", "--accent", "#000000")
    again = shell.json("store", "settings", "bakery", "--accent", "", "--tagline", "")
    assert again["settings"] == {}
    assert again["shown"]["accent"] in PALETTE


def test_a_wrong_setting_is_refused_at_a_shell(shell: Shell) -> None:
    assert "#rrggbb" in shell.refused("store", "create", "bakery", "--tenant", "acme", "--accent", "blue")
    shell.ok("store", "create", "bakery", "--tenant", "acme")
    error = shell.json("store", "settings", "bakery", "--announcement", "x" * 201, code=1)["error"]
    assert (error["code"], error["data"]["field"], error["data"]["rule"]) == ("invalid_intent", "announcement", "length")


def test_a_renamed_shop_shows_its_new_name_and_letter(shell: Shell) -> None:
    made = shell.json("store", "create", "bakery", "--tenant", "acme", "--name", "Old Mill", "--wait")
    assert (told := shown(shell, made["namespace"]))["STORE_NAME"] == "Old Mill"
    assert told["INITIAL"] == "O"
    rename_store(shell.services, MERCHANT, tenant_id=made["tenant_id"], store_id=made["id"], name="New Mill")
    told = shown(shell, made["namespace"])
    assert (told["STORE_NAME"], told["INITIAL"]) == ("New Mill", "N")
