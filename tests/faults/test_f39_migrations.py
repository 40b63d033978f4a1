"""F39: several replicas migrate an empty database at once, as operators start them; one is killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from app.services.upgrade_schema import current, head

ROOT = Path(__file__).parents[2]


def _upgrade(url: str) -> subprocess.Popen[bytes]:
    """`storeyard db upgrade`, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOREYARD_")} | {
        "STOREYARD_DATABASE_URL": url,
        "STOREYARD_QUEUE_URL": "redis://127.0.0.1:1/0",
        "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "db", "upgrade"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("killed", [False, True], ids=["all live", "one is killed"])
def test_f39_replicas_that_migrate_at_once_leave_one_schema(killed: bool, empty_database: str) -> None:
    replicas = [_upgrade(empty_database) for _ in range(5)]
    if killed:
        time.sleep(0.9)
        replicas[0].kill()
    said = [replica.communicate(timeout=120)[0].decode(errors="replace") for replica in replicas]
    failed = [text for replica, text in zip(replicas, said, strict=True) if replica.returncode not in (0, -9)]
    assert not failed, failed[0]
    assert [replica.returncode for replica in replicas].count(0) >= len(replicas) - 1
    assert current(empty_database) == head()
    with psycopg.connect(empty_database.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT count(*) FROM clusters").fetchone()
        versions = connection.execute("SELECT count(*) FROM alembic_version").fetchone()
    assert rows == (1,), "what a migration inserts is inserted once"
    assert versions == (1,)
