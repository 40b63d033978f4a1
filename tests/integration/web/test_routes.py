"""Every route of the URL map declares who may call it, and the declaration holds."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as Route

from app.config import Settings
from app.domain.people import Role
from app.factory import create_app
from app.web.ids import SecretConverter, UlidConverter
from app.web.tenancy import Who, operators, public, requires, rule_of
from tests.factories import make_id
from tests.integration.web.conftest import Signed

PUBLIC = {
    "auth.forgot", "auth.forgot_now", "auth.log_in", "auth.log_in_now", "auth.reset", "auth.reset_now", "auth.show_invite",
    "auth.sign_up", "auth.sign_up_now", "auth.take_invite", "healthz", "metrics", "readyz", "static",
}  # fmt: skip


@pytest.fixture
def whole(database: str) -> Flask:
    """The application as it is served."""
    given = {"DATABASE_URL": database, "QUEUE_URL": "unix:///nowhere", "VAULT_KEYS": Fernet.generate_key().decode()}
    given["METRICS_TOKEN"] = "a-token-of-sixteen-or-more"
    return create_app(Settings.from_env({f"STOREYARD_{name}": value for name, value in given.items()}))


def address(app: Flask, route: Route) -> str:
    """The route's address with values that fit its converters and name nothing."""
    values: dict[str, Any] = {}
    for name, converter in route._converters.items():
        values[name] = make_id() if isinstance(converter, UlidConverter) else "x" * 40 if isinstance(converter, SecretConverter) else "1"
    built = app.url_map.bind("localhost").build(route.endpoint, values, append_unknown=False)
    return str(built)


def routes(app: Flask) -> list[tuple[Route, str]]:
    return [(route, method) for route in app.url_map.iter_rules() for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"})]


def test_every_route_declares_a_rule_and_those_for_anybody_are_these(whole: Flask) -> None:
    rules = {route.endpoint: rule_of(whole, route.endpoint) for route in whole.url_map.iter_rules()}
    assert [endpoint for endpoint, rule in rules.items() if rule is None] == []
    assert {endpoint for endpoint, rule in rules.items() if rule and rule.who is Who.ANYBODY} == PUBLIC


def test_who_is_not_signed_in_is_sent_to_the_log_in_from_every_other_route(web: Flask, client: FlaskClient) -> None:
    for route, method in routes(web):
        if route.endpoint in PUBLIC:
            continue
        answer = client.open(address(web, route), method=method)
        assert answer.status_code == 303, (route, method)
        assert answer.headers["Location"].startswith("/login?next=/"), (route, method)
        fragment = client.open(address(web, route), method=method, headers={"HX-Request": "true"})
        assert (fragment.status_code, fragment.headers["HX-Redirect"][:7]) == (200, "/login?"), (route, method)


def test_no_unsafe_route_works_without_a_csrf_token(web: Flask, owner: Signed) -> None:
    for route, method in routes(web):
        rule = rule_of(web, route.endpoint)
        if method == "GET" or rule is None or rule.who is Who.OPERATOR:
            continue
        answer = owner.client.open(address(web, route), method=method)
        assert answer.status_code == 400, (route, method)


def test_a_stranger_finds_nothing_under_an_id(web: Flask, owner: Signed) -> None:
    for route, method in routes(web):
        rule = rule_of(web, route.endpoint)
        if not route._converters or rule is None or rule.who is not Who.MEMBER_OF_TENANT:
            continue
        answer = owner.client.open(address(web, route), method=method, headers={"X-CSRF-Token": owner.session.csrf})
        assert answer.status_code == 404, (route, method, answer.status_code)


def test_a_viewer_changes_nothing(web: Flask, sign_in: Any) -> None:
    viewer = sign_in(Role.VIEWER)
    for route, method in routes(web):
        rule = rule_of(web, route.endpoint)
        if method == "GET" or rule is None or rule.who is not Who.MEMBER_OF_TENANT:
            continue
        answer = viewer.client.open(address(web, route), method=method, headers={"X-CSRF-Token": viewer.session.csrf})
        assert answer.status_code == 403, route


def test_an_operators_page_is_for_operators(web: Flask, owner: Signed) -> None:
    for route, method in routes(web):
        rule = rule_of(web, route.endpoint)
        if rule is not None and rule.who is Who.OPERATOR:
            answer = owner.client.open(address(web, route), method=method, headers={"X-CSRF-Token": owner.session.csrf})
            assert answer.status_code == 403, route


def test_a_view_without_a_rule_answers_nobody(web: Flask, owner: Signed) -> None:
    web.add_url_rule("/undeclared", "undeclared", lambda: "secret")
    answer = owner.get("/undeclared")
    assert (answer.status_code, "secret" in answer.text) == (500, False)


def test_a_view_declares_one_rule_only() -> None:
    def view() -> str:
        return ""

    requires(Role.VIEWER)(view)
    for another in (public, operators):
        with pytest.raises(ValueError, match="two rules"):
            another(view)
