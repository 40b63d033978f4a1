"""What goes wrong is said in one line, with a code that scripts can rely on, and never with a password."""

from __future__ import annotations

import json
import os

import click
import psycopg
import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.cli import processes
from app.cli.failures import failure_of
from app.cli.invocation import login_name
from app.cli.root import build_root
from app.domain.errors import NameTaken
from app.ports import QueueUnavailable
from app.services.doctor import database_place, database_trouble
from app.services.wait import NotReadyInTime

MULTIPLE = """Multiple connection attempts failed. All failures were:
- host: 'db', port: '5432', hostaddr: '::1': connection failed: connection to server at "::1", port 5432 failed: Connection refused
\tIs the server running?
- host: 'db', port: '5432', hostaddr: '127.0.0.1': connection failed: …"""

URL = "postgresql://me:topsecret@db.example.com:5432/storeyard"


def run(*args: str, **env: str) -> Result:
    clean = {name: None for name in os.environ if name.startswith("STOREYARD_")}
    return CliRunner().invoke(build_root(), args, prog_name="storeyard", env={**clean, **env})


def trouble(text: str, *, sqlstate: str | None = None) -> psycopg.Error:
    class Known(psycopg.OperationalError):
        pass

    Known.sqlstate = sqlstate
    return Known(text)


def test_known_errors_have_their_code_message_and_data() -> None:
    failure = failure_of(NameTaken("Taken.", slug="shop"))
    assert failure is not None
    assert (failure.code, failure.message, failure.data, failure.exit_code) == ("name_taken", "Taken.", {"slug": "shop"}, 1)


def test_not_ready_in_time_is_exit_code_4() -> None:
    failure = failure_of(NotReadyInTime("Not yet."))
    assert failure is not None
    assert failure.exit_code == 4


def test_a_queue_out_of_reach_is_said() -> None:
    failure = failure_of(QueueUnavailable("The queue cannot be reached: refused."))
    assert failure is not None
    assert "STOREYARD_QUEUE_URL" in failure.message


@pytest.mark.parametrize("error", [ValueError("a bug"), IntegrityError("INSERT", {}, Exception("x"))])
def test_a_bug_is_not_talked_away(error: Exception) -> None:
    assert failure_of(error, database_url=URL) is None


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (
            'connection failed: connection to server at "10.0.0.1", port 5432 failed: Connection refused\n\tIs the server running?',
            "The database at db.example.com:5432/storeyard cannot be reached: Connection refused.",
        ),
        (
            'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "me"',
            'password authentication failed for user "me".',
        ),
        (
            MULTIPLE,
            "cannot be reached: Connection refused.",
        ),
        ("connection timeout expired", "The database at db.example.com:5432/storeyard cannot be reached: connection timeout expired."),
        ("failed to resolve host 'db': [Errno -2] Name or service not known", "failed to resolve host 'db'"),
        ("", "no answer."),
    ],
)
def test_a_database_out_of_reach_is_one_sentence_with_the_host(driver: str, said: str) -> None:
    found = database_trouble(OperationalError("SELECT 1", {}, trouble(driver)), URL)
    assert found is not None
    code, message = found
    assert code == "database_unavailable"
    assert said in message
    assert "STOREYARD_DATABASE_URL" in message
    assert "\n" not in message
    assert "topsecret" not in message


def test_a_schema_that_is_not_there_names_the_command() -> None:
    found = database_trouble(ProgrammingError("SELECT", {}, trouble('relation "stores" does not exist', sqlstate="42P01")), URL)
    assert found is not None
    assert found[0] == "database_schema"
    assert "storeyard db upgrade" in found[1]


def test_a_busy_pool_is_no_bug() -> None:
    found = database_trouble(PoolTimeout("QueuePool limit"), None)
    assert found == ("database_unavailable", "All connections to the database are in use. Try again.")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (URL, "db.example.com:5432/storeyard"),
        ("postgresql://postgres@/x?host=/run/pg", "/run/pg/x"),
        ("postgresql:///x", "localhost/x"),
    ],
)
def test_where_a_database_is(url: str, place: str) -> None:
    assert database_place(url) == place


BAD = {
    "STOREYARD_DATABASE_URL": "mysql://x",
    "STOREYARD_QUEUE_URL": "",
    "STOREYARD_VAULT_KEYS": "short",
    "STOREYARD_TLS": "maybe",
    "STOREYARD_PUBLIC_PORT": "http",
    "STOREYARD_STORE_DOMIAN": "x.example.com",
}


@pytest.mark.parametrize("command", [["tenant", "list"], ["worker"], ["scheduler"], ["db", "upgrade"], ["doctor"]], ids=" ".join)
def test_a_wrong_environment_lists_every_wrong_variable_at_once(command: list[str]) -> None:
    result = run(*command, **BAD)
    assert result.exit_code == 2
    assert result.stdout == ""
    for name in BAD:
        assert sum(line.strip().startswith(f"{name}: ") for line in result.stderr.splitlines()) == 1, name


def test_a_wrong_environment_as_json() -> None:
    result = run("store", "list", "--json", **BAD)
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "configuration"
    assert len(error["data"]["problems"]) == len(BAD)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--bad"], "No such option '--bad'"),
        (["stor"], "No such command 'stor'"),
        (["store", "shwo", "x"], "No such command 'shwo'"),
        (["store", "show"], "Missing argument 'STORE'"),
        (["store", "create", "shop"], "Missing option '--tenant'"),
        (["store", "mode", "shop", "loose"], "'loose' is not one of"),
        (["store", "list", "--phase", "Happy"], "'Happy' is not one of"),
        (["quota", "set", "--tenant", "x", "--stores", "-1", "--reason", "r"], "-1 is not in the range"),
        (["reconcile"], "Name a store"),
        (["reconcile", "shop", "--all"], "not both"),
        (["reconcile", "--all", "--phase", "Ready"], "--all means every store"),
        (["store", "pause", "shop", "--reason", "r"], "--for"),
        (["store", "pause", "shop", "--reason", "r", "--for", "soon"], "not a duration"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_wrong_usage_is_one_line_and_exit_code_2(args: list[str], said: str, as_json: bool) -> None:
    result = run(*args, *(["--json"] if as_json else []))
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "--help`" in result.stderr
    if as_json:
        assert json.loads(result.stdout)["error"]["code"] == "usage"
    else:
        assert result.stdout == ""


def test_workers_replace_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(processes.os, "execv", lambda path, args: became.append([path, *args]))
    good = {
        "STOREYARD_DATABASE_URL": URL,
        "STOREYARD_QUEUE_URL": "redis://localhost",
        "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
    }
    assert run("worker", **good).exit_code == 0
    assert run("scheduler", **good).exit_code == 0
    assert run("watcher", **good).exit_code == 0
    assert [args[1:] for args in became] == [
        [args[0], "-m", module] for args, module in zip(became, ("jobs.worker", "jobs.schedule", "jobs.watch"), strict=True)
    ]


def test_a_new_key_needs_no_configuration() -> None:
    key = run("vault", "new-key").stdout.strip()
    Fernet(key)
    assert json.loads(run("vault", "new-key", "--json").stdout)["key"] != key


def test_who_became_root_by_sudo_is_still_that_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert login_name() == "alice"
    monkeypatch.setattr("os.getuid", lambda: 4_000_123)
    assert login_name() == "uid-4000123", "nobody else than root is believed, and an unknown user still has a name"


def test_an_aborted_question_is_no_error_line() -> None:
    @click.command()
    def ask() -> None:
        raise click.Abort

    root = build_root()
    root.get_command = lambda ctx, cmd_name: ask  # type: ignore[method-assign]
    result = CliRunner().invoke(root, ["x"])
    assert result.exit_code == 1
    assert "error:" not in result.output
