"""Cookies, CSRF, headers, the way back after a log-in, and errors as pages, fragments and JSON."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.config import Settings
from app.domain.errors import NotFound, QuotaExceeded, TooManyAttempts
from app.domain.people import Portal
from app.factory import create_app, create_portal
from app.models.session import Sessions
from app.services.context import Services
from app.web.assets import FOLDER
from app.web.current import current
from app.web.security import CSP, local_path
from app.web.tenancy import public
from tests.fakes.clock import FakeClock
from tests.integration.accounts import PASSWORD, mia
from tests.integration.web.conftest import HTMX, Signed, csrf_of, submit


def test_every_answer_carries_the_headers_and_pages_are_not_kept(client: FlaskClient) -> None:
    for path in ("/login", "/nowhere", "/account", "/static/css/app.css"):
        with client.get(path) as answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"] == CSP
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert len(headers["X-Request-Id"]) == 16
    assert client.get("/login").headers["Cache-Control"] == "private, no-store"
    with client.get("/static/css/app.css?v=1") as answer:
        assert "immutable" in answer.headers["Cache-Control"]


def test_pages_have_nothing_inline_and_name_no_other_host(client: FlaskClient, owner: Signed) -> None:
    for page in (client.get("/login").text, client.get("/signup").text, owner.get("/account").text):
        for unwanted in (" style=", "<style", " onclick=", "javascript:", "//cdn", "https://"):
            assert unwanted not in page
        assert "<script>" not in page


def test_what_others_wrote_is_served_as_they_wrote_it() -> None:
    sums = dict(reversed(line.split()) for line in (FOLDER / "vendor" / "SHA256SUMS").read_text().splitlines())
    assert sums
    for name, known in sums.items():
        assert hashlib.sha256((FOLDER / "vendor" / name.lstrip("*")).read_bytes()).hexdigest() == known


def test_under_https_cookies_belong_to_this_host_alone(services: Services) -> None:
    app = create_portal(replace(services, portal=Portal(public_url="https://portal.example.com")), key="k")
    mia(services)
    client = app.test_client()
    page = client.get("/login", base_url="https://localhost")
    data = {"csrf": csrf_of(page), "email": "mia@example.com", "password": PASSWORD, "next": "/"}
    answer = client.post("/login", data=data, base_url="https://localhost")
    cookies = [*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert len(cookies) >= 2
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
    assert "Strict-Transport-Security" in answer.headers


def test_a_token_is_good_for_its_own_session_alone(owner: Signed, sign_in: Any) -> None:
    other = sign_in()
    for token in ("", "x", other.session.csrf):
        answer = owner.client.post("/account/profile", data={"name": "Mallory", "csrf": token})
        assert answer.status_code == 400
        assert "open for too long" in answer.text
    assert owner.client.post("/account/profile", data={"name": "Mia", "csrf": owner.session.csrf}).status_code == 303
    assert owner.client.post("/account/profile", data={"name": "Mia"}, headers={"X-CSRF-Token": owner.session.csrf}).status_code == 303


def test_a_log_in_form_needs_the_visitors_own_token(client: FlaskClient, web: Flask, services: Services) -> None:
    mia(services)
    foreign = csrf_of(web.test_client().get("/login"))
    client.get("/login")
    data = {"csrf": foreign, "email": "mia@example.com", "password": PASSWORD, "next": "/"}
    assert client.post("/login", data=data).status_code == 400


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://evil.example", "another site"),
        ("//evil.example", "another site, same scheme"),
        ("/\\evil.example", "browsers read a backslash as a slash"),
        ("/\t/evil.example", "browsers drop tabs"),
        ("javascript:alert(1)", "no path"),
        ("\\/evil.example", "no path"),
        ("/a\nSet-Cookie: x", "a header of its own"),
        ("", "nothing"),
        ("stores", "relative"),
    ],
)
def test_nobody_is_led_elsewhere_after_a_log_in(client: FlaskClient, services: Services, text: str, reason: str) -> None:
    assert local_path(text) == "/", reason
    mia(services)
    assert submit(client, "/login", email="mia@example.com", password=PASSWORD, next=text).headers["Location"] == "/", reason


def test_a_session_that_ended_in_the_middle_of_an_htmx_call_leads_to_the_log_in_and_back(owner: Signed, clock: FakeClock) -> None:
    clock.advance(timedelta(days=400).total_seconds())
    headers = {"HX-Current-URL": "http://localhost/stores?q=shop"}
    answer = owner.post("/account/profile", {"name": "Mia"}, htmx=True, headers=headers)
    assert answer.headers["HX-Redirect"] == "/login?next=/stores?q%3Dshop"
    elsewhere = owner.post("/account/profile", htmx=True, headers={"HX-Current-URL": "http://evil.example/x"})
    assert elsewhere.headers["HX-Redirect"] == "/login?next=/"
    plain = owner.post("/account/profile", headers={"Referer": "http://localhost/account"})
    assert plain.headers["Location"] == "/login?next=/account"


def with_view(web: Flask, error: Exception) -> FlaskClient:
    @public
    def view() -> str:
        raise error

    web.add_url_rule("/fails", "fails", view, methods=["GET", "POST"])
    return web.test_client()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("There is no such store.", what="store", id="x"), 404),
        (QuotaExceeded("No room for another store.", scope="tenant"), 409),
        (TooManyAttempts("Wait a little.", seconds=30, what="log-in"), 429),
    ],
)
def test_a_domain_error_is_a_page_a_message_or_json(web: Flask, error: Any, status: int) -> None:
    client = with_view(web, error)
    page = client.get("/fails")
    assert (page.status_code, error.message in page.text, "<html" in page.text) == (status, True, True)
    assert page.headers["X-Request-Id"] in page.text
    message = client.get("/fails", headers=HTMX)
    assert (message.status_code, message.headers["HX-Retarget"], "<html" in message.text) == (status, "#messages", False)
    assert error.message in message.text
    problem = client.get("/fails", headers={"Accept": "application/json"})
    assert (problem.status_code, problem.content_type) == (status, "application/problem+json")
    assert problem.json is not None
    assert (problem.json["code"], problem.json["detail"]) == (error.code, error.message)
    assert page.headers.get("Retry-After") == ("30" if status == 429 else None)


def test_what_nobody_expected_is_logged_and_says_no_more_than_its_number(web: Flask) -> None:
    client = with_view(web, RuntimeError("the secret is tulip"))
    with capture_logs() as lines:
        page = client.get("/fails")
    assert page.status_code == 500
    assert "tulip" not in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert [line["event"] for line in lines] == ["request failed"]


def test_a_database_that_is_away_is_a_503_that_comes_back_by_itself(web: Flask) -> None:
    client = with_view(web, OperationalError("SELECT 1", {}, Exception("connection refused")))
    page = client.get("/fails")
    assert (page.status_code, page.headers["Retry-After"], page.headers["Refresh"]) == (503, "5", "5")
    assert "refused" not in page.text
    assert client.get("/fails", headers=HTMX).headers["HX-Retarget"] == "#messages"


def test_pages_say_503_while_there_is_no_database_at_all(services: Services) -> None:
    away = Sessions.from_url("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    web = create_portal(replace(services, sessions=away), key="k")
    client = web.test_client()
    client.set_cookie(web.config["LOGIN_COOKIE"], "x" * 43)
    assert client.get("/account").status_code == 503
    assert web.test_client().get("/login").status_code == 200


def test_another_applications_cookie_on_the_same_host_logs_nobody_out(owner: Signed) -> None:
    for name in ("remember_token", "session"):
        owner.client.set_cookie(name, "somebody-elses")
    assert owner.get("/account").status_code == 200


def test_known_mistakes_have_pages_of_their_own(client: FlaskClient, owner: Signed) -> None:
    assert client.get("/nowhere").status_code == 404
    wrong = client.put("/login")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["Allow"]
    assert owner.post("/account/profile", {"name": "x" * 1_100_000}).status_code == 413
    assert client.get("/account/sessions/not-an-id/revoke").status_code == 404


@pytest.mark.parametrize(("proxies", "seen"), [("0", "127.0.0.1"), ("1", "203.0.113.9")])
def test_a_visitors_address_is_what_the_last_trusted_proxy_saw(database: str, proxies: str, seen: str) -> None:
    given = {"DATABASE_URL": database, "QUEUE_URL": "unix:///nowhere", "VAULT_KEYS": Fernet.generate_key().decode()}
    app = create_app(Settings.from_env({f"STOREYARD_{name}": value for name, value in {**given, "TRUSTED_PROXIES": proxies}.items()}))

    @public
    def view() -> str:
        return current.visitor.address or ""

    app.add_url_rule("/who", "who", view)
    assert app.test_client().get("/who", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}).text == seen


def test_a_secret_in_an_address_is_in_no_log(web: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError("broken")

    monkeypatch.setattr("app.web.auth.passwords.check_reset", broken)
    with capture_logs() as lines:
        assert web.test_client().get("/reset/" + "s" * 43).status_code == 500
    assert "s" * 43 not in repr([{name: value for name, value in line.items() if name != "exc_info"} for line in lines])
