"""Invitations: from an owner to an address, once, for a week; accepted as a new person or as the one with that address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import select

from app.domain.errors import Forbidden, InvalidIntent, LinkInvalid, NameTaken, NotFound, TooManyAttempts
from app.domain.people import INVITE_TIME, Portal, Role
from app.domain.throttle import RULES, Throttled
from app.models import AuthSession, Invite, Membership, User
from app.services.accept_invite import accept_as_new, accept_invite, find_invite
from app.services.account_views import CurrentSession, LoggedIn
from app.services.change_role import change_role
from app.services.context import Services
from app.services.freeze_tenant import freeze_tenant
from app.services.invites import invite, list_invites, revoke_invite
from app.services.leave_tenant import leave_tenant
from app.services.user_queries import list_users
from tests.factories import OPERATOR, make_id
from tests.fakes.clock import FakeClock
from tests.integration.accounts import AWAY, HOME, PASSWORD, audit_of, count, found, mailer, mia, now_of, refusal


def tenant_of(session: CurrentSession) -> str:
    assert session.tenant
    return session.tenant.id


def ask(services: Services, owner: LoggedIn, email: str = "otto@example.com", role: Role = Role.MEMBER) -> str:
    made = invite(services, owner.session.actor(HOME), tenant_id=tenant_of(owner.session), email=email, role=role)
    token = mailer(services).last_token()
    assert made.link == f"http://localhost:8000/invites/{token}"
    assert token not in repr(made)
    return token


def join(services: Services, token: str) -> LoggedIn:
    return accept_as_new(services, AWAY, token=token, name="Otto", password=PASSWORD)


def roles(services: Services, tenant_id: str) -> dict[str, Role]:
    return {user.email: user.memberships[0].role for user in list_users(services, tenant_id=tenant_id)}


def test_a_new_person_takes_the_place_with_name_and_password(services: Services) -> None:
    owner = mia(services)
    token = ask(services, owner, " Otto@Example.com ")
    mail = mailer(services).sent[-1]
    assert (mail.to, mail.subject) == ("otto@example.com", "Mia invites you to Mia's Bakery on Storeyard")
    offer = find_invite(services, token)
    assert (offer.tenant, offer.email, offer.role, offer.invited_by, offer.has_account) == (
        owner.session.tenant, "otto@example.com", Role.MEMBER, "Mia", False,
    )  # fmt: skip
    made = join(services, token)
    session = now_of(services, made)
    assert (session.user.email, session.user.name, session.tenant, session.role) == (
        "otto@example.com", "Otto", owner.session.tenant, Role.MEMBER,
    )  # fmt: skip
    assert list_invites(services, tenant_id=tenant_of(session)) == ()
    with pytest.raises(LinkInvalid):
        find_invite(services, token)
    (given,) = audit_of(services, "member.invite")
    assert (given.tenant_id, given.after) == (tenant_of(session), {"email": "otto@example.com", "role": "member"})
    assert audit_of(services, "member.role")[-1].actor_id == session.user.id


def test_an_invitation_is_a_way_in_where_sign_ups_are_off(services: Services) -> None:
    token = ask(services, mia(services))
    assert join(replace(services, portal=Portal(sign_ups=False)), token)


def test_who_has_an_account_accepts_with_it_and_with_no_other(services: Services) -> None:
    owner, otto, eve = mia(services), mia(services, "otto@example.com", "Otto"), mia(services, "eve@example.com", "Eve")
    token = ask(services, owner)
    assert find_invite(services, token).has_account
    with pytest.raises(NameTaken) as taken:
        join(services, token)
    assert taken.value.data["field"] == "email"
    with pytest.raises(Forbidden):
        accept_invite(services, HOME, eve.session, token=token)
    session = accept_invite(services, HOME, otto.session, token=token)
    assert (session, session.tenant, session.role) == (now_of(services, otto), owner.session.tenant, Role.MEMBER)
    assert roles(services, tenant_of(session)) == {"mia@example.com": Role.OWNER, "otto@example.com": Role.MEMBER}
    with pytest.raises(LinkInvalid):
        accept_invite(services, HOME, otto.session, token=token)


def test_a_member_is_told_that_they_are_one(services: Services) -> None:
    owner, otto = mia(services), mia(services, "otto@example.com", "Otto")
    with pytest.raises(InvalidIntent) as refused:
        ask(services, owner, "MIA@example.com")
    assert refusal(refused) == ("email", "already_member")
    token = ask(services, owner)
    change_role(services, OPERATOR, tenant_id=tenant_of(owner.session), user_id=otto.session.user.id, role=Role.VIEWER)
    with pytest.raises(InvalidIntent) as refused:
        accept_invite(services, HOME, otto.session, token=token)
    assert refusal(refused) == ("invite", "already_member")
    assert roles(services, tenant_of(owner.session))["otto@example.com"] is Role.VIEWER


def test_only_an_owner_or_an_operator_invites_and_takes_back(services: Services) -> None:
    owner = mia(services)
    member = join(services, ask(services, owner))
    eve = mia(services, "eve@example.com", "Eve")
    token, tenant_id = ask(services, owner, "anna@example.com"), tenant_of(owner.session)
    (open_,) = list_invites(services, tenant_id=tenant_id)
    for who in (member, eve):
        actor = who.session.actor(HOME)
        with pytest.raises(Forbidden):
            invite(services, actor, tenant_id=tenant_id, email="anna@example.com", role=Role.OWNER)
        with pytest.raises(Forbidden):
            revoke_invite(services, actor, tenant_id=tenant_id, invite_id=open_.id)
    with pytest.raises(NotFound):
        revoke_invite(services, eve.session.actor(HOME), tenant_id=tenant_of(eve.session), invite_id=open_.id)
    assert find_invite(services, token).role is Role.MEMBER
    revoke_invite(services, OPERATOR, tenant_id=tenant_id, invite_id=open_.id)
    with pytest.raises(LinkInvalid):
        join(services, token)
    with pytest.raises(NotFound):
        revoke_invite(services, OPERATOR, tenant_id=tenant_id, invite_id=open_.id)
    assert count(services, User) == 3
    assert audit_of(services, "member.invite_revoke")[0].before == {"email": "anna@example.com", "role": "member"}


def test_a_second_invitation_takes_the_place_of_the_first(services: Services) -> None:
    owner = mia(services)
    first, second = ask(services, owner), ask(services, owner, role=Role.VIEWER)
    with pytest.raises(LinkInvalid):
        find_invite(services, first)
    assert join(services, second).session.role is Role.VIEWER


def test_an_invitation_is_open_for_a_week_and_then_shown_as_too_old(services: Services, clock: FakeClock) -> None:
    owner = mia(services)
    token = ask(services, owner)
    clock.advance(INVITE_TIME.total_seconds() - 1)
    assert find_invite(services, token)
    clock.advance(1)
    with pytest.raises(LinkInvalid):
        join(services, token)
    assert [view.expired for view in list_invites(services, tenant_id=tenant_of(owner.session))] == [True]


def test_of_many_who_accept_at_once_one_does_and_nothing_of_the_others_stays(services: Services) -> None:
    token, barrier = ask(services, mia(services)), Barrier(6)

    def accept(_: int) -> bool:
        barrier.wait()
        try:
            join(services, token)
        except (LinkInvalid, NameTaken):
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(accept, range(6))) == 1
    assert [count(services, table) for table in (User, Membership, AuthSession, Invite)] == [2, 2, 2, 0]


@pytest.mark.parametrize(("name", "password", "field"), [(" ", PASSWORD, "name"), ("Otto", "short", "password")])
def test_a_wrong_field_is_named_and_the_invitation_stays(services: Services, name: str, password: str, field: str) -> None:
    token = ask(services, mia(services))
    with pytest.raises(InvalidIntent) as refused:
        accept_as_new(services, AWAY, token=token, name=name, password=password)
    assert refusal(refused) == (field, "length")
    assert find_invite(services, token)


def test_a_frozen_tenant_invites_nobody(services: Services) -> None:
    owner = mia(services)
    freeze_tenant(services, OPERATOR, tenant_id=tenant_of(owner.session), reason="unpaid")
    with pytest.raises(Forbidden):
        ask(services, owner)
    assert mailer(services).sent == []


def test_a_tenant_cannot_be_used_to_send_mail_without_end(services: Services) -> None:
    owner = mia(services)
    free = RULES[Throttled.INVITE_TENANT].free
    for number in range(free):
        ask(services, owner, f"user{number}@example.com")
    with pytest.raises(TooManyAttempts):
        ask(services, owner, "one-more@example.com")
    assert len(mailer(services).sent) == len(list_invites(services, tenant_id=tenant_of(owner.session))) == free


def test_a_name_cannot_write_a_header(services: Services) -> None:
    owner = mia(services)
    ask(services, owner)
    assert "\n" not in mailer(services).sent[-1].subject


def test_a_member_leaves_and_the_last_owner_stays(services: Services) -> None:
    owner = mia(services)
    member = join(services, ask(services, owner))
    tenant_id = tenant_of(owner.session)
    with pytest.raises(InvalidIntent) as refused:
        leave_tenant(services, HOME, owner.session, tenant_id=tenant_id)
    assert refusal(refused) == ("role", "last_owner")
    with pytest.raises(Forbidden):
        change_role(services, member.session.actor(HOME), tenant_id=tenant_id, user_id=owner.session.user.id, role=None)
    with pytest.raises(Forbidden):
        change_role(services, member.session.actor(HOME), tenant_id=tenant_id, user_id=member.session.user.id, role=Role.OWNER)
    leave_tenant(services, HOME, member.session, tenant_id=tenant_id)
    assert roles(services, tenant_id) == {"mia@example.com": Role.OWNER}
    assert now_of(services, member).tenant is None
    for unknown in (tenant_id, make_id()):
        with pytest.raises(NotFound):
            leave_tenant(services, HOME, member.session, tenant_id=unknown)
    assert found(services, owner)


def test_the_database_holds_no_link(services: Services) -> None:
    token = ask(services, mia(services))
    with services.sessions.platform("a test looks") as session:
        hashed = session.scalars(select(Invite.token_hash)).one()
    for wrong in (hashed.hex(), "", token[:-1], "\x00"):
        with pytest.raises(LinkInvalid):
            find_invite(services, wrong)
