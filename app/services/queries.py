"""The read side: stores, and what is known of them. Every answer is a view; no row leaves its session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from app.domain.errors import Ambiguous, NotFound
from app.domain.naming import is_id
from app.domain.stores import DesiredState, Phase
from app.models import AuditEntry, Event, Lease, Platform, ReconcileRun, Store, Tenant
from app.services.context import Services
from app.services.present import audit_view, event_view, platform_view, run_view, store_view, tenant_view
from app.services.views import AuditView, EventView, PlatformView, RunView, StoreView, TenantView


def list_tenants(services: Services) -> tuple[TenantView, ...]:
    with services.sessions.platform("the operator's list of tenants") as session:
        return tuple(map(tenant_view, session.scalars(select(Tenant).order_by(Tenant.slug))))


def find_tenant(services: Services, slug_or_id: str) -> TenantView:
    """Raises NotFound."""
    with services.sessions.platform("an operator names a tenant") as session:
        tenant = session.scalar(select(Tenant).where((Tenant.slug == slug_or_id) | (Tenant.id == slug_or_id)))
        if tenant is None:
            raise NotFound(f"There is no tenant {slug_or_id!r}. `storeyard tenant list` shows all.", what="tenant", id=slug_or_id)
        return tenant_view(tenant)


def list_stores(
    services: Services,
    *,
    tenant_id: str | None = None,
    phase: Phase | None = None,
    include_gone: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> tuple[StoreView, ...]:
    """By creation (ids sort by time). `after` is the last id of the page before. Without a tenant: all tenants' (operators)."""
    statement = _stores().order_by(Store.id)
    if not include_gone and phase is not Phase.DELETED:
        statement = statement.where(Store.gone_at.is_(None))
    if phase is not None:
        statement = statement.where(Store.phase == phase)
    if after is not None:
        statement = statement.where(Store.id > after)
    with _session(services, tenant_id) as session:
        return tuple(store_view(services, row) for row in session.scalars(statement.limit(limit)))


def get_store(services: Services, *, tenant_id: str, store_id: str) -> StoreView:
    """Raises NotFound, for another tenant's store as for an unknown one."""
    with services.sessions.tenant(tenant_id) as session:
        row = session.scalar(_stores().where(Store.id == store_id))
        if row is None:
            raise NotFound("There is no such store.", what="store", id=store_id)
        return store_view(services, row)


def resolve_store(services: Services, argument: str, *, tenant_id: str | None = None) -> StoreView:
    """The store an operator names: by id, or by slug (of one tenant, where given). Ambiguous names its candidates.

    Of several with one slug the one not asked to be deleted is meant, else those on their way out, else the last one gone.
    """
    with _session(services, tenant_id) as session:
        if is_id(argument) and (row := session.scalar(_stores().where(Store.id == argument))) is not None:
            return store_view(services, row)
        rows = session.scalars(_stores().where(Store.slug == argument).order_by(Store.id.desc())).all()
        wanted = [row for row in rows if row.desired_state is not DesiredState.ABSENT]
        leaving = [row for row in rows if row.gone_at is None]
        candidates = wanted or leaving or rows[:1]
        if not candidates:
            raise NotFound(f"There is no store {argument!r}. `storeyard store list` shows all.", what="store", id=argument)
        if len(candidates) == 1:
            return store_view(services, candidates[0])
        tenants = {tenant.id: tenant.slug for tenant in session.scalars(select(Tenant))}
        named = [{"id": row.id, "tenant": tenants[row.tenant_id], "phase": row.phase.value} for row in candidates]
        listed = ", ".join(f"{candidate['id']} ({candidate['tenant']}, {candidate['phase']})" for candidate in named)
        raise Ambiguous(
            f"Several stores are called {argument!r}: {listed}. Name one by id, or say whose it is with --tenant.",
            slug=argument,
            candidates=named,
        )


def store_events(
    services: Services, *, tenant_id: str, store_id: str | None = None, after: int | None = None, limit: int = 100
) -> tuple[EventView, ...]:
    """The newest first; with `after` (an event's id) those that came later, oldest first, for a stream that resumes."""
    statement = select(Event).limit(limit)
    if store_id is not None:
        statement = statement.where(Event.store_id == store_id)
    statement = statement.order_by(Event.id.desc()) if after is None else statement.where(Event.id > after).order_by(Event.id)
    with services.sessions.tenant(tenant_id) as session:
        return tuple(map(event_view, session.scalars(statement)))


def store_runs(services: Services, *, tenant_id: str, store_id: str, limit: int = 50) -> tuple[RunView, ...]:
    """The newest first."""
    with services.sessions.tenant(tenant_id) as session:
        statement = select(ReconcileRun).where(ReconcileRun.store_id == store_id).order_by(ReconcileRun.id.desc()).limit(limit)
        return tuple(map(run_view, session.scalars(statement)))


def audit_entries(
    services: Services, *, tenant_id: str | None = None, target_id: str | None = None, before: int | None = None, limit: int = 100
) -> tuple[AuditView, ...]:
    """The newest first; `before` is the last id of the page before. Without a tenant: all (operators)."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if target_id is not None:
        statement = statement.where(AuditEntry.target_id == target_id)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    with _session(services, tenant_id) as session:
        return tuple(map(audit_view, session.scalars(statement)))


def store_totals(services: Services, *, tenant_id: str | None = None) -> Mapping[Phase, int]:
    """How many stores are in each phase, zeros included."""
    with _session(services, tenant_id) as session:
        counted = dict(session.execute(select(Store.phase, func.count()).group_by(Store.phase)).tuples().all())
        return {phase: counted.get(phase, 0) for phase in Phase}


def platform_state(services: Services) -> PlatformView:
    with services.sessions.platform("the platform's own switches") as session:
        return platform_view(session.get_one(Platform, 1))


@dataclass(frozen=True, slots=True)
class KnownNamespace:
    """A namespace that some row accounts for. What the cluster shows besides these, labelled ours, is an orphan."""

    namespace: str
    uid: str | None
    claim: str
    store_id: str
    tenant_id: str
    cluster_id: str
    wanted: bool
    gone_at: datetime | None
    created_at: datetime


def known_namespaces(services: Services, *, cluster_id: str | None = None) -> tuple[KnownNamespace, ...]:
    """Of all rows, gone ones included: a namespace that came back with a gone row's claim is no orphan but a remainder."""
    columns = (Store.namespace, Store.namespace_uid, Store.claim, Store.id, Store.tenant_id, Store.cluster_id)
    statement = select(*columns, Store.desired_state != DesiredState.ABSENT, Store.gone_at, Store.created_at).order_by(Store.id)
    if cluster_id is not None:
        statement = statement.where(Store.cluster_id == cluster_id)
    with services.sessions.platform("the cluster is everybody's") as session:
        return tuple(KnownNamespace(*row) for row in session.execute(statement).tuples())


@dataclass(frozen=True, slots=True)
class LeaderView:
    name: str
    holder: str
    until: datetime
    active: bool


def leaders(services: Services) -> tuple[LeaderView, ...]:
    """Who holds which office, by the database's time."""
    with services.sessions.platform("leaders") as session:
        rows = session.execute(select(Lease.name, Lease.holder, Lease.until, Lease.until > func.now()).order_by(Lease.name)).tuples()
        return tuple(LeaderView(*row) for row in rows)


def database_version(services: Services) -> str:
    """A ping: the server's version, such as 18.4."""
    with services.sessions.platform("ping") as session:
        return str(session.scalar(select(func.current_setting("server_version"))))


def _stores() -> Select[tuple[Store]]:
    return select(Store).options(selectinload(Store.conditions))


def _session(services: Services, tenant_id: str | None) -> AbstractContextManager[Session]:
    if tenant_id is None:
        return services.sessions.platform("an operator looks at all tenants")
    return services.sessions.tenant(tenant_id)
