"""Where the schema is known to be up to date the slow command is not run; a database that is another one is migrated."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import migrate


@pytest.fixture
def run(folder: Path) -> object:
    database, calls = folder / "database", folder / "calls"
    psql = folder / "psql"
    psql.write_text(f"#!/bin/sh\ncat {database}\n")
    psql.chmod(0o755)

    def run(*, code: int = 0, becomes: str = "0002") -> tuple[int, int]:
        """The exit code, and how often the command ran in all."""
        script = f"echo x >>{calls}; echo {becomes} >{database}; exit {code}"
        done = migrate.main([str(psql), "/sockets", str(folder / "stamp"), "sh", "-c", script])
        return done, len(calls.read_text().split())

    return run


def test_the_second_time_the_database_is_only_asked(run) -> None:  # type: ignore[no-untyped-def]
    assert [run(), run(), run()] == [(0, 1), (0, 1), (0, 1)]


def test_a_database_at_another_version_is_migrated(run, folder: Path) -> None:  # type: ignore[no-untyped-def]
    run()
    (folder / "database").write_text("0001\n")
    assert run() == (0, 2)


def test_a_database_without_a_version_is_migrated(run, folder: Path) -> None:  # type: ignore[no-untyped-def]
    run()
    (folder / "database").write_text("")
    assert run() == (0, 2)


def test_new_migrations_are_applied(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    run()
    monkeypatch.setattr(migrate, "migrations_hash", lambda: "another")
    assert run() == (0, 2)


def test_a_failure_is_passed_on_and_forgotten(run) -> None:  # type: ignore[no-untyped-def]
    assert run(code=3) == (3, 1)
    assert run() == (0, 2)
