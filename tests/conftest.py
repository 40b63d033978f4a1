"""What every test may ask for: a clean database, a queue server of its own, and use cases wired to fakes.

`database` and `services` stand on a real PostgreSQL, one server per run and one database per worker, copied from a migrated template.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from psycopg import sql
from redis import Redis

from app.domain.platform import PlatformPolicy, PlatformProfile
from app.models import Base
from app.models.session import Sessions
from app.services.context import Services
from app.services.upgrade_schema import upgrade
from tests import servers
from tests.fakes.clock import FakeClock
from tests.fakes.mailer import FakeMailer
from tests.fakes.passwords import FakePasswords
from tests.fakes.queue import FakeQueue
from tests.fakes.renderer import FakeRenderer
from tests.fakes.vault import FakeVault

TEMPLATE = "storeyard_template"

# Speed is not what these tests are about, and a loaded machine must not fail them.
settings.register_profile("storeyard", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "storeyard"))

# The library's own default draws tracebacks with all their variables, which takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False),
    ]
)

_supervisor = pytest.StashKey[servers.Supervisor]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and servers.FOLDER_VARIABLE not in os.environ:
        config.stash[_supervisor] = servers.Supervisor()
        config.stash[_supervisor].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (supervisor := config.stash.get(_supervisor, None)) is not None:
        supervisor.stop()


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests reach nothing but unix sockets, the others nothing but this machine; those marked `cluster` or `node` what they need."""
    if request.node.get_closest_marker("cluster") or request.node.get_closest_marker("node"):
        return
    loopback = Path(str(request.node.fspath)).parts[-2:-1] != ("unit",)
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        local = loopback and isinstance(address, tuple) and (address[0] in ("::1", "localhost") or address[0].startswith("127."))
        if self.family != socket.AF_UNIX and not local:
            raise RuntimeError(f"a test tried to reach {address!r}: the network is off")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def postgres() -> Path:
    """The socket folder of the run's PostgreSQL."""
    return servers.want("postgres")


@pytest.fixture(scope="session")
def worker_database(postgres: Path) -> str:
    """The URL of this worker's database, freshly copied from the migrated template."""
    return migrated_database(postgres, f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


def migrated_database(postgres: Path, name: str) -> str:
    """The URL of a new database with the present schema."""
    with _admin(postgres) as admin:
        admin.execute("SELECT pg_advisory_lock(1)")  # of several workers one migrates the template
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone() is None:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            upgrade(servers.postgres_url(postgres, TEMPLATE))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    return servers.postgres_url(postgres, name)


@pytest.fixture
def empty_database(postgres: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without a schema, for tests of the migrations."""
    name = f"empty_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{abs(hash(request.node.nodeid)) % 10**8}"
    with _admin(postgres) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield servers.postgres_url(postgres, name)
    with _admin(postgres) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def worker_sessions(worker_database: str) -> Iterator[Sessions]:
    """One pool per worker, large enough for the tests that race twenty threads."""
    sessions = Sessions.from_url(worker_database, pool_size=24, max_overflow=8, pool_timeout=30, statement_timeout=30)
    yield sessions
    sessions.dispose()


@pytest.fixture
def database(worker_database: str, worker_sessions: Sessions) -> Iterator[str]:
    """The URL of a database that holds what the migrations put into it, and nothing else."""
    clean(worker_sessions)
    yield worker_database
    worker_sessions.engine.dispose()  # a connection that a test left open must not outlive it


@pytest.fixture
def sessions(database: str, worker_sessions: Sessions) -> Sessions:
    return worker_sessions


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def services(sessions: Sessions, clock: FakeClock, queue: FakeQueue) -> Services:
    """Use cases on the real database; queue, clock, templates, vault, passwords and mail are fakes, and there is no cluster."""
    return Services(
        sessions=sessions,
        queue=queue,
        renderer=FakeRenderer(),
        clock=clock,
        vault=FakeVault(),
        passwords=FakePasswords(),
        cluster=_no_cluster,
        policy=PlatformPolicy(),
        profile=PlatformProfile(),
        mailer=FakeMailer(),
    )


@pytest.fixture(scope="session")
def valkey_server() -> Path:
    """The socket of this worker's Valkey."""
    return servers.valkey_socket(servers.want(f"valkey-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"))


@pytest.fixture
def valkey_url(valkey_server: Path) -> str:
    """The URL of an empty Valkey."""
    with Redis(unix_socket_path=str(valkey_server)) as client:
        client.flushall()
    return f"unix://{valkey_server}"


def clean(sessions: Sessions) -> None:
    """Empty all tables, and put back the rows there are from the start. Deleting a few rows is faster than truncating many tables."""
    raw = sessions.engine.raw_connection()
    try:
        with raw.cursor() as cursor:
            # Constraints and the audit's trigger are for users; the tests' broom goes past them.
            statements = ["SET LOCAL session_replication_role = replica"]
            statements += [f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables)]
            statements += [
                """INSERT INTO clusters (id, name, is_default, expansion_allowed, created_at)
                VALUES ('00000000000000000000000001', 'default', true, false, now())""",
                "INSERT INTO platform (id, drift_mode) VALUES (1, 'repair')",
            ]
            cursor.execute("; ".join(statements))
        raw.commit()
    finally:
        raw.close()


def _admin(folder: Path) -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True)


def _no_cluster(cluster_id: str) -> Any:
    raise AssertionError(f"this test has no cluster, but {cluster_id} was asked for")
