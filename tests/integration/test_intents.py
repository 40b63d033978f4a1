"""Changes of intent: what they do to the row, when they are refused, and that the later one wins (F21)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from app.domain.errors import Forbidden, InvalidIntent, NameTaken, NotFound, Outdated, QuotaExceeded, StoreyardError, UnknownEngine
from app.domain.stores import DesiredState, DriftMode, Phase
from app.models import AuditEntry, ClusterRow, Store
from app.services.change_plan import change_plan
from app.services.change_settings import change_settings
from app.services.context import Services
from app.services.create_store import create_store
from app.services.create_tenant import create_tenant
from app.services.delete_store import delete_store
from app.services.freeze_tenant import freeze_tenant, unfreeze_tenant
from app.services.pause_reconciling import pause_reconciling, unpause_reconciling
from app.services.rename_store import rename_store
from app.services.request_reconcile import request_reconcile
from app.services.restart_store import restart_store
from app.services.resume_store import resume_store
from app.services.reveal_credentials import reveal_credentials
from app.services.set_drift_mode import set_drift_mode
from app.services.snapshots import load_store
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests.factories import MERCHANT, OPERATOR, make_id, make_store, make_tenant, row_of, set_gone, set_row
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.renderer import ENGINE

Intent = Callable[[Services, StoreView], StoreView]


def whose(store: StoreView) -> dict[str, str]:
    return {"tenant_id": store.tenant_id, "store_id": store.id}


INTENTS: dict[str, Intent] = {
    "suspend": lambda services, store: suspend_store(services, MERCHANT, **whose(store)),
    "resume": lambda services, store: resume_store(services, MERCHANT, **whose(store)),
    "plan": lambda services, store: change_plan(services, MERCHANT, **whose(store), plan="standard"),
    "rename": lambda services, store: rename_store(services, MERCHANT, **whose(store), name="Bread & Butter"),
    "settings": lambda services, store: change_settings(services, MERCHANT, **whose(store), settings={"tagline": "Bread since 1903"}),
    "restart": lambda services, store: restart_store(services, MERCHANT, **whose(store)),
    "delete": lambda services, store: delete_store(services, MERCHANT, **whose(store)),
}
OTHERS: dict[str, Intent] = {
    "pause": lambda services, store: pause_reconciling(
        services, OPERATOR, **whose(store), until=services.clock.now().replace(year=2027), reason="maintenance"
    ),
    "unpause": lambda services, store: unpause_reconciling(services, OPERATOR, **whose(store)),
    "drift mode": lambda services, store: set_drift_mode(services, OPERATOR, **whose(store), mode=DriftMode.OBSERVE),
    "reconcile": lambda services, store: request_reconcile(services, OPERATOR, **whose(store)),
}


@pytest.fixture
def services(services: Services) -> Services:
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
    return services


def test_a_new_store_is_pending_due_and_opaque(services: Services, queue: FakeQueue) -> None:
    store = make_store(services, slug="bakery", name="The  Bakery")
    row = row_of(services, store.id)
    assert (store.phase, store.generation, store.observed_generation) == (Phase.PENDING, 1, 0)
    assert (store.name, store.host, store.url) == ("The Bakery", "bakery.localhost", "http://bakery.localhost")
    assert row.namespace == f"st-{store.id}"
    assert "bakery" not in row.namespace
    assert len(row.claim) == 32
    assert row.next_reconcile_at == services.clock.now()
    assert queue.wakes == [(store.id, True)]


def test_credentials_are_made_once_as_specified_and_never_stored_open(services: Services) -> None:
    one, two = make_store(services, slug="one-shop"), make_store(services, slug="two-shop")
    with services.sessions.platform("a worker loads") as session:
        loaded = [load_store(session, store.id, vault=services.vault, now=services.clock.now()) for store in (one, two)]
        sealed = session.scalars(select(Store.credentials)).all()
    secrets = [dict(store.snapshot.secrets) for store in loaded if store is not None]
    for values, store in zip(secrets, (one, two), strict=True):
        assert set(values) == {spec.name for spec in ENGINE.secrets}
        assert len(values["database_password"]) == 32
        assert len(values["jwt_secret"]) == 64
        int(values["jwt_secret"], 16)
        assert values["publishable_key"].startswith("pk_")
        assert values["admin_email"] == f"admin@{store.host}"
    assert secrets[0]["database_password"] != secrets[1]["database_password"]
    for raw in sealed:
        assert not any(value.encode() in raw for values in secrets for value in values.values())


@pytest.mark.parametrize("name", INTENTS)
def test_a_change_of_intent_counts_once_and_wakes(services: Services, queue: FakeQueue, clock: FakeClock, name: str) -> None:
    store = make_store(services)
    if name == "resume":
        suspend_store(services, MERCHANT, **whose(store))
    set_row(services, store.id, observed_generation=1, failure_count=3, crash_count=2, quarantined_at=clock.now(), next_reconcile_at=None)
    before, queue.wakes[:] = row_of(services, store.id), []
    clock.advance(100)
    view = INTENTS[name](services, store)
    row = row_of(services, store.id)
    assert view.generation == row.generation == before.generation + 1
    assert row.observed_generation == 1
    assert (row.failure_count, row.crash_count, row.quarantined_at) == (0, 0, None)
    assert row.provisioning_since == row.next_reconcile_at == clock.now()
    assert queue.wakes == [(store.id, True)]


@pytest.mark.parametrize("name", INTENTS)
def test_the_same_intent_again_changes_nothing(services: Services, queue: FakeQueue, name: str) -> None:
    store = make_store(services)
    if name == "resume":
        suspend_store(services, MERCHANT, **whose(store))
    first = INTENTS[name](services, store)
    queue.wakes.clear()
    entries = count_audit(services)
    assert INTENTS[name](services, store) == first
    assert queue.wakes == []
    assert count_audit(services) == entries


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_intent_leaves_the_generation_alone(services: Services, name: str) -> None:
    store = make_store(services)
    assert OTHERS[name](services, store).generation == 1


@pytest.mark.parametrize("name", [*INTENTS, *OTHERS])
def test_another_tenants_store_and_an_unknown_one_are_equally_unknown(services: Services, name: str) -> None:
    store, stranger = make_store(services), make_tenant(services)
    messages: list[str] = []
    for foreign in (replace(store, tenant_id=stranger.id), replace(store, id=make_id())):
        with pytest.raises(NotFound) as refused:
            (INTENTS | OTHERS)[name](services, foreign)
        messages.append(refused.value.message)
    assert messages[0] == messages[1]
    assert row_of(services, store.id).generation == 1


@pytest.mark.parametrize("name", [name for name in [*INTENTS, *OTHERS] if name not in ("delete", "reconcile")])
def test_f21_nothing_is_taken_for_a_store_that_is_to_be_deleted(services: Services, name: str) -> None:
    store = make_store(services)
    delete_store(services, MERCHANT, **whose(store))
    with pytest.raises(InvalidIntent) as refused:
        (INTENTS | OTHERS)[name](services, store)
    assert refused.value.data["rule"] == "not_deleted"
    assert row_of(services, store.id).desired_state is DesiredState.ABSENT
    set_gone(services, store.id)
    with pytest.raises(NotFound):
        (INTENTS | OTHERS)[name](services, store)


def test_f21_a_store_may_be_deleted_in_any_state(services: Services) -> None:
    for phase in Phase:
        store = make_store(services, tenant=None)
        set_row(services, store.id, phase=phase)
        assert delete_store(services, MERCHANT, **whose(store)).phase is Phase.DELETING, phase


def test_deleting_twice_and_deleting_what_is_gone_answers_the_same(services: Services) -> None:
    store = make_store(services)
    first = delete_store(services, MERCHANT, **whose(store))
    assert delete_store(services, MERCHANT, **whose(store)) == first
    set_gone(services, store.id)
    assert delete_store(services, MERCHANT, **whose(store)).phase is Phase.DELETED


def test_f11_the_slug_is_free_again_with_the_intent_to_delete(services: Services) -> None:
    tenant = make_tenant(services)
    first = make_store(services, tenant, "bakery")
    with pytest.raises(NameTaken):
        make_store(services, tenant, "bakery")
    delete_store(services, MERCHANT, **whose(first))
    second = make_store(services, tenant, "bakery")
    assert second.namespace != first.namespace
    assert second.host == f"bakery-{second.id[-6:]}.localhost"  # the first still holds its host: its ingress still stands
    assert second.phase is Phase.PENDING


def test_two_tenants_may_use_the_same_slug(services: Services) -> None:
    one, two = make_store(services, slug="bakery"), make_store(services, slug="bakery")
    assert one.host == "bakery.localhost"
    assert two.host == f"bakery-{two.id[-6:]}.localhost"


def test_concurrent_intents_come_one_after_the_other(services: Services) -> None:
    """Twenty renames to different names at once: each counts, none is lost."""
    store = make_store(services)
    threads = [
        threading.Thread(target=rename_store, args=(services, MERCHANT), kwargs={**whose(store), "name": f"Name {n}"}) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert row_of(services, store.id).generation == 21


def test_a_plan_may_grow_where_volumes_may(services: Services) -> None:
    store = make_store(services)
    assert change_plan(services, MERCHANT, **whose(store), plan="standard").plan == "standard"
    with pytest.raises(InvalidIntent) as refused:
        change_plan(services, MERCHANT, **whose(store), plan="starter")
    assert (refused.value.data["field"], refused.value.data["rule"]) == ("plan", "disk_shrinks")


def test_a_plan_with_a_larger_disk_is_refused_where_volumes_are_fixed(services: Services) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=False))
    store = make_store(services)
    with pytest.raises(InvalidIntent) as refused:
        change_plan(services, MERCHANT, **whose(store), plan="standard")
    assert refused.value.data["rule"] == "disk_fixed"
    assert row_of(services, store.id).plan == "starter"


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"slug": "Not A Slug"}, InvalidIntent, "slug"),
        ({"slug": "admin"}, InvalidIntent, "slug"),
        ({"plan": "huge"}, InvalidIntent, "plan"),
        ({"engine": "magento"}, UnknownEngine, "engine"),
        ({"release": "r99"}, UnknownEngine, "engine"),
        ({"name": "two\x00names"}, InvalidIntent, "name"),
        ({"name": "n" * 81}, InvalidIntent, "name"),
        ({"settings": {"theme": "dark"}}, InvalidIntent, "settings"),
        ({"settings": {"accent": "red"}}, InvalidIntent, "accent"),
        ({"settings": {"tagline": object()}}, InvalidIntent, "tagline"),
        ({"idempotency_key": ""}, InvalidIntent, "idempotency_key"),
        ({"idempotency_key": "k" * 256}, InvalidIntent, "idempotency_key"),
    ],
)
def test_a_refused_create_leaves_no_row(
    services: Services, queue: FakeQueue, wrong: dict[str, object], error: type[StoreyardError], field: str
) -> None:
    tenant = make_tenant(services)
    entries = count_audit(services)
    with pytest.raises(error) as refused:
        create_store(services, MERCHANT, **{"tenant_id": tenant.id, "slug": "bakery", **wrong})  # type: ignore[arg-type]
    assert refused.value.data["field"] == field
    with services.sessions.platform("a test looks") as session:
        assert session.scalar(select(func.count()).select_from(Store)) == 0
    assert count_audit(services) == entries
    assert queue.wakes == []


def test_an_unknown_tenant_gets_no_store(services: Services) -> None:
    with pytest.raises(NotFound):
        create_store(services, MERCHANT, tenant_id=make_id(), slug="bakery")


def test_a_frozen_tenant_gets_nothing_new_but_may_give_back(services: Services) -> None:
    tenant = make_tenant(services)
    running, sleeping = make_store(services, tenant), make_store(services, tenant)
    suspend_store(services, MERCHANT, **whose(sleeping))
    freeze_tenant(services, OPERATOR, tenant_id=tenant.id, reason="unpaid")
    for refused in (
        lambda: make_store(services, tenant),
        lambda: resume_store(services, MERCHANT, **whose(sleeping)),
        lambda: change_plan(services, MERCHANT, **whose(running), plan="standard"),
    ):
        with pytest.raises(Forbidden, match="unpaid"):
            refused()
    suspend_store(services, MERCHANT, **whose(running))
    delete_store(services, MERCHANT, **whose(sleeping))
    unfreeze_tenant(services, OPERATOR, tenant_id=tenant.id)
    resume_store(services, MERCHANT, **whose(running))


def test_a_tenants_slug_is_unique(services: Services) -> None:
    create_tenant(services, OPERATOR, slug="acme")
    with pytest.raises(NameTaken):
        create_tenant(services, OPERATOR, slug="acme")


def test_credentials_shown_are_the_merchants_own_and_hidden_from_logs(services: Services) -> None:
    store = make_store(services, slug="bakery")
    shown = reveal_credentials(services, MERCHANT, **whose(store))
    assert [name for name, _, _ in shown.entries] == ["admin_email", "admin_password"]
    assert shown.admin_url == "http://bakery.localhost/app"
    assert all(value not in repr(shown) for _, _, value in shown.entries)


def test_a_suspended_store_is_not_restarted(services: Services) -> None:
    store = make_store(services)
    suspend_store(services, MERCHANT, **whose(store))
    with pytest.raises(InvalidIntent, match="Resume it first, then restart it") as refused:
        restart_store(services, MERCHANT, **whose(store))
    assert refused.value.data["rule"] == "not_suspended"
    assert row_of(services, store.id).restarted_generation is None


def test_each_restart_that_was_carried_out_is_followed_by_another(services: Services) -> None:
    store = make_store(services)
    for generation in (2, 3):
        restart_store(services, MERCHANT, **whose(store), asked_of=generation - 1)
        assert row_of(services, store.id).restarted_generation == generation
        set_row(services, store.id, observed_generation=generation)
    with pytest.raises(Outdated):
        restart_store(services, MERCHANT, **whose(store), asked_of=2)


def test_quota_is_asked_before_a_plan_grows(services: Services) -> None:
    store = make_store(services)
    limited = replace(services, policy=replace(services.policy, tenant_quota=replace(services.policy.tenant_quota, disk=5)))
    with pytest.raises(QuotaExceeded):
        change_plan(limited, MERCHANT, **whose(store), plan="standard")
    assert row_of(services, store.id).generation == 1


def count_audit(services: Services) -> int:
    with services.sessions.platform("a test looks") as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0
