"""The operators' list of all tenants' stores, by whatever a figure of the overview counts; and of all drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app.domain.errors import NotFound
from app.domain.stores import DriftMode, Phase
from app.models import DriftEvent, Store, Tenant
from app.services.context import Services
from app.services.fleet_queries import FAILING, QUARANTINED, waits, whys
from app.services.present import tenant_view
from app.services.store_drift import CONTESTED, DriftView, drift_view
from app.services.views import TenantView

PAGE_SIZE = 30
DRIFTS = 50
SEARCH_MAX = 100
_WHY = "operators see all stores"


class State(StrEnum):
    """What a store may be besides its phase."""

    ANY = "any"
    FAILING = "failing"
    CRASHING = "crashing"
    QUARANTINED = "quarantined"
    DUE = "due"
    UNDER_WAY = "under-way"
    DRIFT = "drift"
    PAUSED = "paused"
    WATCHED = "watched"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stores; what is empty or None asks for nothing. `tenant` and `plan` by name, `reason` as the condition has it."""

    search: str = ""
    state: State = State.ANY
    phase: Phase | None = None
    reason: str = ""
    tenant: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class FleetStore:
    """`reason` and `message` are of the condition to read first, "" where all is well."""

    id: str
    name: str
    host: str
    tenant_id: str
    tenant: str
    plan: str
    phase: Phase
    failure_count: int
    quarantined_at: datetime | None
    observed_at: datetime | None
    next_at: datetime | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FleetStores:
    stores: tuple[FleetStore, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class FoundDrift:
    drift: DriftView
    store: str
    tenant: str


def list_fleet(services: Services, wanted: Wanted, *, page: int = 1) -> FleetStores:
    """The newest first; stores that are gone only where their phase is asked for. A page beyond the last is the last."""
    why = whys(select(Store.id).where(FAILING)).subquery("why")
    conditions = _conditions(wanted, services.clock.now(), why)
    columns = (
        Store.id, Store.name, Store.host, Store.tenant_id, Tenant.slug, Store.plan, Store.phase, Store.failure_count,
        Store.quarantined_at, Store.observed_at, Store.next_reconcile_at,
    )  # fmt: skip
    with services.sessions.platform(_WHY) as session:
        total = session.scalar(_from(select(func.count()), wanted, why).where(*conditions)) or 0
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(page, 1), pages)
        listed = _from(select(*columns), wanted, why).where(*conditions).order_by(Store.id.desc())
        rows = session.execute(listed.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)).tuples().all()
        of_page = whys([row[0] for row in rows])
        said = {store_id: (reason, message) for store_id, reason, message in session.execute(of_page).tuples()}
        return FleetStores(tuple(_store(row, said.get(row[0], ("", ""))) for row in rows), total, page, pages)


def _store(row: Any, said: tuple[str, str]) -> FleetStore:
    values: tuple[Any, ...] = (*row, *said)
    return FleetStore(*values)


def tenant_of_store(services: Services, store_id: str) -> TenantView:
    """Whose store it is. Raises NotFound."""
    with services.sessions.platform(_WHY) as session:
        tenant = session.scalar(select(Tenant).join(Store, Store.tenant_id == Tenant.id).where(Store.id == store_id))
        if tenant is None:
            raise NotFound("There is no such store.", what="store", id=store_id)
        return tenant_view(tenant)


def list_drift(
    services: Services, *, kind: str = "", only_open: bool = False, contested: bool = False, before: int | None = None
) -> tuple[FoundDrift, ...]:
    """The newest first, `DRIFTS` at most; `before` is the last id of the page before."""
    statement = (
        select(DriftEvent, Store.name, Tenant.slug)
        .join(Store, Store.id == DriftEvent.store_id)
        .join(Tenant, Tenant.id == DriftEvent.tenant_id)
        .order_by(DriftEvent.id.desc())
        .limit(DRIFTS)
    )
    if kind:
        statement = statement.where(DriftEvent.kind == kind)
    if only_open:
        statement = statement.where(DriftEvent.repaired_at.is_(None))
    if contested:
        statement = statement.where(CONTESTED)
    if before is not None:
        statement = statement.where(DriftEvent.id < before)
    with services.sessions.platform(_WHY) as session:
        return tuple(FoundDrift(drift_view(row), store, tenant) for row, store, tenant in session.execute(statement).tuples())


def _from(statement: Select[Any], wanted: Wanted, why: Any) -> Select[Any]:
    statement = statement.select_from(Store).join(Tenant, Tenant.id == Store.tenant_id)
    return statement.join(why, why.c.store_id == Store.id) if wanted.reason else statement


def _conditions(wanted: Wanted, now: datetime, why: Any) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [] if wanted.phase is Phase.DELETED else [Store.gone_at.is_(None)]
    text = " ".join(wanted.search.replace("\x00", "").split())[:SEARCH_MAX]
    if text:
        columns = (Store.name, Store.slug, Store.host, Tenant.name, Tenant.slug)
        found.append(or_(*(column.icontains(text, autoescape=True) for column in columns), Store.id == text))
    if wanted.phase is not None:
        found.append(Store.phase == wanted.phase)
    if wanted.reason:
        found.extend((FAILING, why.c.reason == wanted.reason))
    if wanted.tenant:
        found.append(Tenant.slug == wanted.tenant)
    if wanted.plan:
        found.append(Store.plan == wanted.plan)
    state = _states(now).get(wanted.state)
    return found if state is None else [*found, state]


def _states(now: datetime) -> dict[State, ColumnElement[bool]]:
    drifted = select(DriftEvent.id).where(DriftEvent.store_id == Store.id, DriftEvent.repaired_at.is_(None)).exists()
    return {
        State.FAILING: FAILING,
        State.CRASHING: Store.crash_count > 0,
        State.QUARANTINED: QUARANTINED,
        State.DUE: waits(now),
        State.UNDER_WAY: Store.lease_until > func.now(),
        State.DRIFT: drifted,
        State.PAUSED: and_(Store.paused_until.is_not(None), Store.paused_until > now),
        State.WATCHED: Store.drift_mode != DriftMode.REPAIR,
    }
