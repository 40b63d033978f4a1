"""Alembic's environment. Run by app.services.upgrade_schema, which passes the URL, or by `alembic` with STOREYARD_DATABASE_URL.

Two replicas may start at once: the second waits for the first at an advisory lock, then finds nothing to do.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import NullPool

from app.models import Base
from app.models.session import database_url

LOCK = 0x53544F5245  # "STORE"


def run() -> None:
    url = context.config.attributes.get("url") or os.environ["STOREYARD_DATABASE_URL"]
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        # The session's lock, not the transaction's: a revision may need steps outside a transaction. It ends with the connection.
        connection.execute(select(func.pg_advisory_lock(LOCK)))
        connection.commit()
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Storeyard's migrations are run against a database, not written out: they take a lock.")
run()
