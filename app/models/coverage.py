"""Which tenants' tables a statement reads, and which of them SQLAlchemy's `with_loader_criteria` would miss.

A criterion is put on the classes that a SELECT names in its columns, FROM or joins, and on the class of an UPDATE or DELETE. A table that
comes in by a WHERE alone, as in a bare `exists().where(…)`, or as a Core table, gets none. Such statements must be found and refused.
"""

# What a SELECT names is nowhere public in SQLAlchemy.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import CTE, Alias, ClauseElement, Column, Delete, Join, Select, SelectBase, Subquery, Table, TableClause, Update
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import AliasedReturnsRows

from app.models.base import Base, TenantOwned
from app.models.tenants import Tenant


@cache
def owned_tables() -> frozenset[Table]:
    """The tables whose rows belong to a tenant, and that of the tenants."""
    owned = [mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned | Tenant)]
    return frozenset(table for table in owned if isinstance(table, Table))


def owned_tables_in(statement: ClauseElement) -> list[str]:
    """The names of those a statement speaks of anywhere, subqueries included."""
    return sorted({part.name for part in visitors.iterate(statement) if isinstance(part, Table) and part in owned_tables()})


def uncovered(node: Any, covered: frozenset[Any] = frozenset()) -> Iterator[str]:
    """The names of those that are read where no criterion reaches.

    A subquery may speak of what the statement around it covers, except where it stands in the FROM: there it sees nothing of it.
    """
    if isinstance(node, Select):
        covered |= frozenset(_named(node))
    elif isinstance(node, Update | Delete):
        covered |= frozenset(_classes(node.table))
    elif isinstance(node, Subquery | CTE):
        covered = frozenset()
    elif isinstance(node, Table | Alias):
        if node not in covered and (name := _owned(node)):
            yield name
        return
    elif isinstance(node, Column):
        yield from uncovered(node.table, covered)
        return
    for child in node.get_children():
        yield from uncovered(child, covered)


def _named(statement: Select[Any]) -> Iterator[Any]:
    """What the classes that a SELECT names are selected from."""
    for element in (*statement._raw_columns, *statement._from_obj):  # noqa: SLF001
        yield from _classes(element)
    for target, *_ in statement._setup_joins:  # noqa: SLF001
        if isinstance(target, QueryableAttribute):
            yield target.property.mapper.selectable
        else:
            yield from _classes(target)


def _classes(element: Any) -> Iterator[Any]:
    """Of one column, function of columns, table or alias; a subquery speaks for itself."""
    entity = element._annotations.get("parententity")  # noqa: SLF001
    if entity is not None:
        yield entity.selectable
    elif not isinstance(element, AliasedReturnsRows | TableClause | Join | SelectBase):
        for child in element.get_children():
            yield from _classes(child)


def _owned(selectable: Any) -> str | None:
    """The name of the tenants' table behind an alias, or None where it is another."""
    while isinstance(selectable, Alias) and not isinstance(selectable, Table):
        selectable = selectable.element
    return selectable.name if isinstance(selectable, Table) and selectable in owned_tables() else None
