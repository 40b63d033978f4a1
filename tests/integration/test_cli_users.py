"""`storeyard user`: accounts, passwords that are shown once and never an argument, and roles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.root import build_root
from app.services.context import Services
from app.services.queries import audit_entries
from tests.fakes.queue import FakeQueue
from tests.integration.cli import Shell

CHOSEN = "correct horse battery"


@pytest.fixture
def shell(services: Services, queue: FakeQueue) -> Shell:
    opened = Shell.open(services, queue)
    opened.ok("tenant", "create", "acme")
    return opened


def with_input(shell: Shell, text: str | bytes, *args: str, code: int = 0) -> Any:
    result = CliRunner().invoke(build_root(shell.services), [*args, "--json"], input=text, catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert CHOSEN not in result.output
    return json.loads(result.stdout)


def test_an_account_with_a_role_and_a_password_printed_once(shell: Shell) -> None:
    made = shell.json("user", "create", "Mia@Example.com", "--name", "Mia Merchant", "--tenant", "acme", "--role", "owner")
    assert set(made) == {"user", "tenant", "role", "password"}
    user = {"email": "mia@example.com", "name": "Mia Merchant", "operator": False}
    assert made["user"] == {"id": made["user"]["id"], **user}
    assert (made["tenant"], made["role"]) == ("acme", "owner")
    assert len(made["password"]) == 23
    later = shell.ok("user", "list") + shell.ok("user", "list", "--json") + str(audit_entries(shell.services))
    assert made["password"] not in later
    assert "$" not in later


def test_an_account_for_people_to_read(shell: Shell) -> None:
    text = shell.ok("user", "create", "ops@example.com", "--operator")
    assert "ops@example.com" in text
    assert "operator" in text
    assert "  Password  " in text
    assert "this once" in text
    made = shell.json("user", "create", "mia@example.com")
    assert (made["tenant"], made["role"]) == (None, None)
    text = shell.ok("user", "list")
    assert "USER" in text
    assert "operator" in text
    assert "now" in text or "ago" in text


def test_a_password_by_standard_input_is_not_printed(shell: Shell) -> None:
    for number, text in enumerate((CHOSEN, f"{CHOSEN}\n", f"{CHOSEN}\r\n")):
        made = with_input(shell, text, "user", "create", f"mia{number}@example.com", "--password-stdin")
        assert made["password"] is None
    assert with_input(shell, "ünder schütz\n", "user", "set-password", "mia0@example.com", "--password-stdin")["password"] is None
    result = CliRunner().invoke(build_root(shell.services), ["user", "set-password", "mia0@example.com", "--password-stdin"], input=CHOSEN)
    assert result.output == "The password of mia0@example.com is set.\n"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "length"),
        ("short\n", "length"),
        ("x" * 100_000, "length"),
        ("🔑" * 129, "length"),
        (f"{CHOSEN}\nand a second line\n", "characters"),
        ("mia@example.com\n", "not_email"),
    ],
)
def test_a_weak_password_is_refused(shell: Shell, text: str, rule: str) -> None:
    error = with_input(shell, text, "user", "create", "mia@example.com", "--password-stdin", code=1)["error"]
    assert (error["code"], error["data"]) == ("invalid_intent", {"field": "password", "rule": rule})
    assert shell.json("user", "list")["users"] == []


def test_bytes_that_are_no_text_are_wrong_usage(shell: Shell) -> None:
    error = with_input(shell, b"\xff\xfe" * 10, "user", "create", "mia@example.com", "--password-stdin", code=2)["error"]
    assert error["code"] == "usage"


def test_there_is_no_option_that_takes_a_password(shell: Shell) -> None:
    shell.refused("user", "create", "mia@example.com", "--password", CHOSEN, code=2)


def test_an_address_that_has_an_account_is_taken(shell: Shell) -> None:
    shell.ok("user", "create", "mia@example.com")
    error = shell.json("user", "create", "MIA@example.com", code=1)["error"]
    assert error["code"] == "name_taken"
    assert error["data"] == {"field": "email", "rule": "unique", "email": "mia@example.com"}
    assert "already" in shell.refused("user", "create", "mia@example.com")


def test_a_wrong_address_names_field_and_rule(shell: Shell) -> None:
    error = shell.json("user", "create", "mia", code=1)["error"]
    assert (error["code"], error["data"]["field"], error["data"]["rule"]) == ("invalid_intent", "email", "form")


def test_a_password_is_set_anew(shell: Shell) -> None:
    first = shell.json("user", "create", "mia@example.com")["password"]
    changed = shell.json("user", "set-password", "MIA@example.com")
    assert set(changed) == {"user", "password"}
    assert changed["password"] != first
    assert "  Password  " in shell.ok("user", "set-password", changed["user"]["id"])


def test_roles_are_given_changed_and_taken_away(shell: Shell) -> None:
    shell.ok("user", "create", "mia@example.com", "--tenant", "acme", "--role", "owner")
    shell.ok("user", "create", "tom@example.com")
    given = shell.json("user", "role", "tom@example.com", "--tenant", "acme", "--role", "viewer")
    assert (given["user"]["email"], given["tenant"], given["role"]) == ("tom@example.com", "acme", "viewer")
    listed = shell.json("user", "list", "--tenant", "acme")["users"]
    assert [[membership["role"] for membership in user["memberships"]] for user in listed] == [["owner"], ["viewer"]]
    assert "owner of acme" in shell.ok("user", "list")
    assert "is member of acme" in shell.ok("user", "role", "tom@example.com", "--tenant", "acme", "--role", "member")
    assert "last owner" in shell.refused("user", "role", "mia@example.com", "--tenant", "acme", "--remove")
    assert "last owner" in shell.refused("user", "role", "mia@example.com", "--tenant", "acme", "--role", "member")
    assert shell.json("user", "role", "tom@example.com", "--tenant", "acme", "--remove")["role"] is None
    assert "no role in acme" in shell.refused("user", "role", "tom@example.com", "--tenant", "acme", "--remove")


def test_an_empty_list_says_how_to_begin(shell: Shell) -> None:
    assert "storeyard user create" in shell.ok("user", "list")


@pytest.mark.parametrize(
    ("args", "said", "code"),
    [
        (("create", "mia@example.com", "--tenant", "acme"), "--tenant and --role together", 2),
        (("create", "mia@example.com", "--role", "owner"), "--tenant and --role together", 2),
        (("create", "mia@example.com", "--tenant", "acme", "--role", "king"), "king", 2),
        (("create", "mia@example.com", "--tenant", "nowhere", "--role", "owner"), "no tenant 'nowhere'", 1),
        (("list", "--tenant", "nowhere"), "no tenant 'nowhere'", 1),
        (("set-password", "nobody@example.com"), "no user", 1),
        (("role", "nobody@example.com", "--tenant", "acme", "--role", "owner"), "no user", 1),
        (("role", "mia@example.com", "--tenant", "acme"), "--role or --remove", 2),
        (("role", "mia@example.com", "--tenant", "acme", "--role", "owner", "--remove"), "--role or --remove", 2),
        (("role", "mia@example.com", "--role", "owner"), "--tenant", 2),
    ],
)
def test_wrong_usage_and_unknown_names(shell: Shell, args: tuple[str, ...], said: str, code: int) -> None:
    assert said in shell.refused("user", *args, code=code)
