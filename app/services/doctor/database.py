"""The database, its schema, and what only its rows tell: whether keys are missing, and whether anybody works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import URL, func, make_url, select
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.errors import VaultError
from app.models import Store
from app.services.context import Services
from app.services.doctor.checks import REACH, Check, Late, Outcome, skipped, within
from app.services.queries import database_version, leaders, platform_state
from app.services.schedule import LEADER
from app.services.upgrade_schema import head

# Generated columns, on which the due loop stands, came with it. Source: PostgreSQL documentation, Appendix E.
OLDEST_POSTGRES = 12

# Due stores are handed out twice a second. What is due for longer waits for a worker.
LATE = timedelta(seconds=60)

_START_DATABASE = "Start PostgreSQL, or correct STOREYARD_DATABASE_URL."


def database_trouble(error: SQLAlchemyError, url: URL | str | None) -> tuple[str, str] | None:
    """(code, sentence) for what can go wrong by no fault of the program; None for a bug. Names the host, never a password."""
    where = "" if url is None else f" at {database_place(url)}"
    if isinstance(error, PoolTimeout):
        return "database_unavailable", f"All connections to the database{where} are in use. Try again."
    if not isinstance(error, DBAPIError):
        return None
    if getattr(error.orig, "sqlstate", None) in ("42P01", "42703"):
        return "database_schema", f"The schema of the database{where} is missing or older than this program. Run `storeyard db upgrade`."
    if isinstance(error, OperationalError):
        sentence = f"The database{where} cannot be reached: {_cause(error.orig)}"
        return "database_unavailable", f"{sentence} Start it, or correct STOREYARD_DATABASE_URL."
    return None


def database_place(url: URL | str) -> str:
    """Host, port and database, such as db.example.com:5432/storeyard."""
    parts = make_url(url)
    host = parts.host or str(parts.query.get("host") or "localhost")
    return f"{host}{f':{parts.port}' if parts.port else ''}/{parts.database or ''}"


def _cause(error: BaseException | None) -> str:
    """The driver's own words, without the address that they repeat, as one sentence."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    text = next((line for line in lines if line and not line.startswith("Multiple connection attempts")), "no answer")
    text = re.sub(r"^host: .*?hostaddr: [^:]*(:[^ ]*)*?: ", "", text)
    text = re.sub(r"^connection (failed|is bad): ", "", text)
    text = re.sub(r"^connection to server (at|on socket) .*? failed: ", "", text)
    return re.sub(r"^(FATAL|ERROR): +", "", text).rstrip(". ") + "."


def schema_revisions(services: Services) -> tuple[str | None, str]:
    """The schema's revision in the database, and the one this program needs."""
    with services.sessions.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), head()


def check_database(services: Services) -> Iterator[Check]:
    url = services.sessions.engine.url
    try:
        version = within(REACH, lambda: database_version(services))
    except SQLAlchemyError as error:
        yield Check("database", Outcome.FAILED, f"{database_place(url)}: {_cause(getattr(error, 'orig', error))}", _START_DATABASE)
        yield from skipped(("schema", "vault", "scheduler", "workers"), "The database cannot be reached.")
        return
    except Late:
        yield Check("database", Outcome.FAILED, f"{database_place(url)}: no answer within {REACH} s.", _START_DATABASE)
        yield from skipped(("schema", "vault", "scheduler", "workers"), "The database cannot be reached.")
        return
    found = f"PostgreSQL {version} at {database_place(url)}"
    if int(re.match(r"\d*", version)[0] or 0) < OLDEST_POSTGRES:  # type: ignore[index]
        yield Check("database", Outcome.FAILED, found, f"Use PostgreSQL {OLDEST_POSTGRES} or newer.")
    else:
        yield Check("database", Outcome.OK, found)
    present, needed = schema_revisions(services)
    if present != needed:
        yield Check("schema", Outcome.FAILED, f"{present or 'None'}; this program needs {needed}.", "Run `storeyard db upgrade`.")
        yield from skipped(("vault", "scheduler", "workers"), "The schema is not up to date.")
        return
    yield Check("schema", Outcome.OK, f"Up to date ({present})")
    yield _vault(services)
    yield _scheduler(services)
    yield _workers(services)


def _vault(services: Services) -> Check:
    """Whether every key that credentials are sealed with is at hand, and opens them."""
    # Of present credentials, and of those that are to take their place.
    sides = ((Store.credentials_key_id, Store.credentials), (Store.pending_credentials_key_id, Store.pending_credentials))
    keys: list[tuple[str, str, int, Any]] = []
    with services.sessions.platform("the doctor looks at keys") as session:
        for column, sealed_column in sides:
            statement = select(column, func.min(Store.id), func.count()).where(Store.gone_at.is_(None), column.is_not(None))
            found = session.execute(statement.group_by(column)).tuples()
            keys += [(str(key_id), store_id, stores, sealed_column) for key_id, store_id, stores in found]
    newest, sealed = services.vault.seal({"probe": "probe"})
    services.vault.open(newest, sealed)
    for key_id, store_id, stores, sealed_column in keys:
        with services.sessions.platform("the doctor looks at keys") as session:
            credentials = session.scalars(select(sealed_column).where(Store.id == store_id)).one_or_none()
        try:
            services.vault.open(key_id, credentials or b"")
        except VaultError as error:
            fix = (
                f"Put the key {key_id} back into STOREYARD_VAULT_KEYS, behind the newest. {stores} stores cannot be reconciled without it."
            )
            return Check("vault", Outcome.FAILED, error.message, fix)
    older = sum(stores for key_id, _, stores, _ in keys if key_id != newest)
    detail = f"Key {newest} seals and opens" + (f"; {older} stores are sealed with older keys" if older else "")
    return Check("vault", Outcome.OK, detail)


def _scheduler(services: Services) -> Check:
    office = next((office for office in leaders(services) if office.name == LEADER and office.active), None)
    if office is None:
        return Check(
            "scheduler", Outcome.WARNING, "No scheduler leads.", "Start `storeyard scheduler`: without one, drift is not looked for."
        )
    return Check("scheduler", Outcome.OK, f"Led by {office.holder}")


def _workers(services: Services) -> Check:
    """By their work: nobody can list who listens to a queue, but what is due and stays so tells that nobody does."""
    now = services.clock.now()
    platform = platform_state(services)
    if platform.paused_until is not None and platform.paused_until > now:
        detail = f"Reconciling of all stores is paused until {platform.paused_until:%Y-%m-%d %H:%M UTC}: {platform.paused_reason}"
        return Check("workers", Outcome.WARNING, detail, "Run `storeyard platform unpause` once that is over.")
    late = (
        select(func.count())
        .select_from(Store)
        .where(Store.due_at < now - LATE, (Store.paused_until.is_(None)) | (Store.paused_until <= now))
    )
    with services.sessions.platform("the doctor counts what waits") as session:
        waiting = session.scalar(late) or 0
        quarantined = session.scalar(
            select(func.count()).select_from(Store).where(Store.quarantined_at.is_not(None), Store.gone_at.is_(None))
        )
    if waiting:
        detail = f"{waiting} stores have been due for over {LATE.seconds} s."
        return Check("workers", Outcome.WARNING, detail, "Start `storeyard worker`, or more of them; their logs tell what keeps them.")
    if quarantined:
        detail = f"{quarantined} stores are quarantined: passes over them crashed again and again."
        return Check(
            "workers", Outcome.WARNING, detail, "`storeyard store runs STORE` shows the errors, `storeyard reconcile STORE` tries again."
        )
    return Check("workers", Outcome.OK, "No store waits")
