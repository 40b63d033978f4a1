"""Pages on the real database, asked for as a browser does: with cookies, and with the CSRF token that the page itself carries."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from app.domain.people import Role
from app.factory import create_portal
from app.models import Membership, User
from app.services.account_views import CurrentSession, Person
from app.services.context import Services
from app.services.views import TenantView
from tests.factories import make_tenant
from tests.integration.accounts import again, mia

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
_numbers = iter(range(1, 10**9))


@dataclass
class Signed:
    """A browser in which somebody is logged in."""

    client: FlaskClient
    session: CurrentSession

    @property
    def user(self) -> Person:
        return self.session.user

    @property
    def tenant(self) -> TenantView:
        assert self.session.tenant is not None
        return self.session.tenant

    def get(self, path: str, *, htmx: bool = False, **options: Any) -> TestResponse:
        return self.client.get(path, headers={**(HTMX if htmx else {}), **options.pop("headers", {})}, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, *, htmx: bool = False, **options: Any) -> TestResponse:
        headers = {"X-CSRF-Token": self.session.csrf, **(HTMX if htmx else {}), **options.pop("headers", {})}
        return self.client.post(path, data=data or {}, headers=headers, **options)


@pytest.fixture
def web(services: Services) -> Flask:
    return create_portal(services, key="a test's key")


@pytest.fixture
def client(web: Flask) -> FlaskClient:
    return web.test_client()


@pytest.fixture
def sign_in(web: Flask, services: Services) -> Callable[..., Signed]:
    """`sign_in(role, tenant=…, operator=…)`: somebody new, in their own browser, with that role in the tenant or in one of their own."""

    def make(role: Role | None = Role.OWNER, *, tenant: TenantView | None = None, operator: bool = False) -> Signed:
        email = f"person-{next(_numbers)}@example.com"
        first = mia(services, email, shop=f"Shop of {email.partition('@')[0]}")
        own = first.session.tenant
        assert own is not None
        with services.sessions.platform("a test sets the scene") as session:
            if operator:
                session.execute(update(User).where(User.id == first.session.user.id).values(is_operator=True))
            membership = session.get_one(Membership, (own.id, first.session.user.id))
            if role is None:
                session.delete(membership)
            else:
                membership.role = role
                if tenant is not None:
                    membership.tenant_id = tenant.id
        logged_in = again(services, email)
        browser = web.test_client()
        browser.set_cookie(web.config["LOGIN_COOKIE"], logged_in.token)
        return Signed(browser, logged_in.session)

    return make


@pytest.fixture
def owner(sign_in: Callable[..., Signed]) -> Signed:
    return sign_in(Role.OWNER)


@pytest.fixture
def stranger(sign_in: Callable[..., Signed], services: Services) -> Signed:
    """An owner of another tenant."""
    return sign_in(Role.OWNER, tenant=make_tenant(services))


def csrf_of(answer: TestResponse) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


def submit(client: FlaskClient, path: str, to: str | None = None, **fields: str) -> TestResponse:
    """Look at the page, fill in its form, send it."""
    return client.post(to or path, data={"csrf": csrf_of(client.get(path)), **fields})
