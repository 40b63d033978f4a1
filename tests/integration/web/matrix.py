"""What the tenancy matrix stands on: two tenants that must not meet, everybody who may ask, values for addresses, and the whole database.

Whatever belongs to one of the tenants has the tenant's word in it, so that a page which shows too much is found whatever it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update
from werkzeug.routing import Rule as Route

from app.domain.drift import DriftClass
from app.domain.people import Role
from app.models import Base, DriftEvent, Event, ReconcileRun, User
from app.models.session import Sessions
from app.services.act_as import act_as
from app.services.context import Services
from app.services.invites import invite
from app.services.reset_password import request_reset
from app.services.views import TenantView
from app.web.tenancy import Rule, Who
from tests.factories import OPERATOR, make_id, make_store, make_tenant
from tests.integration.accounts import HOME, PASSWORD, again, mailer
from tests.integration.web.conftest import Signed, csrf_of

OURS, THEIRS = "tulip", "daisy"
# What one's own, another's and nobody's ids are, by the names that addresses give them.
ALIASES = {"user_id": "member", "member_id": "member", "store_id": "store", "session_id": "session", "invite_id": "invite",
           "tenant_id": "tenant"}  # fmt: skip


@dataclass
class Caller:
    """Somebody who asks. `world` is the word of whom they belong to or act for; None: of nobody."""

    name: str
    signed: Signed | None
    word: str | None = None
    role: Role | None = None
    operator: bool = False

    @property
    def stranger_to(self) -> str:
        return OURS if self.word == THEIRS else THEIRS


@dataclass
class House:
    """A tenant with one of each thing that an address can name."""

    tenant: TenantView
    ids: dict[str, str]
    people: list[Signed] = field(default_factory=list)

    def mentioned_in(self, row: str) -> bool:
        return any(known in row for known in (*self.ids.values(), *(person.user.id for person in self.people)))


@dataclass
class Scene:
    web: Flask
    callers: dict[str, Caller]
    houses: dict[str, House]
    sessions_of: dict[str, str]  # another session of each caller's
    tokens: dict[str, str]
    visitor: tuple[str, str]  # the cookie of who is not logged in, and the CSRF token that belongs to it

    def browser(self, caller: Caller) -> FlaskClient:
        """A new one: an answer before cannot have changed its cookies."""
        client = self.web.test_client()
        if caller.signed is None:
            client.set_cookie(self.web.config["SESSION_COOKIE_NAME"], self.visitor[0])
        else:
            name = self.web.config["LOGIN_COOKIE"]
            kept = caller.signed.client.get_cookie(name)
            assert kept is not None
            client.set_cookie(name, kept.value)
        return client

    def csrf(self, caller: Caller) -> str:
        return caller.signed.session.csrf if caller.signed else self.visitor[1]

    def own(self, route: Route, name: str, caller: Caller) -> str:
        """A value that names something the caller may see, if they may see anything. A new name in an address is added here."""
        if name == "filename":
            return "css/app.css"
        if name == "token":
            return self.tokens["reset" if "reset" in route.endpoint else "invite"]
        what = ALIASES.get(name)
        assert what, (
            f"{route.rule}: the matrix knows no value for <{name}>. Add to ALIASES in {__name__} what it names, and to `house` a row of it"
            " for each of the two tenants; or, where it names no row, a value of its own to Scene.own."
        )
        if what == "session":
            return self.sessions_of.get(caller.name, make_id())
        return self.houses[caller.word or OURS].ids[what]

    def foreign(self, name: str, caller: Caller) -> str | None:
        """What of the same kind is another's; None where the kind has no owner."""
        if name == "session_id":
            return self.sessions_of["owner" if caller.name != "owner" else "stranger"]
        what = ALIASES.get(name)
        return self.houses[caller.stranger_to].ids[what] if what else None

    def form(self, caller: Caller, house: House | None = None) -> dict[str, str]:
        """Every field that some form has, so that whatever is asked for is asked for in earnest. Ids are those of `house`."""
        ids = (house or self.houses[caller.word or OURS]).ids
        return {
            "name": "Another name", "slug": "another-name", "shop": "Another shop", "email": "another@example.com", "password": PASSWORD,
            "old": PASSWORD, "generation": "1", "plan": "starter", "confirm": f"{caller.word} shop", "reason": "Ticket 42",
            "role": "viewer", "next": "/", "key": "k" * 24, "tagline": "Another tagline", "accent": "#123456", "mode": "observe",
            "minutes": "30", "pause_reason": "Ticket 42", "frozen_reason": "Ticket 42", "stores": "7", "cpu": "9", **ids,
            **{alias: ids[what] for alias, what in ALIASES.items() if what in ids},
        }  # fmt: skip


def build(web: Flask, services: Services, sign_in: Callable[..., Signed]) -> Scene:
    houses = {word: house(services, word) for word in (OURS, THEIRS)}
    others: dict[str, str] = {}

    def person(who: str, word: str | None, role: Role | None, *, operator: bool = False) -> Signed:
        place = houses[word] if word else None
        signed = sign_in(role, tenant=place.tenant if place else None, operator=operator)
        others[who] = again(services, signed.user.email).session.id
        if word:
            with services.sessions.platform("a test sets the scene") as session:
                values = {"name": f"{word} {who}", "email": f"{who}@{word}.example"}
                session.execute(update(User).where(User.id == signed.user.id).values(**values))
        if place:
            place.people.append(signed)
        return signed

    for word, place in houses.items():
        # There is a second owner, so that the first may leave.
        place.ids["member"] = person(f"{word}-leaver", word, Role.OWNER).user.id
    ours = [Caller(role.value, person(role.value, OURS, role), OURS, role) for role in (Role.VIEWER, Role.MEMBER, Role.OWNER)]
    acting = person("acting", None, None, operator=True)
    act_as(services, HOME, acting.session, tenant_id=houses[OURS].tenant.id, reason="Ticket 1")
    everybody = [
        Caller("nobody", None),
        *ours,
        Caller("stranger", person("stranger", THEIRS, Role.OWNER), THEIRS, Role.OWNER),
        Caller("operator", person("operator", None, None, operator=True), operator=True),
        Caller("acting", acting, OURS, Role.OWNER, operator=True),
    ]
    owner = next(caller for caller in ours if caller.role is Role.OWNER).signed
    assert owner is not None
    made = invite(services, owner.session.actor(HOME), tenant_id=houses[OURS].tenant.id, email="new@tulip.example", role=Role.VIEWER)
    request_reset(services, HOME, email="owner@tulip.example")
    tokens = {"invite": made.link.rpartition("/")[2], "reset": mailer(services).last_token()}
    client = web.test_client()
    csrf = csrf_of(client.get("/login"))
    cookie = client.get_cookie(web.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return Scene(web, {caller.name: caller for caller in everybody}, houses, others, tokens, (cookie.value, csrf))


def house(services: Services, word: str) -> House:
    tenant = make_tenant(services, f"{word}-trade")
    store = make_store(services, tenant, f"{word}-shop", name=f"{word} shop", settings={"tagline": f"{word} for all"})
    guest = invite(services, OPERATOR, tenant_id=tenant.id, email=f"guest@{word}.example", role=Role.MEMBER)
    now, of = services.clock.now(), {"store_id": store.id, "tenant_id": tenant.id}
    with services.sessions.platform("a test sets the scene") as session:
        session.add(Event(**of, at=now, type="Ready", reason="Serving", message=f"{word} is open", data={"status": "True"}))
        session.add(
            DriftEvent(
                **of, kind="Deployment", name="backend", path="spec.replicas", drift_class=DriftClass.MODIFIED, manager=f"{word}-hand",
                before=1, after=0, detected_at=now, repaired_at=now + timedelta(milliseconds=640),
            )
        )  # fmt: skip
        session.add(
            ReconcileRun(
                **of, id=make_id(), generation=1, started_at=now, finished_at=now, duration_ms=412, outcome="changed", worker=f"{word}-1",
                changes=[{"kind": "Deployment", "name": word, "action": "configured", "reason": "Drifted", "differences": []}],
            )
        )  # fmt: skip
    return House(tenant, {"tenant": tenant.id, "store": store.id, "invite": guest.invite.id})


def expected(rule: Rule, caller: Caller) -> str:
    """What the declared rule says of a caller: "log in", "choose a tenant", "forbidden" or "allowed"."""
    if rule.who is Who.ANYBODY:
        return "allowed"
    if caller.signed is None:
        return "log in"
    if rule.who is Who.SIGNED_IN:
        return "allowed"
    if rule.who is Who.OPERATOR:
        return "allowed" if caller.operator else "forbidden"
    if caller.role is None:
        return "choose a tenant"
    return "allowed" if caller.role.covers(rule.role or Role.OWNER) else "forbidden"


class World:
    """All rows of all tables: looked at, and put back as they were."""

    def __init__(self, sessions: Sessions) -> None:
        self._engine = sessions.engine
        self._tables = Base.metadata.sorted_tables
        self._look = text(" UNION ALL ".join(f"SELECT '{table.name} ' || t::text FROM {table.name} t" for table in self._tables))
        self._kept = self._keep()

    def look(self) -> frozenset[str]:
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(self._look))

    def restore(self) -> None:
        with self._cursor() as cursor:
            # Constraints and the audit's trigger are for users; the tests' broom goes past them.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table in self._tables:
                cursor.execute(f"DELETE FROM {table.name}")
                with cursor.copy(f"COPY {table.name} ({self._columns(table)}) FROM STDIN") as copy:
                    copy.write(self._kept[table.name])

    def _keep(self) -> Mapping[str, bytes]:
        kept: dict[str, bytes] = {}
        with self._cursor() as cursor:
            for table in self._tables:
                with cursor.copy(f"COPY {table.name} ({self._columns(table)}) TO STDOUT") as copy:
                    kept[table.name] = b"".join(bytes(part) for part in copy)
        return kept

    @staticmethod
    def _columns(table: Any) -> str:
        return ", ".join(column.name for column in table.columns if column.computed is None)

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[Any]]:
        raw = self._engine.raw_connection()
        try:
            with raw.cursor() as cursor:
                yield cursor  # type: ignore[misc]
            raw.commit()
        finally:
            raw.close()
