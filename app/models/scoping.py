"""Default deny between tenants: every statement for a tenant's rows is scoped, or it raises.

A session carries its scope in `session.info`. Under a tenant's scope each SELECT, UPDATE and DELETE of a TenantOwned class gets that
tenant's criterion, in joins, subqueries and relationship loads as well; a flush of another tenant's row is refused. Under the platform's
scope, which states its reason, nothing is added. Without a scope a statement for such rows raises UnscopedQuery.

Limits: SQL text, Core statements over such tables and bare `exists()` can't be given the criterion, so a tenant's session refuses them
(app.models.coverage). Nothing is seen of what goes through a bare connection.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, TextualSelect, event
from sqlalchemy.orm import FromStatement, ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from app.domain.errors import UnscopedQuery
from app.models.base import TenantOwned
from app.models.coverage import owned_tables_in, uncovered
from app.models.tenants import Tenant

_SCOPE = "storeyard.scope"


@dataclass(frozen=True, slots=True)
class TenantScope:
    tenant_id: str


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """All tenants. The reason is for the reader of the code."""

    reason: str


def set_scope(session: Session, scope: TenantScope | PlatformScope | None) -> None:
    session.info[_SCOPE] = scope


def scope_of(session: Session) -> TenantScope | PlatformScope | None:
    return session.info.get(_SCOPE)


@contextmanager
def across_tenants(session: Session, reason: str) -> Generator[None]:
    """Within a tenant's session, for the few statements that must see all: sums for the platform's limits, hosts held by others.

    Meant for figures and yes-or-no; a row of another tenant that was loaded here would stay in the session.
    """
    before = scope_of(session)
    set_scope(session, PlatformScope(reason))
    try:
        yield
    finally:
        set_scope(session, before)


def install(target: Any) -> None:
    """Scope every session of a Session class or sessionmaker."""
    event.listen(target, "do_orm_execute", _scope_statement)
    event.listen(target, "before_flush", _check_flush)


def _scope_statement(state: ORMExecuteState) -> None:
    scope = scope_of(state.session)
    if isinstance(scope, PlatformScope):
        return
    statement: Any = state.statement
    if isinstance(statement, TextClause | TextualSelect | FromStatement):
        raise UnscopedQuery("SQL text can only be run for the platform: nobody can tell whose rows it names")
    if scope is None or not state.is_orm_statement or state.is_insert:
        if tables := owned_tables_in(statement):
            rule = "needs a scope" if scope is None else "must be an ORM select, update or delete: no other can be scoped"
            raise UnscopedQuery(f"a statement for tenants' rows {rule}", tables=tables)
        return
    # SQLAlchemy's own loads of relationships and columns start from rows that were found under the scope.
    if not (state.is_relationship_load or state.is_column_load) and (tables := sorted(set(uncovered(statement)))):
        raise UnscopedQuery(
            "tables read outside of any class's SELECT cannot be scoped: write select(Class.column)…exists()", tables=tables
        )
    tenant_id = scope.tenant_id
    state.statement = statement.options(
        with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == tenant_id, include_aliases=True),
        with_loader_criteria(Tenant, lambda cls: cls.id == tenant_id, include_aliases=True),
    )


def _check_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    scope = scope_of(session)
    if isinstance(scope, PlatformScope):
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, TenantOwned | Tenant):
            continue
        owner = row.id if isinstance(row, Tenant) else row.tenant_id
        if scope is None or owner != scope.tenant_id:
            raise UnscopedQuery("a row of another tenant must not be written", row=type(row).__name__)
