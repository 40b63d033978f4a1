"""Sessions: found by their token alone, kept alive by use, ended by time and by hand, for each person their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app.domain.actors import ActorKind
from app.domain.errors import Forbidden, InvalidIntent, NotFound, TooManyAttempts
from app.domain.people import SESSION_IDLE, SESSION_LONGEST, Role, Visitor
from app.domain.throttle import RULES, Throttled
from app.models import AuthSession, User
from app.services.auth_sessions import find_session, list_sessions, log_out, revoke_others, revoke_session
from app.services.change_password import change_password
from app.services.change_role import change_role
from app.services.context import Services
from app.services.profile import rename_person
from app.services.set_password import set_password
from tests.factories import OPERATOR, make_id
from tests.fakes.clock import FakeClock
from tests.integration.accounts import AWAY, HOME, PASSWORD, again, audit_of, count, found, mia, now_of, refusal

NEW = "another horse battery"


def statements(services: Services, token: str, visitor: Visitor = HOME) -> list[str]:
    said: list[str] = []

    def listen(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(services.sessions.engine, "before_cursor_execute", listen)
    try:
        assert find_session(services, visitor, token)
    finally:
        event.remove(services.sessions.engine, "before_cursor_execute", listen)
    return said


def test_a_session_with_person_role_and_tenant_is_one_query(services: Services, clock: FakeClock) -> None:
    made = mia(services)
    assert len(statements(services, made.token)) == 1
    clock.advance(59)
    assert len(statements(services, made.token)) == 1
    clock.advance(1)
    select_, update = statements(services, made.token, AWAY)
    assert (select_[:6], update[:6]) == ("SELECT", "UPDATE")
    assert len(statements(services, made.token)) == 1, "use is written once a minute at most"
    (view,) = list_sessions(services, now_of(services, made))
    assert (view.last_seen_at, view.address, view.user_agent) == (clock.now(), AWAY.address, "Chrome")


@pytest.mark.parametrize("token", ["", "x", "ü" * 300, "a\x00b", "\ud800"])
def test_what_is_no_token_finds_nothing(services: Services, token: str) -> None:
    mia(services)
    assert find_session(services, HOME, token) is None


def test_the_database_holds_no_token_and_no_csrf_word(services: Services) -> None:
    made = mia(services)
    with services.sessions.platform("a test looks") as session:
        row = session.scalars(select(AuthSession)).one()
        kept = repr({column.name: getattr(row, column.name) for column in AuthSession.__table__.columns})
    assert made.token not in kept
    assert made.session.csrf not in kept
    assert made.session.csrf not in repr(made.session)
    assert find_session(services, HOME, row.token_hash.hex()) is None


def test_a_session_ends_when_it_is_not_used(services: Services, clock: FakeClock) -> None:
    made = mia(services)
    clock.advance(SESSION_IDLE.total_seconds() - 1)
    assert now_of(services, made)
    clock.advance(SESSION_IDLE.total_seconds() - 1)
    assert found(services, made)
    clock.advance(SESSION_IDLE.total_seconds())
    assert found(services, made) is None


def test_a_session_ends_after_its_longest_time_however_much_it_is_used(services: Services, clock: FakeClock) -> None:
    made, begun = mia(services), clock.now()
    while clock.now() - begun < SESSION_LONGEST - timedelta(days=1):
        assert found(services, made)
        clock.advance(days=1)
    assert now_of(services, made).expires_at <= begun + SESSION_LONGEST
    clock.advance(days=1)
    assert found(services, made) is None


def test_requests_at_the_same_moment_all_find_the_session(services: Services, clock: FakeClock) -> None:
    made = mia(services)
    clock.advance(60)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: found(services, made), range(16)))


def test_a_log_out_ends_this_session_alone(services: Services) -> None:
    first, second = mia(services), again(services)
    log_out(services, first.session)
    log_out(services, first.session)
    assert found(services, first) is None
    assert found(services, second)


def test_a_person_sees_and_ends_their_own_sessions_only(services: Services, clock: FakeClock) -> None:
    first = mia(services)
    clock.advance(1)
    second = again(services)
    other = mia(services, "otto@example.com")
    views = list_sessions(services, first.session)
    assert [(view.id, view.current) for view in views] == [(first.session.id, True), (second.session.id, False)]
    for stranger in (other.session.id, make_id(), "x\ud800"[:1]):
        with pytest.raises(NotFound):
            revoke_session(services, HOME, first.session, session_id=stranger)
    revoke_session(services, HOME, first.session, session_id=second.session.id)
    assert found(services, second) is None
    assert found(services, other)
    third = again(services)
    assert revoke_others(services, HOME, first.session) == 1
    assert revoke_others(services, HOME, first.session) == 0
    assert found(services, third) is None
    assert found(services, first)
    assert [entry.after for entry in audit_of(services, "user.session_revoke")] == [{"sessions": 1}, {"sessions": 1}]


def test_a_long_user_agent_is_cut_and_a_strange_one_kept_out(services: Services) -> None:
    mia(services)
    made = again(services, visitor=Visitor("192.0.2.8", "\x00" + "a" * 5000))
    views = {view.id: view for view in list_sessions(services, made.session)}
    assert views[made.session.id].user_agent == "a" * 300


def test_who_is_taken_out_of_a_tenant_is_out_of_it_at_the_next_request(services: Services) -> None:
    made = mia(services)
    assert made.session.tenant
    tenant_id, user_id = made.session.tenant.id, made.session.user.id
    other = mia(services, "otto@example.com")
    change_role(services, OPERATOR, tenant_id=tenant_id, user_id=other.session.user.id, role=Role.OWNER)
    change_role(services, OPERATOR, tenant_id=tenant_id, user_id=user_id, role=Role.VIEWER)
    session = now_of(services, made)
    assert (session.role, session.may(Role.VIEWER), session.may(Role.MEMBER), session.may(Role.OWNER)) == (Role.VIEWER, True, False, False)
    change_role(services, OPERATOR, tenant_id=tenant_id, user_id=user_id, role=None)
    session = now_of(services, made)
    assert (session.tenant, session.role, session.may(Role.VIEWER)) == (None, None, False)


def test_the_actor_of_a_merchant_is_a_user_and_none_of_the_platforms(services: Services) -> None:
    session = mia(services).session
    actor = session.actor(HOME)
    assert (actor.kind, actor.id, actor.name, actor.ip, actor.request_id) == (
        ActorKind.USER, session.user.id, "Mia", "192.0.2.7", "request-1",
    )  # fmt: skip
    with pytest.raises(Forbidden):
        session.operator(HOME)


def test_a_changed_password_ends_the_other_sessions_and_needs_the_old_one(services: Services) -> None:
    first, second = mia(services), again(services)
    with pytest.raises(InvalidIntent) as refused:
        change_password(services, HOME, first.session, old="wrong wrong wrong", new=NEW)
    assert refusal(refused) == ("old", "wrong")
    assert change_password(services, HOME, first.session, old=PASSWORD, new=NEW) == 1
    assert found(services, first)
    assert found(services, second) is None
    assert again(services, password=NEW)
    (entry,) = audit_of(services, "user.password")
    assert (entry.actor_id, entry.after) == (first.session.user.id, {"email": "mia@example.com", "password": "changed"})


def test_a_changed_password_must_keep_the_rules(services: Services) -> None:
    made = mia(services)
    with pytest.raises(InvalidIntent) as refused:
        change_password(services, HOME, made.session, old=PASSWORD, new="short")
    assert refusal(refused) == ("password", "length")


def test_f33_nobody_guesses_the_old_password_in_an_open_browser(services: Services) -> None:
    made = mia(services)
    for _ in range(RULES[Throttled.LOG_IN_ACCOUNT].free):
        with pytest.raises(InvalidIntent):
            change_password(services, HOME, made.session, old="wrong wrong wrong", new=NEW)
    with pytest.raises(TooManyAttempts):
        change_password(services, HOME, made.session, old=PASSWORD, new=NEW)


def test_a_password_that_an_operator_sets_ends_all_sessions(services: Services) -> None:
    made = mia(services)
    set_password(services, OPERATOR, user_id=made.session.user.id)
    assert found(services, made) is None
    assert count(services, AuthSession) == 0


def test_a_person_changes_their_name(services: Services) -> None:
    made = mia(services)
    renamed = rename_person(services, HOME, made.session, name="  Mia   Merchant ")
    assert renamed.user.name == now_of(services, made).user.name == "Mia Merchant"
    rename_person(services, HOME, renamed, name="Mia Merchant")
    (entry,) = audit_of(services, "user.rename")
    assert (entry.before, entry.after) == ({"name": "Mia"}, {"name": "Mia Merchant"})
    with pytest.raises(InvalidIntent) as refused:
        rename_person(services, HOME, made.session, name=" ")
    assert refusal(refused) == ("name", "length")


def test_with_an_account_go_its_sessions(services: Services) -> None:
    made = mia(services)
    with services.sessions.platform("a test sets the scene") as session:
        session.delete(session.get_one(User, made.session.user.id))
    assert found(services, made) is None
