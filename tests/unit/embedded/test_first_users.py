"""The first users are made by the command line; one that an interrupted start has made already gets a new password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embedded import first_users
from embedded.first_users import NotMade
from embedded.places import CHECKOUT, Places

STUB = """#!/bin/sh
read -r password
echo "$* <$password>" >>{calls}
case "$*" in
  {taken}) echo '{{"error": {{"code": "{code}", "message": "No."}}}}'; echo "error: No." >&2; exit 1 ;;
esac
"""


@pytest.fixture
def commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    def stub(*, taken: str = "nothing", code: str = "name_taken") -> Path:
        program = folder / "storeyard"
        program.write_text(STUB.format(calls=folder / "calls", taken=taken, code=code))
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(folder / "python"))
        return folder / "calls"

    return stub


def test_a_tenant_an_operator_and_a_merchant_are_made(commands) -> None:  # type: ignore[no-untyped-def]
    calls = commands()
    operator, merchant = first_users.make_first_users({"PATH": "/usr/bin:/bin"})
    rights = "--name Merchant --tenant acme --role owner"
    assert calls.read_text().splitlines() == [
        "tenant create acme --name Acme --json <>",
        f"user create operator@storeyard.localhost --name Operator --operator --password-stdin --json <{operator.password}>",
        f"user create merchant@storeyard.localhost {rights} --password-stdin --json <{merchant.password}>",
    ]
    assert operator.password != merchant.password


def test_those_of_an_interrupted_start_get_a_password_that_can_be_shown(commands) -> None:  # type: ignore[no-untyped-def]
    calls = commands(taken="*create*")
    operator, _ = first_users.make_first_users({"PATH": "/usr/bin:/bin"})
    said = calls.read_text()
    assert f"user set-password operator@storeyard.localhost --password-stdin --json <{operator.password}>" in said
    assert said.count("set-password") == 2


def test_another_refusal_is_passed_on_without_the_password(commands) -> None:  # type: ignore[no-untyped-def]
    commands(taken="user*", code="queue_unavailable")
    with pytest.raises(NotMade, match=r"`storeyard user create operator@storeyard.localhost .*` says: error: No$"):
        first_users.make_first_users({"PATH": "/usr/bin:/bin"})


def test_a_new_database_gets_its_users_again(places: Places) -> None:
    own = first_users.mark(places, {}, local_database=True)
    assert own.is_relative_to(places.postgres)
    one, other = (
        first_users.mark(places, {"STOREYARD_DATABASE_URL": url}, local_database=False) for url in ("postgresql://a", "postgresql://b")
    )
    assert one != other


def test_the_command_line_says_where_nothing_was_started(places: Places) -> None:
    done = subprocess.run(
        [CHECKOUT / "scripts" / "storeyard", "store", "list"],
        env={"PATH": "/usr/bin:/bin", "STOREYARD_STATE": str(places.state)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Run `make up`" in done.stderr


def test_the_command_line_has_the_settings_of_what_was_started_and_the_shells_win(places: Places) -> None:
    places.environment.write_text("STOREYARD_DATABASE_URL=a b$c'd\nSTOREYARD_QUEUE_URL=ftp://x\n")
    done = subprocess.run(
        [CHECKOUT / "scripts" / "storeyard", "store", "list"],
        env={"PATH": "/usr/bin:/bin", "STOREYARD_STATE": str(places.state), "STOREYARD_QUEUE_URL": "redis://mine"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "STOREYARD_DATABASE_URL: must be a PostgreSQL address" in done.stderr
    assert "STOREYARD_QUEUE_URL" not in done.stderr
