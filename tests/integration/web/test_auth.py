"""Accounts through their pages: signing up, in and out, passwords, invites, sessions, and for which tenant one works."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from flask import Flask
from flask.testing import FlaskClient

from app.domain.people import Portal, Role
from app.factory import create_portal
from app.services.context import Services
from app.services.invites import invite
from tests.factories import make_tenant
from tests.integration.accounts import HOME, PASSWORD, mailer, mia
from tests.integration.web.conftest import Signed, csrf_of, submit

ACCOUNT = {"shop": "Mia's Bakery", "name": "Mia", "email": "mia@example.com", "password": PASSWORD}


def sign_up(client: FlaskClient, **changed: str) -> None:
    assert submit(client, "/signup", **{**ACCOUNT, **changed}).status_code == 303


def link_in_mail(services: Services) -> str:
    found = re.search(r"http://localhost:8000(/\S+)", mailer(services).sent[-1].text)
    assert found
    return found[1]


def test_who_signs_up_is_logged_in_and_greeted(client: FlaskClient) -> None:
    sign_up(client)
    page = client.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert "Welcome to Mia&#39;s Bakery" in page.text
    assert "mia@example.com" in client.get("/account").text


def test_a_form_that_is_refused_keeps_what_was_typed_and_names_the_rule_beside_the_field(client: FlaskClient) -> None:
    page = submit(client, "/signup", **{**ACCOUNT, "email": "mia@", "name": "M <b>"})
    assert page.status_code == 422
    assert 'value="M &lt;b&gt;"' in page.text
    assert 'id="email-error"' in page.text
    assert 'aria-describedby="email-error"' in page.text
    assert 'aria-invalid="true"' in page.text
    page = submit(client, "/signup", **{**ACCOUNT, "password": "short"})
    assert "12 to 128 characters" in page.text
    assert "short" not in page.text.replace("This one is short", "")


def test_an_address_that_has_an_account_is_refused_beside_its_field(client: FlaskClient, services: Services) -> None:
    mia(services)
    page = submit(client, "/signup", **ACCOUNT)
    assert page.status_code == 422
    assert 'id="email-error"' in page.text


def test_a_log_in_needs_the_right_password_and_leads_back_to_the_page_asked_for(client: FlaskClient, services: Services) -> None:
    mia(services)
    asked = client.get("/account?tab=1")
    assert asked.headers["Location"] == "/login?next=/account?tab%3D1"
    page = submit(client, "/login", email="mia@example.com", password="not the password", next="/account?tab=1")
    assert page.status_code == 422
    assert "e-mail address or the password is wrong" in page.text
    assert 'value="mia@example.com"' in page.text
    assert "not the password" not in page.text
    done = submit(client, "/login", email="mia@example.com", password=PASSWORD, next="/account?tab=1")
    assert (done.status_code, done.headers["Location"]) == (303, "/account?tab=1")
    assert client.get("/login?next=/account").headers["Location"] == "/account"


def test_a_log_in_makes_a_new_session_and_a_log_out_ends_it(client: FlaskClient, services: Services, web: Flask) -> None:
    name = web.config["LOGIN_COOKIE"]
    sign_up(client)
    first = client.get_cookie(name)
    assert first is not None
    token = csrf_of(client.get("/account"))
    assert client.post("/logout", data={"csrf": token}).headers["Location"] == "/login"
    assert client.get_cookie(name) is None
    assert client.post("/logout", data={"csrf": token}).headers["Location"].startswith("/login")
    assert "You are logged out" in client.get("/login").text
    client.set_cookie(name, first.value)
    assert client.get("/account").status_code == 303
    submit(client, "/login", email="mia@example.com", password=PASSWORD, next="/")
    second = client.get_cookie(name)
    assert second is not None
    assert second.value != first.value


def test_too_many_wrong_passwords_are_a_429_that_says_when_to_come_back(client: FlaskClient, services: Services) -> None:
    mia(services)
    page = client.get("/login")
    for _ in range(50):
        page = submit(client, "/login", email="mia@example.com", password="wrong wrong wrong", next="/")
        if page.status_code == 429:
            break
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "<form" in page.text


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(client: FlaskClient, services: Services) -> None:
    mia(services)
    said = submit(client, "/forgot", email="mia@example.com").text
    nobody = submit(client, "/forgot", email="nobody@example.com").text
    assert "is on its way" in said
    assert said.replace("mia@", "nobody@") == nobody
    link = link_in_mail(services)
    assert "mia@example.com" in client.get(link).text
    refused = submit(client, link, password="short")
    assert refused.status_code == 422
    done = submit(client, link, password="another good password")
    assert done.headers["Location"] == "/login"
    assert client.get(link).status_code == 404
    assert submit(client, "/login", email="mia@example.com", password="another good password", next="/").status_code == 303


def test_an_unusable_link_is_a_page_that_says_so(client: FlaskClient) -> None:
    for path in ("/reset/" + "x" * 43, "/invites/" + "x" * 43):
        page = client.get(path)
        assert page.status_code == 404
        assert "link" in page.text


def test_an_invite_makes_an_account_in_the_team(owner: Signed, client: FlaskClient, services: Services) -> None:
    actor = owner.session.actor(HOME)
    made = invite(services, actor, tenant_id=owner.tenant.id, email="new@example.com", role=Role.MEMBER)
    path = made.link.removeprefix("http://localhost:8000")
    assert owner.tenant.name in client.get(path).text.replace("&#39;", "'")
    assert submit(client, path, name="New", password="short").status_code == 422
    assert submit(client, path, name="New", password=PASSWORD).status_code == 303
    assert "member" in client.get("/", follow_redirects=True).text or client.get("/account").status_code == 200


def test_who_is_signed_in_joins_by_one_button_and_switches_teams(owner: Signed, sign_in: Callable[..., Signed], services: Services) -> None:
    guest = sign_in(Role.OWNER)
    made = invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email=guest.user.email, role=Role.VIEWER)
    path = made.link.removeprefix("http://localhost:8000")
    assert "log out" in sign_in(Role.OWNER).get(path).text.lower()
    assert guest.post(path).status_code == 303
    page = guest.get("/account").text
    assert owner.tenant.name in page
    assert guest.tenant.name in page
    assert guest.post("/tenant", {"tenant": guest.tenant.id}).status_code == 303
    for unknown in (make_tenant(services).id, "", "\x00"):
        assert guest.post("/tenant", {"tenant": unknown}).status_code == 404


def test_a_name_and_a_password_are_changed_on_the_account_page(owner: Signed) -> None:
    assert owner.post("/account/profile", {"name": "Mia Maria"}).status_code == 303
    assert "Mia Maria" in owner.get("/account").text
    refused = owner.post("/account/profile", {"name": ""})
    assert (refused.status_code, 'id="name-error"' in refused.text) == (422, True)
    wrong = owner.post("/account/password", {"old": "wrong", "password": "another good password"})
    assert (wrong.status_code, 'id="old-error"' in wrong.text) == (422, True)
    assert owner.post("/account/password", {"old": PASSWORD, "password": "another good password"}).status_code == 303


def test_a_session_elsewhere_is_seen_and_ended(client: FlaskClient, services: Services, web: Flask) -> None:
    sign_up(client)
    agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    other = web.test_client()
    token = csrf_of(other.get("/login"))
    other.post("/login", data={"csrf": token, "email": "mia@example.com", "password": PASSWORD, "next": "/"}, headers={"User-Agent": agent})
    assert other.get("/account", headers={"User-Agent": agent}).status_code == 200
    page = client.get("/account").text
    assert "Firefox on Linux" in page
    ids = re.findall(r"/account/sessions/([0-9a-z]{26})/revoke", page)
    assert len(ids) == 1
    assert client.post(f"/account/sessions/{ids[0]}/revoke", data={"csrf": csrf_of(client.get("/account"))}).status_code == 303
    assert other.get("/account").status_code == 303
    assert client.get("/account").status_code == 200


def test_another_persons_session_is_not_found(owner: Signed, sign_in: Callable[..., Signed]) -> None:
    other = sign_in()
    assert owner.post(f"/account/sessions/{other.session.id}/revoke").status_code == 404
    assert other.get("/account").status_code == 200


def test_an_operator_acts_as_a_tenant_under_a_banner_and_stops(sign_in: Callable[..., Signed], services: Services) -> None:
    tenant = make_tenant(services, "acme")
    olga = sign_in(None, operator=True)
    assert olga.post("/acting", {"tenant": tenant.id, "reason": "Ticket 42"}).status_code == 303
    page = olga.get("/account").text
    assert "You act as <strong>" in page
    assert "Ticket 42" in page
    assert olga.post("/acting/stop").status_code == 303
    assert "You act as <strong>" not in olga.get("/account").text


def test_who_is_no_operator_cannot_act(owner: Signed, services: Services) -> None:
    assert owner.post("/acting", {"tenant": make_tenant(services).id, "reason": "Curious"}).status_code == 403


def test_who_belongs_to_no_team_is_told_what_to_do(sign_in: Callable[..., Signed]) -> None:
    page = sign_in(None).get("/")
    assert page.status_code == 200
    assert "You belong to no team" in page.text


def test_a_platform_without_sign_ups_offers_none(services: Services) -> None:
    closed = create_portal(replace(services, portal=Portal(sign_ups=False)), key="k").test_client()
    assert "Open an account" not in closed.get("/login").text
    assert "takes no sign-ups" in closed.get("/signup").text
