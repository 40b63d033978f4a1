"""The audit: every use case leaves an entry with its deed, no secret is in it, and nobody rewrites it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import ProgrammingError

import app.services
from app.domain.actors import Actor, ActorKind
from app.domain.errors import Forbidden
from app.domain.people import Role
from app.domain.stores import DriftMode
from app.models import AuditEntry, Base, ClusterRow, Store
from app.services import intents
from app.services.change_plan import change_plan
from app.services.change_quota import change_quota
from app.services.change_quotas import change_quotas
from app.services.change_role import change_role
from app.services.change_settings import change_settings
from app.services.context import Services
from app.services.create_store import create_store
from app.services.create_tenant import create_tenant
from app.services.create_user import create_user
from app.services.delete_store import delete_store
from app.services.freeze_tenant import freeze_tenant, unfreeze_tenant
from app.services.invites import invite, invite_again, list_invites, revoke_invite
from app.services.pause_reconciling import pause_platform, pause_reconciling, unpause_platform, unpause_reconciling
from app.services.queries import audit_entries
from app.services.rename_store import rename_store
from app.services.rename_tenant import rename_tenant
from app.services.request_reconcile import request_reconcile
from app.services.restart_store import restart_store
from app.services.resume_store import resume_store
from app.services.retention import retention
from app.services.reveal_credentials import reveal_credentials
from app.services.rotate_credentials import rotate_credentials
from app.services.set_drift_mode import set_drift_mode, set_platform_drift_mode
from app.services.set_password import set_password
from app.services.suspend_store import suspend_store
from app.services.switches import switch
from tests.factories import MERCHANT, OPERATOR, make_store, make_tenant, make_user, set_gone, set_row
from tests.fakes.clock import FakeClock


@pytest.fixture
def services(services: Services) -> Services:
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
    return services


def deeds(services: Services, clock: FakeClock) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every changing use case, in an order in which each has something to change: (action, deed)."""
    tenant = make_tenant(services)
    store = make_store(services, tenant)
    user = make_user(services)
    whose = {"tenant_id": tenant.id, "store_id": store.id}
    until = clock.now().replace(year=2030)
    yield "tenant.create", lambda: create_tenant(services, MERCHANT, slug="newcomer")
    yield "store.create", lambda: create_store(services, MERCHANT, tenant_id=tenant.id, slug="bakery")
    yield "store.suspend", lambda: suspend_store(services, MERCHANT, **whose)
    yield "store.resume", lambda: resume_store(services, MERCHANT, **whose)
    yield "store.plan", lambda: change_plan(services, MERCHANT, **whose, plan="standard")
    yield "store.rename", lambda: rename_store(services, MERCHANT, **whose, name="Bread")
    yield "store.settings", lambda: change_settings(services, MERCHANT, **whose, settings={"initial": "B"})
    yield "store.restart", lambda: restart_store(services, MERCHANT, **whose)
    set_row(services, store.id, ever_ready=True, first_ready_at=clock.now())
    yield "store.rotate_credentials", lambda: rotate_credentials(services, MERCHANT, **whose)
    yield "store.credentials", lambda: reveal_credentials(services, MERCHANT, **whose)
    yield "store.pause", lambda: pause_reconciling(services, MERCHANT, **whose, until=until, reason="moving")
    yield "store.unpause", lambda: unpause_reconciling(services, MERCHANT, **whose)
    yield "store.drift_mode", lambda: set_drift_mode(services, MERCHANT, **whose, mode=DriftMode.OBSERVE)
    set_row(services, store.id, failure_count=3)
    yield "store.reconcile", lambda: request_reconcile(services, MERCHANT, **whose)
    yield "store.delete", lambda: delete_store(services, MERCHANT, **whose)
    yield "quota.change", lambda: change_quota(services, OPERATOR, tenant_id=tenant.id, stores=9, reason="asked for")
    yield "quota.change", lambda: change_quota(services, OPERATOR, tenant_id=None, stores=9, reason="full")
    yield "quota.change", lambda: change_quotas(services, OPERATOR, tenant_ids=[tenant.id], limits={"disk": 900}, reason="asked for")
    yield "tenant.freeze", lambda: freeze_tenant(services, OPERATOR, tenant_id=tenant.id, reason="unpaid")
    yield "tenant.unfreeze", lambda: unfreeze_tenant(services, OPERATOR, tenant_id=tenant.id)
    yield "user.create", lambda: create_user(services, OPERATOR, email="newcomer@example.com")
    yield "user.password", lambda: set_password(services, OPERATOR, user_id=user.id)
    yield "member.role", lambda: change_role(services, OPERATOR, tenant_id=tenant.id, user_id=user.id, role=Role.MEMBER)
    yield "member.invite", lambda: invite(services, OPERATOR, tenant_id=tenant.id, email="otto@example.com", role=Role.VIEWER)
    yield "member.invite", lambda: invite_again(services, OPERATOR, tenant_id=tenant.id, invite_id=invited(services, tenant.id))
    yield "member.invite_revoke", lambda: revoke_invite(services, OPERATOR, tenant_id=tenant.id, invite_id=invited(services, tenant.id))
    yield "tenant.rename", lambda: rename_tenant(services, OPERATOR, tenant_id=tenant.id, name="Another name")
    yield "platform.pause", lambda: pause_platform(services, OPERATOR, until=until, reason="upgrade")
    yield "platform.unpause", lambda: unpause_platform(services, OPERATOR)
    yield "platform.drift_mode", lambda: set_platform_drift_mode(services, OPERATOR, mode=DriftMode.OFF)
    yield "platform.no_new_stores", lambda: switch(services, OPERATOR, name="no_new_stores", reason="full")
    set_gone(services, store.id)
    clock.advance(days=60)
    yield "platform.retention", lambda: retention(services, OPERATOR)


def invited(services: Services, tenant_id: str) -> str:
    return list_invites(services, tenant_id=tenant_id)[0].id


def use_cases() -> set[str]:
    """All functions of app.services that take (services, actor, …): those that somebody asks for."""
    found: set[str] = set()
    for info in pkgutil.iter_modules(app.services.__path__):
        module = importlib.import_module(f"app.services.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and list(inspect.signature(function).parameters)[:2] == ["services", "actor"]:
                found.add(name)
    return found


def test_every_use_case_leaves_an_entry_that_names_actor_target_and_change(services: Services, clock: FakeClock) -> None:
    done: set[str] = set()
    for action, deed in deeds(services, clock):
        before = {entry.id for entry in audit_entries(services)}
        deed()
        fresh = [entry for entry in audit_entries(services) if entry.id not in before]
        assert [entry.action for entry in fresh] == [action]
        entry = fresh[0]
        actor = MERCHANT if entry.actor_kind == "user" else OPERATOR
        assert (entry.actor_id, entry.actor_name, entry.actor_ip, entry.request_id) == (actor.id, actor.name, actor.ip, "test"), action
        assert entry.at == clock.now(), action
        assert entry.target_id, action
        assert entry.after, action
        assert entry.before != entry.after, action
        assert (entry.tenant_id is None) == (entry.target_type in ("platform", "user")), action
        done.add(deed.__code__.co_names[0])
    assert done == use_cases()  # a new use case must be added to the deeds above


@pytest.mark.parametrize("position", range(28))
def test_a_deed_that_fails_after_its_entry_leaves_neither(services: Services, clock: FakeClock, position: int) -> None:
    """The entry is written in the transaction of the deed: with the commit refused, both are gone."""
    for number, (action, deed) in enumerate(deeds(services, clock)):
        if number < position:
            deed()
            continue
        if action == "platform.retention":
            return  # removes in transactions of its own, and then says so
        before, rows = audit_entries(services, limit=1000), state(services)
        event.listen(services.sessions.engine, "commit", refuse)
        try:
            with pytest.raises(ConnectionError):
                deed()
        finally:
            event.remove(services.sessions.engine, "commit", refuse)
        assert audit_entries(services, limit=1000) == before, action
        assert state(services) == rows, action
        return


def refuse(_connection: object) -> None:
    raise ConnectionError("the database went away")


def state(services: Services) -> list[object]:
    """All that use cases may change, as text."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "audit"]
    with services.sessions.platform("a test looks") as session:
        return [sorted(map(str, session.execute(select(table)).all())) for table in tables]


def test_no_secret_reaches_the_audit(services: Services, clock: FakeClock) -> None:
    secrets: set[str] = set()
    for _, deed in deeds(services, clock):
        with services.sessions.platform("a test looks") as session:
            for key_id, sealed in session.execute(select(Store.credentials_key_id, Store.credentials)).tuples():
                secrets |= {value for name, value in services.vault.open(key_id, sealed).items() if name != "admin_email"}
        deed()
    assert len(secrets) >= 8
    entries = str(audit_entries(services, limit=1000))
    assert not any(secret in entries for secret in secrets)


def test_the_audit_is_append_only(services: Services) -> None:
    make_store(services)
    for statement in ("UPDATE audit SET actor_name = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(ProgrammingError, match="append-only"), services.sessions.platform("an intruder") as session:
            session.execute(text(statement))
    with services.sessions.platform("an intruder") as session:
        session.execute(select(func.set_config("storeyard.retention", "on", True)))
        with pytest.raises(ProgrammingError, match="append-only"):
            session.execute(text("UPDATE audit SET actor_name = 'nobody'"))
        session.rollback()
    assert len(audit_entries(services)) == 2


@pytest.mark.parametrize("kind", [ActorKind.USER, ActorKind.TOKEN])
def test_what_is_the_operators_is_refused_to_others(services: Services, clock: FakeClock, kind: ActorKind) -> None:
    tenant = make_tenant(services)
    actor = Actor(kind, "01x", "Somebody")
    until = clock.now().replace(year=2030)
    for deed in (
        lambda: change_quota(services, actor, tenant_id=tenant.id, stores=999, reason="please"),
        lambda: change_quota(services, actor, tenant_id=None, stores=999, reason="please"),
        lambda: freeze_tenant(services, actor, tenant_id=tenant.id, reason="revenge"),
        lambda: unfreeze_tenant(services, actor, tenant_id=tenant.id),
        lambda: pause_platform(services, actor, until=until, reason="fun"),
        lambda: unpause_platform(services, actor),
        lambda: set_platform_drift_mode(services, actor, mode=DriftMode.OFF),
    ):
        entries = len(audit_entries(services))
        with pytest.raises(Forbidden):
            deed()
        assert len(audit_entries(services)) == entries


def test_a_tenant_reads_its_own_entries_only(services: Services) -> None:
    mine, other = make_store(services), make_store(services)
    entries = audit_entries(services, tenant_id=mine.tenant_id)
    assert {entry.tenant_id for entry in entries} == {mine.tenant_id}
    assert audit_entries(services, tenant_id=mine.tenant_id, target_id=other.id) == ()


def test_entries_are_read_page_by_page(services: Services) -> None:
    for _ in range(4):
        make_tenant(services)
    with services.sessions.platform("a test looks") as session:
        ids = session.scalars(select(AuditEntry.id).order_by(AuditEntry.id.desc())).all()
    first = audit_entries(services, limit=3)
    assert [entry.id for entry in (*first, *audit_entries(services, limit=3, before=first[-1].id))] == ids


def test_a_reason_is_asked_for() -> None:
    assert intents.check_reason("  because ") == "because"
