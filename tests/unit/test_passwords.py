"""Passwords at rest: what every adapter of the port keeps to, Argon2's parameters, and what is generated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from app.adapters.passwords import Argon2Passwords
from app.domain.people import check_password
from app.ports import Passwords
from app.services.passwords import generate_password
from tests.fakes.passwords import FakePasswords

PLAIN = "correct horse battery"


@pytest.fixture(params=[Argon2Passwords, FakePasswords], ids=["argon2", "fake"])
def passwords(request: pytest.FixtureRequest) -> Passwords:
    return request.param()


def test_a_hash_is_of_its_password_alone_and_does_not_show_it(passwords: Passwords) -> None:
    hashed = passwords.hash(PLAIN)
    assert PLAIN not in hashed
    assert passwords.matches(hashed, PLAIN)
    assert not passwords.matches(hashed, PLAIN.upper())
    assert not passwords.matches(hashed, "")
    assert not passwords.outdated(hashed)


def test_a_damaged_hash_is_of_no_password_and_to_be_made_anew(passwords: Passwords) -> None:
    for damaged in ("", "$", "nonsense", "$argon2id$v=19$m=19456,t=2,p=1$"):
        assert not passwords.matches(damaged, PLAIN)
        assert passwords.outdated(damaged)


def test_a_hash_carries_the_parameters_of_the_design_and_a_salt_of_its_own() -> None:
    passwords = Argon2Passwords()
    first, second = passwords.hash(PLAIN), passwords.hash(PLAIN)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


def test_a_weaker_hash_still_matches_and_is_outdated() -> None:
    passwords = Argon2Passwords()
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PLAIN)
    assert passwords.matches(weaker, PLAIN)
    assert passwords.outdated(weaker)


def test_a_letter_in_two_spellings_is_one_password() -> None:
    passwords = Argon2Passwords()
    assert passwords.matches(passwords.hash("gr\u00fcn gr\u00fcn gr\u00fcn"), "gru\u0308n gru\u0308n gru\u0308n")


def test_what_cannot_be_encoded_matches_nothing_and_is_no_error() -> None:
    passwords = Argon2Passwords()
    assert not passwords.matches(passwords.hash(PLAIN), "\udcff")


def test_more_threads_than_turns_all_get_theirs() -> None:
    passwords = Argon2Passwords()
    hashed = passwords.hash(PLAIN)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(passwords.matches, [hashed] * 6, [PLAIN, "wrong"] * 3)) == [True, False] * 3


def test_what_is_generated_is_taken_and_never_the_same() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert check_password(password, email="mia@example.com") == password
        assert set(password) <= set("abcdefghjkmnpqrstuvwxyz23456789-")
