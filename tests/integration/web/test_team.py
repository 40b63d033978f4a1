"""The team's page: who is in it, who decides that, invites, and what the tenant uses of its limits."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.people import INVITE_TIME, Role
from app.domain.quotas import Amount
from app.domain.reserved import reserved_by
from app.domain.throttle import RULES, Throttled
from app.models import AuditEntry, Invite, Membership, Tenant, User
from app.services.act_as import act_as
from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.freeze_tenant import freeze_tenant
from app.services.invites import invite
from app.services.suspend_store import suspend_store
from tests.factories import OPERATOR, make_id, make_store, set_gone
from tests.fakes.clock import FakeClock
from tests.integration.accounts import HOME, PASSWORD, mailer, make_operator
from tests.integration.web.conftest import Signed, submit
from tests.integration.web.test_activity import claim, record_inventory, workload
from tests.integration.web.test_portal import make_ready


def roles(services: Services, tenant_id: str) -> dict[str, Role]:
    """By user id."""
    with services.sessions.platform("a test looks") as session:
        return dict(session.execute(select(Membership.user_id, Membership.role).where(Membership.tenant_id == tenant_id)).tuples().all())


def invites(services: Services) -> list[Invite]:
    with services.sessions.platform("a test looks") as session:
        return list(session.scalars(select(Invite).order_by(Invite.id)))


def audits(services: Services, tenant_id: str) -> list[str]:
    with services.sessions.platform("a test looks") as session:
        return list(session.scalars(select(AuditEntry.action).where(AuditEntry.tenant_id == tenant_id).order_by(AuditEntry.id)))


def link_of(answer: Any) -> str:
    """The link that the page shows, as a path."""
    found = re.search(r'<code id="invite-link">http://localhost:8000(/invites/[^<]+)</code>', answer.text)
    assert found, answer.text
    return found[1]


@pytest.fixture
def member(sign_in: Any, owner: Signed) -> Signed:
    return sign_in(Role.MEMBER, tenant=owner.tenant)


# People


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_who_is_no_owner_sees_the_team_without_controls(owner: Signed, sign_in: Any, services: Services, role: Role) -> None:
    invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email="otto@example.com", role=Role.MEMBER)
    reader = sign_in(role, tenant=owner.tenant)
    for htmx in (False, True):
        page = reader.get("/team", htmx=htmx).text
        assert owner.user.email in page
        assert "otto@example.com" not in page, "whom an owner invites is the owners' own"
        assert "Send invite" not in page
        assert "Save name" not in page
        assert "/team/members/" not in page
    assert "Use and limits" in reader.get("/team").text


def test_roles_hold_for_every_change(owner: Signed, sign_in: Any, services: Services) -> None:
    made = invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email="otto@example.com", role=Role.MEMBER)
    forms: dict[str, dict[str, str]] = {
        "/team/name": {"name": "Mine"},
        "/team/invites": {"email": "eve@example.com", "role": "owner"},
        f"/team/invites/{made.invite.id}/again": {},
        f"/team/invites/{made.invite.id}/revoke": {},
        f"/team/members/{owner.user.id}/role": {"role": "viewer"},
        f"/team/members/{owner.user.id}/remove": {},
    }
    for role in (Role.MEMBER, Role.VIEWER):
        reader = sign_in(role, tenant=owner.tenant)
        before = roles(services, owner.tenant.id)
        for path, form in forms.items():
            assert reader.post(path, form).status_code == 403, (role, path)
        own = f"/team/members/{reader.user.id}/role"
        assert reader.post(own, {"role": "owner"}).status_code == 403, "nobody makes themselves an owner"
        assert reader.get(f"/team/members/{owner.user.id}").status_code == 403
        assert roles(services, owner.tenant.id) == before
    assert [(row.email, row.role) for row in invites(services)] == [("otto@example.com", Role.MEMBER)]


def test_an_owner_changes_a_role_and_it_holds_at_once(owner: Signed, member: Signed, services: Services) -> None:
    path = f"/team/members/{member.user.id}"
    assert 'value="member" checked' in owner.get(path).text
    answer = owner.post(f"{path}/role", {"role": "viewer"})
    assert (answer.status_code, answer.location) == (303, "/team")
    assert roles(services, owner.tenant.id)[member.user.id] is Role.VIEWER
    assert member.get("/stores/new").status_code == 403
    assert audits(services, owner.tenant.id)[-1] == "member.role"
    number = len(audits(services, owner.tenant.id))
    assert owner.post(f"{path}/role", {"role": "viewer"}).status_code == 303
    assert len(audits(services, owner.tenant.id)) == number, "nothing to change is no entry"


@pytest.mark.parametrize("role", ["", "king", "OWNER"])
def test_a_role_that_is_none_is_said_beside_the_field(owner: Signed, member: Signed, services: Services, role: str) -> None:
    answer = owner.post(f"/team/members/{member.user.id}/role", {"role": role})
    assert (answer.status_code, 'id="role-error"' in answer.text) == (422, True)
    assert owner.post("/team/invites", {"email": "otto@example.com", "role": role}).status_code == 422
    assert roles(services, owner.tenant.id)[member.user.id] is Role.MEMBER
    assert invites(services) == []


def test_a_person_is_removed_and_sees_nothing_any_more(owner: Signed, member: Signed, services: Services) -> None:
    assert owner.post(f"/team/members/{member.user.id}/remove").status_code == 303
    assert member.user.id not in roles(services, owner.tenant.id)
    assert member.get("/stores").status_code == 303
    assert "is no longer in the team" in owner.get("/team").text
    assert owner.post(f"/team/members/{member.user.id}/remove").status_code == 404


def test_the_last_owner_stays_an_owner(owner: Signed, member: Signed, services: Services) -> None:
    path = f"/team/members/{owner.user.id}"
    assert "the only owner" in owner.get(path).text
    for action, form in ((f"{path}/role", {"role": "viewer"}), (f"{path}/remove", {}), ("/team/leave", {})):
        answer = owner.post(action, form)
        assert (answer.status_code, "Make another person an owner first" in answer.text) == (422, True), action
    assert roles(services, owner.tenant.id)[owner.user.id] is Role.OWNER
    assert owner.post(f"/team/members/{member.user.id}/role", {"role": "owner"}).status_code == 303
    assert owner.post("/team/leave").status_code == 303
    assert roles(services, owner.tenant.id) == {member.user.id: Role.OWNER}


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_everybody_else_may_leave(owner: Signed, sign_in: Any, services: Services, role: Role) -> None:
    reader = sign_in(role, tenant=owner.tenant)
    assert "Leave the team" in reader.get("/team/leave").text
    assert reader.post("/team/leave").location == "/"
    assert reader.user.id not in roles(services, owner.tenant.id)
    assert "You have left" in reader.get("/", follow_redirects=True).text
    assert reader.post("/team/leave").status_code == 303, "who is in no team is sent on"


def test_a_strangers_people_and_invites_are_not_found(owner: Signed, stranger: Signed, member: Signed, services: Services) -> None:
    made = invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email="otto@example.com", role=Role.MEMBER)
    before = roles(services, owner.tenant.id), roles(services, stranger.tenant.id)
    for user_id in (member.user.id, owner.user.id, make_id()):
        for path, form in (("role", {"role": "owner"}), ("role", {}), ("remove", {})):
            answer = stranger.post(f"/team/members/{user_id}/{path}", form)
            assert answer.status_code == 404, path
            assert "@example.com" not in answer.text, "nothing is learnt of a stranger"
        assert stranger.get(f"/team/members/{user_id}").status_code == 404
    for invite_id in (made.invite.id, make_id()):
        for path in ("again", "revoke"):
            answer = stranger.post(f"/team/invites/{invite_id}/{path}")
            assert (answer.status_code, "otto" in answer.text) == (404, False), path
    assert (roles(services, owner.tenant.id), roles(services, stranger.tenant.id)) == before
    assert [row.id for row in invites(services)] == [made.invite.id]
    assert member.user.email not in stranger.get("/team").text
    assert len(mailer(services).sent) == 1


def test_an_operator_who_acts_for_the_team_decides_and_is_named(owner: Signed, member: Signed, sign_in: Any, services: Services) -> None:
    staff = sign_in()
    make_operator(services, staff.user.email)
    act_as(services, HOME, _fresh(services, staff), tenant_id=owner.tenant.id, reason="asked for help")
    assert "Leave the team" not in staff.get("/team").text, "who only acts for it cannot leave"
    assert staff.post("/team/leave").status_code == 404
    assert staff.post(f"/team/members/{member.user.id}/role", {"role": "viewer"}).status_code == 303
    with services.sessions.platform("a test looks") as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "member.role").order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.actor_kind, entry.actor_name) == ("operator", f"Mia for {owner.tenant.slug}")


def _fresh(services: Services, signed: Signed) -> Any:
    return replace(signed.session, user=replace(signed.session.user, operator=True))


# Invites


def test_an_invite_is_mailed_shown_once_and_used_once(owner: Signed, web: Flask, services: Services) -> None:
    answer = owner.post("/team/invites", {"email": " Otto@Example.com ", "role": "member"})
    path = link_of(answer)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    sent = mailer(services).sent[-1]
    assert sent.to == "otto@example.com"
    assert path in sent.text
    page = owner.get("/team").text
    assert "otto@example.com" in page
    assert path not in page, "shown this once"
    guest = web.test_client()
    assert submit(guest, path, name="Otto", password=PASSWORD).status_code == 303
    assert web.test_client().get(path).status_code == 404, "used"
    assert list(roles(services, owner.tenant.id).values()).count(Role.MEMBER) == 1
    assert "Otto" in owner.get("/team").text
    assert invites(services) == []


def test_the_link_is_neither_in_a_label_nor_in_a_cookie(owner: Signed, web: Flask) -> None:
    answer = owner.post("/team/invites", {"email": "otto@example.com", "role": "viewer"}, htmx=True)
    path = link_of(answer)
    assert answer.text.lstrip().startswith('<section class="card" id="invites"')
    assert answer.text.count(path) == 1
    assert 'aria-label="Copy the invite link"' in answer.text
    assert path not in str(answer.headers)


def test_an_invite_again_has_another_link_and_another_week(owner: Signed, web: Flask, services: Services, clock: FakeClock) -> None:
    first = link_of(owner.post("/team/invites", {"email": "otto@example.com", "role": "viewer"}))
    clock.advance(INVITE_TIME.total_seconds() + 1)
    assert web.test_client().get(first).status_code == 404, "expired"
    assert "too old" in owner.get("/team").text
    (old,) = invites(services)
    second = link_of(owner.post(f"/team/invites/{old.id}/again"))
    (new,) = invites(services)
    assert (new.email, new.role, new.expires_at) == (old.email, old.role, clock.now() + INVITE_TIME)
    assert web.test_client().get(first).status_code == 404
    assert web.test_client().get(second).status_code == 200
    assert owner.post(f"/team/invites/{old.id}/again").status_code == 404


def test_an_invite_taken_back_is_void(owner: Signed, web: Flask, services: Services) -> None:
    path = link_of(owner.post("/team/invites", {"email": "otto@example.com", "role": "viewer"}))
    (row,) = invites(services)
    answer = owner.post(f"/team/invites/{row.id}/revoke", htmx=True)
    assert "no longer works" in answer.text
    assert "otto@example.com" not in answer.text
    assert web.test_client().get(path).status_code == 404
    assert owner.post(f"/team/invites/{row.id}/revoke").status_code == 404
    assert audits(services, owner.tenant.id)[-1] == "member.invite_revoke"


@pytest.mark.parametrize(
    ("email", "said", "reason"),
    [
        ("", "1 to 254", "nothing"),
        ("otto@", "is not an e-mail address", "no address"),
        ("<b>@example.com", "is not an e-mail address", "no address"),
        ("ME", "already", "somebody in the team"),
    ],
)
def test_a_refused_invite_keeps_what_was_typed(owner: Signed, services: Services, email: str, said: str, reason: str) -> None:
    email = owner.user.email.upper() if email == "ME" else email
    for htmx in (False, True):
        answer = owner.post("/team/invites", {"email": email, "role": "viewer"}, htmx=htmx)
        assert (answer.status_code, said in answer.text, 'id="email-error"' in answer.text) == (422, True, True), reason
        assert f'value="{email.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
        assert '<option value="viewer" selected>' in answer.text
    assert invites(services) == []


def test_too_many_invites_are_a_429_that_says_when_to_come_back(owner: Signed, services: Services) -> None:
    for number in range(RULES[Throttled.INVITE_TENANT].free):
        assert owner.post("/team/invites", {"email": f"otto-{number}@example.com", "role": "viewer"}).status_code == 200
    answer = owner.post("/team/invites", {"email": "one-more@example.com", "role": "viewer"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert 'value="one-more@example.com"' in answer.text


# Name, use and limits


def test_the_team_is_renamed_and_a_refused_name_is_kept(owner: Signed, services: Services) -> None:
    assert owner.post("/team/name", {"name": " Harbour  & Sons "}).status_code == 303
    assert "Harbour &amp; Sons" in owner.get("/team").text
    with services.sessions.platform("a test looks") as session:
        assert session.get_one(Tenant, owner.tenant.id).slug == owner.tenant.slug
    assert audits(services, owner.tenant.id)[-1] == "tenant.rename"
    number = len(audits(services, owner.tenant.id))
    assert owner.post("/team/name", {"name": "Harbour & Sons"}).status_code == 303
    refused = owner.post("/team/name", {"name": "x" * 81})
    assert (refused.status_code, 'id="name-error"' in refused.text, "x" * 81 in refused.text) == (422, True, True)
    assert len(audits(services, owner.tenant.id)) == number


def bars(page: str) -> dict[str, tuple[str, str, str]]:
    """By resource: state, use and limit, what is left."""
    form = r'<div class="usage meter-(\w+)">.*?<span class="strong">(\w+).*?<span class="small">(.*?)</span>.*?muted">(.*?)</p>'
    found = re.findall(form, page, re.DOTALL)
    return {title: (state, text, left) for state, title, text, left in found}


def test_use_is_shown_against_the_limits_and_by_store(owner: Signed, services: Services) -> None:
    make_store(services, owner.tenant, name="Harbour Linen")
    asleep = make_store(services, owner.tenant, name="Fjord Wool", plan="standard")
    gone = make_store(services, owner.tenant, name="Long Gone")
    suspend_store(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, store_id=asleep.id)
    set_gone_after_delete(services, owner, gone.id)
    change_quota(services, OPERATOR, tenant_id=owner.tenant.id, stores=2, cpu=800, memory=2048, disk=100, reason="Spring & summer")
    page = owner.get("/team").text
    assert bars(page) == {
        "Stores": ("over", "2 of 2 stores", "nothing left"),
        "CPU": ("near", "0.65 of 0.8 cores", "0.15 cores left"),
        "Memory": ("over", "2.6 GiB of 2 GiB", "640 MiB over the limit"),
        "Disk": ("ok", "30 of 100 GiB", "70 GiB left"),
    }
    assert "Spring &amp; summer" in page
    assert "Nothing is taken away from you" in page
    assert "<span>0.45 cores</span><span>1.8 GiB</span><span>25 GiB</span>" in page
    assert "Harbour Linen" in page
    assert "Long Gone" not in page


def set_gone_after_delete(services: Services, owner: Signed, store_id: str) -> None:
    delete_store(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, store_id=store_id)
    set_gone(services, store_id)


def test_a_frozen_team_is_told_so_and_invites_nobody(owner: Signed, services: Services) -> None:
    freeze_tenant(services, OPERATOR, tenant_id=owner.tenant.id, reason="Unpaid bills")
    page = owner.get("/team").text
    assert "<strong>Frozen:</strong> Unpaid bills." in page
    assert "Send invite" not in page
    answer = owner.post("/team/invites", {"email": "otto@example.com", "role": "viewer"})
    assert (answer.status_code, "Unpaid bills" in answer.text) == (403, True)
    assert invites(services) == []


# What a store holds of its plan


def test_a_store_page_shows_what_is_reserved_by_part(owner: Signed, services: Services) -> None:
    store = make_ready(services, make_store(services, owner.tenant))
    assert "Nothing has been set aside yet" in owner.get(f"/stores/{store.id}").text, "no figure is made up"
    record_inventory(services, store)
    page = owner.get(f"/stores/{store.id}").text
    for text in ("0.2 of 0.2 cores", "896 MiB of 896 MiB", "5 GiB of 5 GiB", "Shop server", "512 MiB"):
        assert text in page, text
    record_inventory(services, store, replicas=0)
    asleep = owner.get(f"/stores/{store.id}").text
    assert "0 of 0.2 cores" in asleep
    assert "5 GiB of 5 GiB" in asleep, "the disk stays"


def test_what_objects_hold_is_counted_as_a_plan_counts() -> None:
    twice = workload("Deployment", "backend", "100m", "512Mi", 2)
    foreign = {"kind": "Deployment", "metadata": {"name": "x"}, "spec": twice["spec"]}
    bare = {"kind": "StatefulSet", "metadata": {"labels": {"app.kubernetes.io/component": "database"}}, "spec": {"template": {"spec": {}}}}
    held = reserved_by([twice, foreign, bare, claim("media", "backend", "1Gi"), {"kind": "Secret", "metadata": twice["metadata"]}])
    assert held == {"backend": Amount(cpu=200, memory=1024, disk=1), "database": Amount()}


def test_names_in_the_team_are_text_and_no_markup(owner: Signed, member: Signed, services: Services) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.get_one(User, member.user.id).name = "<b>Eve</b>"
    for path in ("/team", f"/team/members/{member.user.id}", "/activity"):
        assert "<b>Eve" not in owner.get(path).text, path
