"""Each use case of accounts is one transaction: where its commit is refused nothing of it stays, and no mail leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, select

from app.domain.people import Role
from app.models import Base
from app.services.accept_invite import accept_as_new, accept_invite
from app.services.account_views import LoggedIn
from app.services.act_as import act_as, stop_acting
from app.services.auth_sessions import revoke_others, revoke_session
from app.services.change_password import change_password
from app.services.context import Services
from app.services.invites import invite
from app.services.leave_tenant import leave_tenant
from app.services.profile import rename_person
from app.services.reset_password import request_reset, reset_password
from tests.factories import OPERATOR, make_tenant
from tests.integration.accounts import AWAY, HOME, PASSWORD, again, mailer, make_operator, mia

Deed = Callable[[], object]
NEW = "another horse battery"


@contextmanager
def no_deed_is_kept(services: Services) -> Generator[None]:
    """The commit of every transaction that wrote to the audit fails; counts of attempts are kept."""
    wrote = False

    def watch(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal wrote
        wrote = wrote or statement.startswith("INSERT INTO audit")

    def refuse(_connection: object) -> None:
        if wrote:
            raise ConnectionError("the database went away")

    engine = services.sessions.engine
    event.listen(engine, "before_cursor_execute", watch)
    event.listen(engine, "commit", refuse)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", watch)
        event.remove(engine, "commit", refuse)


def state(services: Services) -> list[Any]:
    tables = [table for table in Base.metadata.sorted_tables if table.name != "throttles"]
    with services.sessions.platform("a test looks") as session:
        return [sorted(map(str, session.execute(select(table)).all())) for table in tables]


def invited(services: Services, email: str) -> str:
    acme = make_tenant(services)
    invite(services, OPERATOR, tenant_id=acme.id, email=email, role=Role.MEMBER)
    return mailer(services).last_token()


def link(services: Services) -> str:
    request_reset(services, AWAY, email="mia@example.com")
    return mailer(services).last_token()


def operators(services: Services) -> LoggedIn:
    make_operator(services, "mia@example.com")
    return again(services)


def joined(services: Services, made: LoggedIn) -> str:
    session = accept_invite(services, HOME, made.session, token=invited(services, "mia@example.com"))
    assert session.tenant
    return session.tenant.id


def acting(services: Services) -> LoggedIn:
    made = operators(services)
    act_as(services, HOME, made.session, tenant_id=make_tenant(services).id, reason="ticket 7")
    return made


# Each takes the services and a person who is logged in, sets its scene, and gives the deed.
SCENES: dict[str, Callable[[Services, LoggedIn], Deed]] = {
    "sign_up": lambda services, _: partial(mia, services, "new@example.com", "New"),
    "log_in": lambda services, _: partial(again, services),
    "revoke_session": lambda services, made: partial(revoke_session, services, HOME, made.session, session_id=again(services).session.id),
    "revoke_others": lambda services, _: partial(revoke_others, services, HOME, again(services).session),
    "change_password": lambda services, made: partial(change_password, services, HOME, made.session, old=PASSWORD, new=NEW),
    "request_reset": lambda services, _: partial(request_reset, services, AWAY, email="mia@example.com"),
    "reset_password": lambda services, _: partial(reset_password, services, AWAY, token=link(services), password=NEW),
    "accept_as_new": lambda services, _: partial(
        accept_as_new, services, AWAY, token=invited(services, "new@example.com"), name="New", password=NEW
    ),
    "accept_invite": lambda services, made: partial(
        accept_invite, services, HOME, made.session, token=invited(services, "mia@example.com")
    ),
    "leave_tenant": lambda services, made: partial(leave_tenant, services, HOME, made.session, tenant_id=joined(services, made)),
    "act_as": lambda services, _: partial(
        act_as, services, HOME, operators(services).session, tenant_id=make_tenant(services).id, reason="ticket 7"
    ),
    "stop_acting": lambda services, _: partial(stop_acting, services, HOME, acting(services).session),
    "rename_person": lambda services, made: partial(rename_person, services, HOME, made.session, name="Maria"),
}


@pytest.mark.parametrize("name", SCENES)
def test_what_cannot_be_committed_leaves_nothing(services: Services, name: str) -> None:
    deed = SCENES[name](services, mia(services))
    before, mails = state(services), len(mailer(services).sent)
    with no_deed_is_kept(services), pytest.raises(ConnectionError):
        deed()
    assert state(services) == before
    assert len(mailer(services).sent) == mails
    deed()
    assert state(services) != before
