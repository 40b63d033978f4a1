"""Sessions: one transaction each, scoped to a tenant or, for a stated reason, to the platform. Commit, then tell the world.

READ COMMITTED throughout: a quota is counted by a statement *after* the locks, which then sees what the former holder committed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from app.models.scoping import PlatformScope, TenantScope, across_tenants, install, scope_of, set_scope

__all__ = [
    "PlatformScope", "Sessions", "TenantScope", "across_tenants", "database_url", "engine_options", "install", "on_commit", "scope_of",
    "set_scope",
]  # fmt: skip

_AFTER_COMMIT = "storeyard.after_commit"


def on_commit(session: Session, action: Callable[[], object]) -> None:
    """Call `action` once the session's transaction is committed and its connection given back; a rollback drops it.

    For what others must not hear before it is true, such as wakes. The action deals with its own errors.
    """
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


class Sessions:
    """Opens sessions on one engine. Nothing connects before the first statement."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._open = sessionmaker(engine, expire_on_commit=False)
        install(self._open)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Sessions:
        """On an engine of its own. `options` are those of `engine_options`."""
        return cls(create_engine(database_url(url), **engine_options(**options)))

    @contextmanager
    def tenant(self, tenant_id: str) -> Generator[Session]:
        """A transaction that sees and writes this tenant's rows only."""
        with self._transaction(TenantScope(tenant_id)) as session:
            yield session

    @contextmanager
    def platform(self, reason: str) -> Generator[Session]:
        """A transaction over all tenants; the reason says why that is right."""
        with self._transaction(PlatformScope(reason)) as session:
            yield session

    @contextmanager
    def _transaction(self, scope: TenantScope | PlatformScope) -> Generator[Session]:
        with self._open() as session, session.begin():
            set_scope(session, scope)
            yield session
        actions: list[Callable[[], object]] = session.info.pop(_AFTER_COMMIT, [])
        for action in actions:
            action()

    def dispose(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


def engine_options(
    *,
    pool_size: int = 5,
    max_overflow: int = 5,
    pool_timeout: float = 5,
    connect_timeout: int = 5,
    statement_timeout: float = 10,
    application_name: str = "storeyard",
) -> dict[str, Any]:
    """What an engine of ours is created with, by whomever. Times in seconds.

    The server ends a transaction left idle for half a statement time-out, so that a statement which waits for the rows of a process that
    was frozen in its middle still gets them: no transaction waits for anything but the database.
    """
    settings = {
        "statement_timeout": int(statement_timeout * 1000),
        "lock_timeout": int(statement_timeout * 1000),
        "idle_in_transaction_session_timeout": int(statement_timeout * 500),
        "timezone": "UTC",
    }
    return {
        "isolation_level": "READ COMMITTED",
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": pool_timeout,
        "pool_pre_ping": True,
        "hide_parameters": True,  # an error's text ends up in logs; what a statement carries must not
        "connect_args": {
            "connect_timeout": connect_timeout,
            "application_name": application_name,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
    }


def database_url(url: str) -> str:
    """The URL with the driver we use, whichever way the scheme was spelled."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
