"""What all tables share: names for constraints, column types, and the mixin that marks a row as a tenant's own.

Enumerations are text with a named CHECK, so that a new member is a small migration and every tool can read the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import CheckConstraint, DateTime, Dialect, MetaData, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

E = TypeVar("E", bound=StrEnum)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class TenantOwned:
    """A row that belongs to one tenant. Every query for such rows is scoped (app.models.session), or it raises."""

    tenant_id: Mapped[str] = mapped_column()


class EnumText(TypeDecorator[E], Generic[E]):
    """A StrEnum kept as text. An unknown text in the database is a ValueError when read, not a silent string."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:  # noqa: ARG002
        return None if value is None else self.enum(value)


def one_of(column: str, members: Iterable[str]) -> CheckConstraint:
    """CHECK that a column holds one of the members; named `ck_<table>_<column>_known`."""
    listed = ", ".join(f"'{member}'" for member in members)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def is_ulid(column: str = "id") -> CheckConstraint:
    """CHECK of the form of an id (app.domain.naming.format_id)."""
    return CheckConstraint(f"{column} ~ '^[0-9a-hjkmnp-tv-z]{{26}}$'", name=f"{column}_form")
