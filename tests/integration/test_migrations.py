"""The schema: what the models say is what the migrations make, and two replicas may make it at once (F39)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from app.models import Base
from app.services.upgrade_schema import MIGRATIONS, _config, current, head, upgrade

# Everything PostgreSQL knows of our tables that a migration could get wrong, in its own normal form.
SHAPE = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation, generation_expression
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
}


def shape(connection: Connection) -> dict[str, set[tuple[object, ...]]]:
    return {name: {tuple(row) for row in connection.execute(text(query))} for name, query in SHAPE.items()}


def test_there_is_one_head() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [head()]


def test_models_equal_migrations(empty_database: str) -> None:
    engine = create_engine(empty_database, poolclass=NullPool)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        wanted = shape(connection)
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    upgrade(empty_database)
    with engine.connect() as connection:
        made = shape(connection)
        for what, rows in wanted.items():
            assert made[what] == rows, what
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata) == []


def test_every_constraint_has_a_name_that_tells_its_table() -> None:
    for table in Base.metadata.sorted_tables:
        for constraint in table.constraints:
            assert constraint.name, f"a constraint of {table.name} has no name"


def test_a_fresh_database_has_no_revision_and_an_upgraded_one_the_newest(empty_database: str) -> None:
    assert current(empty_database) is None
    upgrade(empty_database)
    assert current(empty_database) == head()
    upgrade(empty_database)  # nothing to do is no error
    assert current(empty_database) == head()


def test_an_upgrade_needs_no_particular_folder(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    upgrade(empty_database)
    assert current(empty_database) == head()


def test_f39_replicas_may_upgrade_at_once(empty_database: str) -> None:
    upgrade_it = "import sys; from app.services.upgrade_schema import upgrade; upgrade(sys.argv[1])"
    replicas = [
        subprocess.Popen([sys.executable, "-c", upgrade_it, empty_database], cwd=MIGRATIONS.parent, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for replica in replicas:
        _, errors = replica.communicate()
        assert replica.returncode == 0, errors.decode()
    assert current(empty_database) == head()
    engine = create_engine(empty_database, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM clusters")) == 1


def test_a_downgrade_leaves_nothing_behind(empty_database: str) -> None:
    upgrade(empty_database)
    command.downgrade(_config(empty_database), "base")
    engine = create_engine(empty_database, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all() == ["alembic_version"]
