"""From rows to views."""

from __future__ import annotations

from collections.abc import Iterable

from app.models import AuditEntry, Event, Membership, Platform, QuotaOverride, ReconcileRun, Store, Tenant, User
from app.services.context import Services
from app.services.snapshots import conditions_of
from app.services.views import AuditView, EventView, MembershipView, OverrideView, PlatformView, RunView, StoreView, TenantView, UserView


def tenant_view(row: Tenant) -> TenantView:
    return TenantView(row.id, row.slug, row.name, row.frozen, row.frozen_reason, row.created_at)


def user_view(row: User, memberships: Iterable[tuple[Membership, str]]) -> UserView:
    """Each membership comes with its tenant's slug."""
    roles = tuple(MembershipView(membership.tenant_id, slug, membership.role, membership.created_at) for membership, slug in memberships)
    return UserView(row.id, row.email, row.name, row.is_operator, row.password_set_at, row.created_at, roles)


def platform_view(row: Platform) -> PlatformView:
    return PlatformView(row.drift_mode, row.paused_until, row.paused_reason, row.no_new_stores, row.read_only)


def store_view(services: Services, row: Store) -> StoreView:
    """The conditions must be loaded."""
    return StoreView(
        id=row.id,
        tenant_id=row.tenant_id,
        cluster_id=row.cluster_id,
        slug=row.slug,
        name=row.name,
        host=row.host,
        url=services.profile.public_url(row.host),
        namespace=row.namespace,
        engine=row.engine,
        release=row.release,
        plan=row.plan,
        desired_state=row.desired_state,
        phase=row.phase,
        generation=row.generation,
        observed_generation=row.observed_generation,
        drift_mode=row.drift_mode,
        paused_until=row.paused_until,
        paused_reason=row.paused_reason,
        created_at=row.created_at,
        observed_at=row.observed_at,
        first_ready_at=row.first_ready_at,
        provisioning_since=row.provisioning_since,
        deletion_requested_at=row.deletion_requested_at,
        gone_at=row.gone_at,
        next_reconcile_at=row.next_reconcile_at,
        failure_count=row.failure_count,
        quarantined_at=row.quarantined_at,
        settings=row.settings,
        conditions=conditions_of(row),
        rotation=row.rotation,
    )


def event_view(row: Event) -> EventView:
    return EventView(row.id, row.store_id, row.at, row.type, row.reason, row.message, row.data)


def run_view(row: ReconcileRun) -> RunView:
    return RunView(
        row.id, row.store_id, row.generation, row.started_at, row.finished_at, row.duration_ms, row.outcome, row.error, row.worker,
        tuple(row.changes), row.counts, tuple(row.steps),
    )  # fmt: skip


def audit_view(row: AuditEntry) -> AuditView:
    return AuditView(
        row.id, row.at, row.tenant_id, row.actor_kind.value, row.actor_id, row.actor_name, row.actor_ip, row.request_id,
        row.action, row.target_type, row.target_id, row.before, row.after,
    )  # fmt: skip


def override_view(row: QuotaOverride) -> OverrideView:
    return OverrideView(
        row.id, row.stores, row.cpu, row.memory, row.disk, row.reason, row.actor_name, row.created_at, row.expires_at, row.superseded_at
    )
