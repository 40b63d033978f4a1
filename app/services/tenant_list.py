"""The operators' list of tenants: use against limits, searched, filtered, sorted and paged, by one statement however many there are.

Sorting by use means adding up before paging, so the database does it; what a plan costs comes from the domain. That this arithmetic is the
domain's (`effective_limit`, `exceeded`) is a test's to hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    Float,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    true,
)

from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, Amount, cost
from app.models import QuotaOverride, Store, Tenant
from app.services.context import Services

PAGE_SIZE = 25
SEARCH_MAX = 100
NEAR = 0.8  # of a limit


class Filter(StrEnum):
    """`over`: more used than allowed. `near`: of some resource little or nothing is left, none is over."""

    ALL = "all"
    OVER = "over"
    NEAR = "near"
    FROZEN = "frozen"
    OWN = "own"


class Sort(StrEnum):
    """`full`: by the resource of which least is left."""

    NAME = "name"
    FULL = "full"
    STORES = "stores"
    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class TenantRow:
    """`own`: an operator's limits are in force, until when (None: for good)."""

    id: str
    slug: str
    name: str
    frozen_reason: str | None
    created_at: datetime
    used: Amount
    limit: Amount
    own: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TenantList:
    """One page. `counts` are of all that the search finds."""

    rows: tuple[TenantRow, ...]
    counts: dict[Filter, int]
    page: int
    pages: int


def list_tenants_page(
    services: Services,
    *,
    search: str = "",
    which: Filter = Filter.ALL,
    sort: Sort = Sort.NAME,
    descending: bool = False,
    page: int = 1,
) -> TenantList:
    """A page beyond the last is the last."""
    text = " ".join(search.replace("\x00", "").split())[:SEARCH_MAX]
    statement = _statement(bool(text), which, sort, descending)
    default = {f"default_{name}": value for name, value in services.policy.tenant_quota.as_dict().items()}
    given: dict[str, Any] = {**default, "now": services.clock.now(), "size": PAGE_SIZE}
    if text:
        given["text"] = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
    page = max(page, 1)
    with services.sessions.platform("the operators' list of tenants") as session:
        rows = session.execute(statement, {**given, "skip": (page - 1) * PAGE_SIZE}).mappings().all()
        counts = {kind: int(rows[0][f"count_{kind}"]) for kind in Filter}
        pages = max(1, -(-counts[which] // PAGE_SIZE))
        if page > pages:
            page = pages
            rows = session.execute(statement, {**given, "skip": (page - 1) * PAGE_SIZE}).mappings().all()
    return TenantList(tuple(_row(row) for row in rows if row["id"] is not None), counts, page, pages)


@cache  # SQLAlchemy takes longer to build it than the server to run it
def _statement(searched: bool, which: Filter, sort: Sort, descending: bool) -> Select[Any]:
    """The counts beside each row of the page; with no row on it, beside one row of NULLs."""
    found = _found(searched=searched)
    columns: Any = found.c
    conditions: dict[Filter, ColumnElement[bool]] = {
        Filter.ALL: true(),
        Filter.OVER: columns.over,
        Filter.NEAR: and_(~columns.over, columns.share >= NEAR),
        Filter.FROZEN: columns.frozen,
        Filter.OWN: columns.own,
    }
    counts = select(*(func.count().filter(condition).label(f"count_{kind}") for kind, condition in conditions.items())).subquery("counts")
    by = {Sort.NAME: func.lower(columns.name), Sort.FULL: columns.share, Sort.NEW: columns.id}.get(sort)
    by = columns[f"used_{sort}"] if by is None else by
    order = (by.desc() if descending else by.asc(), columns.slug)
    place = func.row_number().over(order_by=order).label("place")
    rows: Any = (
        select(found, place).where(conditions[which]).order_by(*order).limit(bindparam("size")).offset(bindparam("skip")).subquery("page")
    )
    return select(counts, rows).select_from(counts).outerjoin(rows, true()).order_by(rows.c.place)


def _found(*, searched: bool) -> CTE:
    """Each tenant that the search finds, with `used_…` and `limit_…`, whether one is passed, and the greatest share of a limit."""
    used, own = _used(), QuotaOverride
    use: dict[str, Any] = {name: func.coalesce(used.c[name], 0) for name in RESOURCES}
    limits: dict[str, Any] = {name: func.coalesce(getattr(own, name), bindparam(f"default_{name}", type_=Integer())) for name in RESOURCES}
    shares = [case((use[name] == 0, 0.0), (limits[name] == 0, 1.0), else_=cast(use[name], Float) / limits[name]) for name in RESOURCES]
    statement: Select[Any] = (
        select(
            Tenant.id,
            Tenant.slug,
            Tenant.name,
            Tenant.frozen,
            Tenant.frozen_reason,
            Tenant.created_at,
            *(use[name].label(f"used_{name}") for name in RESOURCES),
            *(limits[name].label(f"limit_{name}") for name in RESOURCES),
            or_(*(use[name] > limits[name] for name in RESOURCES)).label("over"),
            func.greatest(*shares).label("share"),
            (func.num_nonnulls(own.stores, own.cpu, own.memory, own.disk) > 0).label("own"),
            own.expires_at.label("until"),
        )
        .outerjoin(used, used.c.tenant_id == Tenant.id)
        .outerjoin(
            own,
            and_(
                own.tenant_id == Tenant.id,
                own.superseded_at.is_(None),
                or_(own.expires_at.is_(None), own.expires_at > bindparam("now", type_=DateTime(timezone=True))),
            ),
        )
    )
    if searched:
        pattern = "%" + bindparam("text", type_=Text()) + "%"
        statement = statement.where(or_(*(column.ilike(pattern, escape="/") for column in (Tenant.name, Tenant.slug))))
    return statement.cte("found").prefix_with("MATERIALIZED")


def _used() -> Subquery:
    """What each tenant with stores holds. An index for it would have to follow every pass; reading the rows takes a few milliseconds."""
    per_plan = (
        select(Store.tenant_id, Store.plan, func.count().label("stores"))
        .where(Store.gone_at.is_(None))
        .group_by(Store.tenant_id, Store.plan)
        .subquery("per_plan")
    )
    costs = {name: cost(plan) for name, plan in PLANS.items()}

    def held(resource: str) -> ColumnElement[int]:
        one = case({plan: getattr(each, resource) for plan, each in costs.items()}, value=per_plan.c.plan)
        return cast(func.sum(per_plan.c.stores * one), Integer).label(resource)

    return select(per_plan.c.tenant_id, *map(held, RESOURCES)).group_by(per_plan.c.tenant_id).subquery("used")


def _row(row: Any) -> TenantRow:
    used, limit = (Amount(**{name: row[f"{side}_{name}"] for name in RESOURCES}) for side in ("used", "limit"))
    return TenantRow(
        row["id"], row["slug"], row["name"], row["frozen_reason"], row["created_at"], used, limit, row["own"],
        row["until"] if row["own"] else None,
    )  # fmt: skip
