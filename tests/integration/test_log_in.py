"""Log in: the right password opens a new session, and nobody finds out by trying, nor by the clock (F33)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import select

from app.domain.errors import LogInRefused, TooManyAttempts
from app.domain.people import Role, Visitor
from app.domain.throttle import RULES, Throttled
from app.models import AuthSession, Throttle, User
from app.services.change_role import change_role
from app.services.context import Services
from app.services.create_user import create_user
from app.services.log_in import log_in
from app.services.set_password import set_password
from app.services.switch_tenant import switch_tenant
from tests.factories import OPERATOR, make_tenant
from tests.fakes.clock import FakeClock
from tests.fakes.passwords import FakePasswords
from tests.integration.accounts import AWAY, PASSWORD, again, audit_of, count, found, mia, now_of

FREE = RULES[Throttled.LOG_IN_ACCOUNT].free


def fail(services: Services, email: str = "mia@example.com", visitor: Visitor = AWAY) -> None:
    with pytest.raises(LogInRefused):
        log_in(services, visitor, email=email, password="wrong wrong wrong")


def locked(services: Services, email: str = "mia@example.com", visitor: Visitor = AWAY, password: str = PASSWORD) -> int:
    with pytest.raises(TooManyAttempts) as refused:
        log_in(services, visitor, email=email, password=password)
    return refused.value.data["seconds"]


class Counting(FakePasswords):
    def __init__(self) -> None:
        super().__init__()
        self.work = 0

    def hash(self, plain: str) -> str:
        self.work += 1
        return super().hash(plain)

    def matches(self, hashed: str, plain: str) -> bool:
        self.work += 1
        return super().matches(hashed, plain)


def test_each_log_in_is_a_session_of_its_own_with_a_new_token(services: Services) -> None:
    first = mia(services)
    second = again(services, " MIA@example.com ")
    assert second.token != first.token
    assert second.session.id != first.session.id
    assert second.session.csrf != first.session.csrf
    assert second.session.tenant == first.session.tenant
    assert now_of(services, first).user == now_of(services, second).user
    (entry,) = audit_of(services, "user.log_in")
    assert (entry.actor_id, entry.actor_ip) == (first.session.user.id, AWAY.address)


def test_neither_the_answer_nor_the_work_tells_whether_there_is_an_account(services: Services) -> None:
    counting = Counting()
    services = replace(services, passwords=counting)
    mia(services)
    create_user(services, OPERATOR, email="otto@example.com")
    with services.sessions.platform("a test sets the scene") as session:
        user = session.scalars(select(User).where(User.email == "otto@example.com")).one()
        user.password_hash = user.password_set_at = None
    answers: set[str] = set()
    for email in ("mia@example.com", "nobody@example.com", "otto@example.com", "no address\x00 at all ü", ""):
        before = counting.work
        with pytest.raises(LogInRefused) as refused:
            log_in(services, AWAY, email=email, password="wrong wrong wrong")
        answers.add(refused.value.message)
        assert refused.value.data == {}
        assert counting.work == before + 1, email
    assert len(answers) == 1


def test_a_hash_of_weaker_parameters_is_made_anew_when_the_password_is_at_hand(services: Services) -> None:
    mia(replace(services, passwords=FakePasswords("earlier")))
    again(services)
    with services.sessions.platform("a test looks") as session:
        hashed = session.scalars(select(User.password_hash)).one()
    assert hashed
    assert hashed.startswith("now$")
    again(services)


def test_f33_an_account_is_locked_for_longer_and_longer_and_then_let_in_again(services: Services, clock: FakeClock) -> None:
    mia(services)
    for _ in range(FREE):
        fail(services)
    assert locked(services) == 30
    clock.advance(29)
    assert locked(services) == 1
    for wait in (60, 120, 240, 480, 900, 900):
        clock.advance(900)
        fail(services)
        assert locked(services, visitor=Visitor("203.0.113.5")) == wait, "another network does not help"
    clock.advance(900)
    again(services)
    for _ in range(FREE):
        fail(services, visitor=Visitor("203.0.113.6"))


def test_f33_an_unknown_address_is_locked_just_the_same(services: Services) -> None:
    for _ in range(FREE):
        fail(services, "nobody@example.com")
    assert locked(services, "NOBODY@example.com ") == 30


def test_f33_one_network_that_tries_many_accounts_is_locked(services: Services) -> None:
    mia(services)
    free = RULES[Throttled.LOG_IN_ADDRESS].free
    for number in range(free):
        fail(services, f"user{number}@example.com", Visitor(f"2001:db8::{number + 1:x}"))
    assert locked(services, visitor=Visitor("2001:db8::ffff")) == 60
    assert count(services, Throttle) == free + 2, "an attempt that is refused counts nowhere"
    again(services)


def test_a_busy_office_where_all_log_in_rightly_is_never_locked(services: Services) -> None:
    mia(services)
    for _ in range(RULES[Throttled.LOG_IN_ADDRESS].free + 5):
        again(services)


def test_a_right_password_forgives_no_wrong_ones_of_other_accounts(services: Services) -> None:
    mia(services)
    for number in range(RULES[Throttled.LOG_IN_ADDRESS].free):
        fail(services, f"user{number}@example.com")
        if number < RULES[Throttled.LOG_IN_ADDRESS].free - 1:
            again(services)
    assert locked(services) == 60


def test_f33_of_many_guesses_at_the_same_moment_no_more_than_the_free_ones_are_tried(services: Services) -> None:
    counting = Counting()
    services = replace(services, passwords=counting)
    mia(services)
    before, barrier = counting.work, Barrier(16)

    def guess(_: int) -> str:
        barrier.wait()
        try:
            log_in(services, AWAY, email="mia@example.com", password="wrong wrong wrong")
        except (LogInRefused, TooManyAttempts) as error:
            return error.code
        return ""

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, range(16)))
    assert sorted(set(answers)) == ["log_in_refused", "too_many_attempts"]
    assert counting.work - before == answers.count("log_in_refused") == FREE


def test_attempts_are_forgotten_after_a_quiet_day(services: Services, clock: FakeClock) -> None:
    mia(services)
    for _ in range(FREE):
        fail(services)
    clock.advance(hours=25)
    for _ in range(FREE):
        fail(services)
    assert locked(services) == 30


def test_no_row_tells_whose_account_or_address_was_tried(services: Services) -> None:
    fail(services, "nobody@example.com")
    with services.sessions.platform("a test looks") as session:
        keys = b"".join(session.scalars(select(Throttle.key)))
    assert b"nobody" not in keys
    assert b"198.51" not in keys


def test_a_password_that_was_changed_while_it_was_tried_opens_nothing(services: Services) -> None:
    made = mia(services)

    class Slow(FakePasswords):
        def matches(self, hashed: str, plain: str) -> bool:
            set_password(services, OPERATOR, user_id=made.session.user.id)
            return super().matches(hashed, plain)

    with pytest.raises(LogInRefused):
        again(replace(services, passwords=Slow()))
    assert count(services, AuthSession) == 0
    assert found(services, made) is None


def test_a_new_session_shows_the_tenant_of_the_last_one(services: Services, clock: FakeClock) -> None:
    made = mia(services)
    other = make_tenant(services, "other")

    change_role(services, OPERATOR, tenant_id=other.id, user_id=made.session.user.id, role=Role.VIEWER)
    clock.advance(1)
    assert again(services).session.tenant == made.session.tenant
    switch_tenant(services, made.session, tenant_id=other.id)
    clock.advance(60)
    now_of(services, made)
    session = again(services).session
    assert (session.tenant, session.role) == (other, Role.VIEWER)
