"""Which e-mail addresses and passwords are taken, and what a refusal says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidIntent
from app.domain.people import EMAIL_MAX, PASSWORD_MAX, PASSWORD_MIN, check_email, check_password, normal_email

EMAIL = "mia@example.com"
LONGEST = f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 57}.com"


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        pytest.param("mia@example.com", "mia@example.com", id="plain"),
        pytest.param("  Mia@Example.COM \n", "mia@example.com", id="trimmed and in lower case"),
        pytest.param("mia+shop@example.com", "mia+shop@example.com", id="a tag"),
        pytest.param("mia.o'hara@mail.example.co.uk", "mia.o'hara@mail.example.co.uk", id="an apostrophe, dots"),
        pytest.param("ops@storeyard.localhost", "ops@storeyard.localhost", id="a name of this machine"),
        pytest.param("root@localhost", "root@localhost", id="this machine"),
        pytest.param("mia@xn--bcher-kva.example", "mia@xn--bcher-kva.example", id="an encoded international host"),
        pytest.param(LONGEST, LONGEST, id="254 characters"),
    ],
)
def test_an_address_is_kept_in_one_form(given_: str, kept: str) -> None:
    assert check_email(given_) == kept == normal_email(given_)


@pytest.mark.parametrize(
    ("email", "rule"),
    [
        pytest.param("", "length", id="nothing"),
        pytest.param("   ", "length", id="spaces"),
        pytest.param(f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 58}.com", "length", id="255 characters, one too many"),
        pytest.param("mia", "form", id="no @"),
        pytest.param("@example.com", "form", id="nobody"),
        pytest.param("mia@", "form", id="nowhere"),
        pytest.param("mia@gmail", "form", id="no top-level domain: a slip of the pen"),
        pytest.param("mia@@example.com", "form", id="two @"),
        pytest.param("mia@example.com, tom@example.com", "form", id="two addresses"),
        pytest.param("Mia <mia@example.com>", "form", id="with a name"),
        pytest.param('"mia"@example.com', "form", id="quoted"),
        pytest.param("mia smith@example.com", "form", id="a space"),
        pytest.param(".mia@example.com", "form", id="a leading dot"),
        pytest.param("mia.@example.com", "form", id="a trailing dot"),
        pytest.param("mi..a@example.com", "form", id="two dots"),
        pytest.param("mia@example..com", "form", id="an empty label"),
        pytest.param("mia@example.com.", "form", id="a trailing dot of the host"),
        pytest.param("mia@-example.com", "form", id="a label that begins with a dash"),
        pytest.param("mia@exa_mple.com", "form", id="an underscore in a host"),
        pytest.param("mia@127.0.0.1", "form", id="an address of a machine"),
        pytest.param("mia@[127.0.0.1]", "form", id="the same in brackets"),
        pytest.param(f"{'l' * 65}@example.com", "form", id="65 characters before the @"),
        pytest.param("mia@example.com\nBcc: all@example.com", "form", id="a header smuggled in"),
        pytest.param("mia@example.com\x00", "form", id="a null byte"),
        pytest.param("m\u0456a@example.com", "form", id="a Cyrillic i"),
        pytest.param("\u212aim@example.com", "form", id="the Kelvin sign, whose lower case is k"),
    ],
)
def test_a_wrong_address_is_refused_with_its_rule(email: str, rule: str) -> None:
    with pytest.raises(InvalidIntent) as refused:
        check_email(email)
    assert (refused.value.data["field"], refused.value.data["rule"]) == ("email", rule)


@given(st.text() | st.emails())
def test_what_is_kept_is_taken_again_unchanged(text: str) -> None:
    try:
        email = check_email(text)
    except InvalidIntent:
        return
    assert check_email(email) == email == email.lower()
    assert len(email) <= EMAIL_MAX


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("a" * PASSWORD_MIN, id="12 characters"),
        pytest.param("a" * PASSWORD_MAX, id="128 characters"),
        pytest.param("correct horse battery", id="spaces"),
        pytest.param("  leading and trailing  ", id="spaces at its ends are its own"),
        pytest.param("пароль-пароль", id="Cyrillic"),
        pytest.param("🔑" * PASSWORD_MIN, id="pictures count as one each"),
        pytest.param(f"not {EMAIL}", id="the address within more"),
    ],
)
def test_a_password_is_taken_as_it_is(password: str) -> None:
    assert check_password(password, email=EMAIL) == password


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        pytest.param("", "length", id="nothing"),
        pytest.param("a" * (PASSWORD_MIN - 1), "length", id="11 characters"),
        pytest.param("a" * (PASSWORD_MAX + 1), "length", id="129 characters"),
        pytest.param("twelve and\n more", "characters", id="a line break"),
        pytest.param("twelve and\t more", "characters", id="a tab"),
        pytest.param("twelve and\x00 more", "characters", id="a null byte"),
        pytest.param("twelve and\x7f more", "characters", id="delete"),
        pytest.param("twelve and \udcff more", "characters", id="half a character, which has no bytes"),
        pytest.param(EMAIL, "not_email", id="the e-mail address"),
        pytest.param(" MIA@example.com", "not_email", id="the same in capitals"),
    ],
)
def test_a_weak_password_is_refused_with_its_rule_and_never_repeated(password: str, rule: str) -> None:
    with pytest.raises(InvalidIntent) as refused:
        check_password(password, email=EMAIL)
    assert refused.value.data == {"field": "password", "rule": rule}
    assert not password or password not in refused.value.message
