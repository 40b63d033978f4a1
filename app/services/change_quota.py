"""A tenant's limit, or the platform's own. May be set below what is in use: nothing is taken away, growth is blocked, and it shows."""

from __future__ import annotations

from datetime import datetime

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent
from app.domain.quotas import RESOURCES, Override
from app.models import Platform, QuotaOverride
from app.services import audit
from app.services.context import Services
from app.services.ids import new_id
from app.services.intents import check_reason
from app.services.live import tell
from app.services.quota_queries import platform_quota_of, tenant_quota_of
from app.services.quotas import current_override, lock_platform, lock_tenant
from app.services.views import QuotaView

INTEGER_MAX = 2**31 - 1


def change_quota(
    services: Services,
    actor: Actor,
    *,
    tenant_id: str | None,
    reason: str,
    stores: int | None = None,
    cpu: int | None = None,
    memory: int | None = None,
    disk: int | None = None,
    expires_at: datetime | None = None,
) -> QuotaView:
    """Set limits in stores, millicores, MiB and GiB; None leaves the default, all None ends the override. Without a tenant: the platform's.

    Earlier overrides stay as history. Raises Forbidden unless an operator asks, InvalidIntent, NotFound.
    """
    audit.require_operator(actor, "quota.change")
    reason = check_reason(reason)
    now = services.clock.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidIntent("The expiry must lie in the future.", field="expires_at", rule="future")
    override = Override(stores, cpu, memory, disk, expires_at)
    for resource in RESOURCES:
        if (getattr(override, resource) or 0) > INTEGER_MAX:
            raise InvalidIntent(f"A limit is at most {INTEGER_MAX}.", field=resource, rule="too_large")
    if tenant_id is None:
        return _change_platform(services, actor, override, reason, now)
    return _change_tenant(services, actor, tenant_id, override, reason, now)


def _change_tenant(services: Services, actor: Actor, tenant_id: str, override: Override, reason: str, now: datetime) -> QuotaView:
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        former = current_override(session, tenant_id)
        if former is not None:
            former.superseded_at = now
            session.flush()  # before the new one: only one row may be current
        session.add(
            QuotaOverride(
                id=new_id(now),
                tenant_id=tenant_id,
                stores=override.stores,
                cpu=override.cpu,
                memory=override.memory,
                disk=override.disk,
                reason=reason,
                actor_kind=actor.kind,
                actor_id=actor.id,
                actor_name=actor.name,
                expires_at=override.expires_at,
                created_at=now,
            )
        )
        audit.record(
            session, actor, "quota.change", now=now, target=("tenant", tenant_id), tenant_id=tenant_id,
            before=None if former is None else _limits(former, former.expires_at, former.reason),
            after=_limits(override, override.expires_at, reason),
        )  # fmt: skip
        tell(session, services, "tenant", tenant_id=tenant_id)
        session.flush()
        return tenant_quota_of(session, services, tenant, now=now)


def _change_platform(services: Services, actor: Actor, override: Override, reason: str, now: datetime) -> QuotaView:
    with services.sessions.platform("the platform's own limits") as session:
        row = lock_platform(session)
        before = _limits(row, row.limits_expire_at, None)
        row.stores, row.cpu, row.memory, row.disk = override.stores, override.cpu, override.memory, override.disk
        row.limits_expire_at = override.expires_at
        after = _limits(row, row.limits_expire_at, reason)
        audit.record(session, actor, "quota.change", now=now, target=("platform", "1"), tenant_id=None, before=before, after=after)
        tell(session, services, "platform")
        session.flush()
        return platform_quota_of(session, services, row, now=now)


def _limits(source: Override | QuotaOverride | Platform, expires_at: datetime | None, reason: str | None) -> dict[str, object]:
    limits: dict[str, object] = {name: getattr(source, name) for name in RESOURCES}
    return {**limits, "expires_at": expires_at and expires_at.isoformat(), "reason": reason}
