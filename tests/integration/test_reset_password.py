"""A forgotten password: a link by mail, once, for an hour; and nobody learns whose address has an account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from app.domain.errors import InvalidIntent, LinkInvalid, LogInRefused, TooManyAttempts
from app.domain.people import Visitor
from app.domain.throttle import RULES, Throttled
from app.models import PasswordReset
from app.services.change_password import change_password
from app.services.context import Services
from app.services.reset_password import check_reset, request_reset, reset_password
from tests.fakes.clock import FakeClock
from tests.integration.accounts import AWAY, HOME, PASSWORD, again, audit_of, count, found, mailer, mia, refusal

NEW = "another horse battery"
HOUR = 3600


def ask(services: Services) -> str:
    request_reset(services, AWAY, email=" MIA@example.com")
    return mailer(services).last_token()


def test_a_link_sets_a_new_password_once_and_ends_all_sessions(services: Services) -> None:
    made = mia(services)
    token = ask(services)
    (mail,) = mailer(services).sent
    assert (mail.to, f"http://localhost:8000/reset/{token}" in mail.text, token in repr(mail)) == ("mia@example.com", True, False)
    assert check_reset(services, token) == "mia@example.com"
    reset_password(services, AWAY, token=token, password=NEW)
    assert found(services, made) is None
    assert again(services, password=NEW)
    with pytest.raises(LogInRefused):
        again(services)
    for use in (lambda: check_reset(services, token), lambda: reset_password(services, AWAY, token=token, password=NEW)):
        with pytest.raises(LinkInvalid):
            use()
    (request,), (change,) = audit_of(services, "user.reset_request"), audit_of(services, "user.password")
    assert (request.actor_ip, change.actor_id) == (AWAY.address, made.session.user.id)


def test_an_address_without_an_account_gets_the_same_answer_and_no_mail(services: Services) -> None:
    request_reset(services, AWAY, email="nobody@example.com")
    assert mailer(services).sent == []
    assert count(services, PasswordReset) == 0


def test_what_is_no_address_is_refused_by_its_form(services: Services) -> None:
    with pytest.raises(InvalidIntent) as refused:
        request_reset(services, AWAY, email="mia")
    assert refusal(refused) == ("email", "form")


def test_a_link_is_good_for_an_hour(services: Services, clock: FakeClock) -> None:
    mia(services)
    token = ask(services)
    clock.advance(HOUR - 1)
    assert check_reset(services, token)
    clock.advance(1)
    with pytest.raises(LinkInvalid):
        reset_password(services, AWAY, token=token, password=NEW)
    assert again(services)


def test_a_bad_password_does_not_use_up_the_link(services: Services) -> None:
    mia(services)
    token = ask(services)
    with pytest.raises(InvalidIntent) as refused:
        reset_password(services, AWAY, token=token, password="short")
    assert refusal(refused) == ("password", "length")
    reset_password(services, AWAY, token=token, password=NEW)


def test_a_new_password_makes_all_links_void(services: Services) -> None:
    made = mia(services)
    first, second = ask(services), ask(services)
    reset_password(services, AWAY, token=second, password=NEW)
    with pytest.raises(LinkInvalid):
        check_reset(services, first)
    third = ask(services)
    change_password(services, HOME, again(services, password=NEW).session, old=NEW, new=PASSWORD)
    with pytest.raises(LinkInvalid):
        check_reset(services, third)
    assert found(services, made) is None


def test_of_two_who_use_a_link_at_once_one_does(services: Services) -> None:
    mia(services)
    token, barrier = ask(services), Barrier(6)

    def use(number: int) -> str:
        barrier.wait()
        try:
            reset_password(services, AWAY, token=token, password=f"{NEW} {number}")
        except LinkInvalid:
            return ""
        return f"{NEW} {number}"

    with ThreadPoolExecutor(6) as pool:
        (chosen,) = filter(None, pool.map(use, range(6)))
    assert again(services, password=chosen)


def test_a_new_password_forgives_the_wrong_ones(services: Services) -> None:
    mia(services)
    for _ in range(RULES[Throttled.LOG_IN_ACCOUNT].free):
        with pytest.raises(LogInRefused):
            again(services, password="wrong wrong wrong")
    reset_password(services, AWAY, token=ask(services), password=NEW)
    assert again(services, password=NEW)


def test_too_many_mails_to_one_account_are_not_sent_and_nothing_is_said(services: Services, clock: FakeClock) -> None:
    mia(services)
    rule = RULES[Throttled.RESET_ACCOUNT]
    for number in range(rule.free + 3):
        request_reset(services, Visitor(f"203.0.113.{number}"), email="mia@example.com")
    assert len(mailer(services).sent) == count(services, PasswordReset) == rule.free
    clock.advance(rule.first)
    ask(services)
    assert len(mailer(services).sent) == rule.free + 1


def test_one_network_asks_so_often_and_no_more(services: Services) -> None:
    for number in range(RULES[Throttled.RESET_ADDRESS].free):
        request_reset(services, AWAY, email=f"user{number}@example.com")
    with pytest.raises(TooManyAttempts) as refused:
        request_reset(services, AWAY, email="mia@example.com")
    assert refused.value.data == {"what": "reset_address", "seconds": 60}


def test_the_database_holds_no_link(services: Services) -> None:
    mia(services)
    token = ask(services)
    with services.sessions.platform("a test looks") as session:
        hashed = session.scalars(select(PasswordReset.token_hash)).one()
    assert token.encode() not in hashed
    for wrong in (hashed.hex(), "", token[:-1], f"{token}x", "\x00"):
        with pytest.raises(LinkInvalid):
            check_reset(services, wrong)
