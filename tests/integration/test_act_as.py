"""For which tenant a session speaks: the person's own, or for an operator another's, on purpose and for a while."""

from __future__ import annotations

import pytest

from app.domain.actors import ActorKind
from app.domain.errors import Forbidden, InvalidIntent, NotFound
from app.domain.people import ACTING_LONGEST, Role
from app.models import User
from app.services.account_views import LoggedIn
from app.services.act_as import act_as, stop_acting
from app.services.auth_sessions import log_out
from app.services.change_role import change_role
from app.services.context import Services
from app.services.create_store import create_store
from app.services.switch_tenant import my_tenants, switch_tenant
from app.services.views import TenantView
from tests.factories import OPERATOR, make_id, make_tenant
from tests.fakes.clock import FakeClock
from tests.integration.accounts import HOME, again, audit_of, make_operator, mia, now_of, refusal


@pytest.fixture
def olga(services: Services) -> LoggedIn:
    mia(services, "olga@example.com", "Olga's own")
    make_operator(services, "olga@example.com")
    return again(services, "olga@example.com")


@pytest.fixture
def acme(services: Services) -> TenantView:
    return make_tenant(services, "acme")


def test_a_person_sees_their_tenants_and_switches_between_them(services: Services, acme: TenantView) -> None:
    made = mia(services)
    own = made.session.tenant
    assert own
    with pytest.raises(NotFound):
        switch_tenant(services, made.session, tenant_id=acme.id)
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=made.session.user.id, role=Role.VIEWER)
    assert [(mine.tenant, mine.role, mine.current) for mine in my_tenants(services, made.session)] == [
        (acme, Role.VIEWER, False),
        (own, Role.OWNER, True),
    ]
    elsewhere = again(services)
    session = switch_tenant(services, made.session, tenant_id=acme.id)
    assert (session.tenant, session.role) == (acme, Role.VIEWER)
    assert now_of(services, made) == session
    assert now_of(services, elsewhere).tenant == own, "another browser shows what it showed"
    for stranger in (make_id(), make_tenant(services).id):
        with pytest.raises(NotFound):
            switch_tenant(services, session, tenant_id=stranger)
    assert [mine.current for mine in my_tenants(services, session)] == [True, False]


def test_an_operator_sees_no_tenant_but_their_own_until_they_act_for_one(services: Services, olga: LoggedIn, acme: TenantView) -> None:
    assert [mine.tenant.name for mine in my_tenants(services, olga.session)] == ["Olga's own"]
    with pytest.raises(NotFound):
        switch_tenant(services, olga.session, tenant_id=acme.id)
    assert olga.session.actor(HOME).kind is ActorKind.USER
    assert olga.session.operator(HOME).kind is ActorKind.OPERATOR


def test_acting_is_for_a_reason_and_all_that_is_done_names_both(
    services: Services, clock: FakeClock, olga: LoggedIn, acme: TenantView
) -> None:
    session = act_as(services, HOME, olga.session, tenant_id=acme.id, reason=" ticket 7 ")
    assert now_of(services, olga) == session
    assert session.acting
    assert (session.tenant, session.role, session.acting.tenant, session.acting.reason) == (acme, Role.OWNER, acme, "ticket 7")
    assert (session.acting.since, session.acting.until) == (clock.now(), clock.now() + ACTING_LONGEST)
    create_store(services, session.actor(HOME), tenant_id=acme.id, slug="shop-of-acme")
    (begun,), (made,) = audit_of(services, "tenant.act_as"), audit_of(services, "store.create")
    assert (begun.tenant_id, begun.actor_kind, begun.actor_id, begun.actor_name) == (
        acme.id, ActorKind.OPERATOR, olga.session.user.id, "Mia",
    )  # fmt: skip
    assert begun.after
    assert (begun.after["operator"], begun.after["reason"]) == ("olga@example.com", "ticket 7")
    assert (made.tenant_id, made.actor_kind, made.actor_id, made.actor_name) == (
        acme.id, ActorKind.OPERATOR, olga.session.user.id, "Mia for acme",
    )  # fmt: skip
    clock.advance(60)
    ended = stop_acting(services, HOME, session)
    assert ended.acting is None
    assert ended.tenant == olga.session.tenant
    (end,) = audit_of(services, "tenant.act_as_end")
    assert (end.tenant_id, end.actor_id) == (acme.id, olga.session.user.id)
    stop_acting(services, HOME, ended)
    assert len(audit_of(services, "tenant.act_as_end")) == 1


def test_acting_for_another_ends_the_former(services: Services, olga: LoggedIn, acme: TenantView) -> None:
    other = make_tenant(services, "other")
    session = act_as(services, HOME, olga.session, tenant_id=acme.id, reason="one")
    assert act_as(services, HOME, session, tenant_id=other.id, reason="two").tenant == other
    assert [entry.tenant_id for entry in audit_of(services, "tenant.act_as_end")] == [acme.id]


def test_acting_ends_by_itself_and_in_one_browser_only(services: Services, clock: FakeClock, olga: LoggedIn, acme: TenantView) -> None:
    elsewhere = again(services, "olga@example.com")
    act_as(services, HOME, olga.session, tenant_id=acme.id, reason="ticket 7")
    assert now_of(services, elsewhere).acting is None
    clock.advance(ACTING_LONGEST.total_seconds() - 1)
    assert now_of(services, olga).tenant == acme
    clock.advance(1)
    session = now_of(services, olga)
    assert (session.acting, session.tenant) == (None, olga.session.tenant)


def test_an_operator_who_is_none_any_more_acts_for_nobody(services: Services, olga: LoggedIn, acme: TenantView) -> None:
    act_as(services, HOME, olga.session, tenant_id=acme.id, reason="ticket 7")
    with services.sessions.platform("a test sets the scene") as session:
        session.get_one(User, olga.session.user.id).is_operator = False
    assert now_of(services, olga).tenant == olga.session.tenant


def test_a_merchant_acts_for_nobody(services: Services, acme: TenantView) -> None:
    made = mia(services)
    with pytest.raises(Forbidden):
        act_as(services, HOME, made.session, tenant_id=acme.id, reason="curious")
    assert now_of(services, made).tenant == made.session.tenant
    assert audit_of(services, "tenant.act_as") == []


def test_acting_needs_a_reason_a_tenant_and_a_session(services: Services, olga: LoggedIn, acme: TenantView) -> None:
    with pytest.raises(InvalidIntent) as refused:
        act_as(services, HOME, olga.session, tenant_id=acme.id, reason="  ")
    assert refusal(refused) == ("reason", "length")
    with pytest.raises(NotFound):
        act_as(services, HOME, olga.session, tenant_id=make_id(), reason="ticket 7")
    log_out(services, olga.session)
    with pytest.raises(NotFound):
        act_as(services, HOME, olga.session, tenant_id=acme.id, reason="ticket 7")
    assert audit_of(services, "tenant.act_as") == []
