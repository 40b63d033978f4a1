"""The read side of a store's pages: one store with its history, in one transaction and a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from app.domain.engines import Engine
from app.domain.errors import NotFound
from app.models import AuditEntry, DriftEvent, Event, Platform, ReconcileRun, Store
from app.services.context import Services
from app.services.present import audit_view, event_view, platform_view, run_view, store_view
from app.services.store_drift import DriftView, drift_view
from app.services.views import AuditView, EventView, PlatformView, RunView, StoreView

EVENTS, DRIFTS, RUNS = 40, 40, 20


@dataclass(frozen=True, slots=True)
class StorePage:
    """What stands above every page of a store. `open_drifts` counts differences that nobody has put right."""

    store: StoreView
    engine: Engine
    platform: PlatformView
    open_drifts: int
    events: tuple[EventView, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """The newest first, each list cut at a length that a person reads."""

    page: StorePage
    drifts: tuple[DriftView, ...]
    runs: tuple[RunView, ...]


def store_page(services: Services, *, tenant_id: str, store_id: str, events: int = 6) -> StorePage:
    """Raises NotFound, for another tenant's store as for an unknown one."""
    with services.sessions.tenant(tenant_id) as session:
        return _page(session, services, store_id, events)


def store_history(services: Services, *, tenant_id: str, store_id: str) -> StoreHistory:
    """Raises NotFound."""
    with services.sessions.tenant(tenant_id) as session:
        page = _page(session, services, store_id, EVENTS)
        drifts = select(DriftEvent).where(DriftEvent.store_id == store_id).order_by(DriftEvent.id.desc()).limit(DRIFTS)
        runs = select(ReconcileRun).where(ReconcileRun.store_id == store_id).order_by(ReconcileRun.id.desc()).limit(RUNS)
        return StoreHistory(page, tuple(map(drift_view, session.scalars(drifts))), tuple(map(run_view, session.scalars(runs))))


def changes_since(services: Services, *, tenant_id: str, store_id: str, generation: int) -> tuple[AuditView, ...]:
    """Who changed a store's intent after this generation, the oldest first."""
    statement = select(AuditEntry).where(
        AuditEntry.target_type == "store",
        AuditEntry.target_id == store_id,
        AuditEntry.after["generation"].as_integer() > generation,
    )
    with services.sessions.tenant(tenant_id) as session:
        return tuple(map(audit_view, session.scalars(statement.order_by(AuditEntry.id).limit(20))))


def _page(session: Session, services: Services, store_id: str, events: int) -> StorePage:
    row = session.scalar(select(Store).options(selectinload(Store.conditions)).where(Store.id == store_id))
    if row is None:
        raise NotFound("There is no such store.", what="store", id=store_id)
    store = store_view(services, row)
    newest = select(Event).where(Event.store_id == store_id).order_by(Event.id.desc()).limit(events)
    unrepaired = select(func.count()).select_from(DriftEvent).where(DriftEvent.store_id == store_id, DriftEvent.repaired_at.is_(None))
    return StorePage(
        store,
        services.renderer.engine(store.engine, store.release),
        platform_view(session.get_one(Platform, 1)),
        session.scalar(unrepaired) or 0,
        tuple(map(event_view, session.scalars(newest))) if events else (),
    )
