"""Who asks, for which tenant, when: one object for views and templates, filled once per request from the session's cookie.

Nothing here comes from a request's parameters. `tenant_id` and `actor` raise where the route's rule does not promise them.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, cast

from flask import current_app, flash, g, request
from flask_login import current_user

from app.domain.actors import Actor
from app.domain.errors import Forbidden
from app.domain.people import Role, Visitor
from app.services.account_views import Acting, CurrentSession, MyTenant, Person
from app.services.context import Services
from app.services.switch_tenant import my_tenants
from app.services.views import TenantView

AGENT_MAX = 300


class Current:
    """A view of `flask.g`; holds nothing itself."""

    @property
    def services(self) -> Services:
        return cast("Services", current_app.extensions["storeyard"])

    @property
    def now(self) -> datetime:
        """The same during the whole request."""
        if "now" not in g:
            g.now = self.services.clock.now()
        return cast("datetime", g.now)

    @property
    def request_id(self) -> str:
        """Made here, never taken from outside: it stands in logs, the audit and on error pages."""
        if "request_id" not in g:
            g.request_id = secrets.token_hex(8)
        return cast("str", g.request_id)

    @property
    def visitor(self) -> Visitor:
        agent = request.headers.get("User-Agent", "")[:AGENT_MAX]
        return Visitor(request.remote_addr, agent, self.request_id)

    @property
    def session(self) -> CurrentSession | None:
        """Of who is signed in. Read from the database at the first question of a request, so pages for everybody do without."""
        if "signed_in" not in g:
            who: Any = current_user
            g.signed_in = who.session if who.is_authenticated else None
        return cast("CurrentSession | None", g.signed_in)

    @property
    def signed_in(self) -> CurrentSession:
        """The session, where the route's rule promises one."""
        if self.session is None:
            raise RuntimeError("the route's rule promises no session")
        return self.session

    def become(self, session: CurrentSession | None) -> None:
        """The session changed in this request: by a log-in or log-out, a switch of tenant, another name."""
        g.signed_in = session
        g.pop("tenants", None)

    @property
    def user(self) -> Person | None:
        return self.session.user if self.session else None

    @property
    def tenant(self) -> TenantView | None:
        return self.session.tenant if self.session else None

    @property
    def tenant_id(self) -> str:
        if self.tenant is None:
            raise RuntimeError("the route's rule promises no tenant")
        return self.tenant.id

    @property
    def role(self) -> Role | None:
        return self.session.role if self.session else None

    @property
    def acting(self) -> Acting | None:
        return self.session.acting if self.session else None

    @property
    def actor(self) -> Actor:
        """Who use cases and the audit are told: on operators' routes the operator, else the person or who acts for the tenant."""
        session = self.signed_in
        return session.operator(self.visitor) if g.get("as_operator") else session.actor(self.visitor)

    @property
    def tenants(self) -> tuple[MyTenant, ...]:
        """All that the person may switch to."""
        if self.session is None:
            return ()
        if "tenants" not in g:
            g.tenants = my_tenants(self.services, self.session)
        return cast("tuple[MyTenant, ...]", g.tenants)

    def may(self, role: Role | str) -> bool:
        """Whether the person has at least this role in the present tenant. For showing a button; the route's rule decides."""
        return self.session is not None and self.session.may(Role(role))

    def demand(self, role: Role) -> None:
        """Raise Forbidden unless `may`."""
        if not self.may(role):
            raise Forbidden(
                f"This takes the role of {'an' if role is Role.OWNER else 'a'} {role.value} here.", action=request.endpoint or ""
            )

    def flash(self, kind: str, text: str) -> None:
        """Say something on the next page shown, or with this fragment. `kind`: success, info, warning, error."""
        flash(text, kind)


current = Current()
