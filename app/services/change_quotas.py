"""The same limits for several tenants: all of them in one transaction, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent
from app.domain.quotas import RESOURCES
from app.services import audit
from app.services.change_quota import check_override, set_tenant_limits
from app.services.context import Services
from app.services.intents import check_reason
from app.services.quotas import current_override, lock_tenant, override_of

TENANTS_MAX = 200


def change_quotas(
    services: Services,
    actor: Actor,
    *,
    tenant_ids: Sequence[str],
    limits: Mapping[str, int | None],
    reason: str,
    expires_at: datetime | None = None,
) -> int:
    """How many tenants. A resource that is not among `limits` stays as it is for each tenant, one that is None becomes the default.

    Raises Forbidden unless an operator asks, InvalidIntent, NotFound.
    """
    audit.require_operator(actor, "quota.change")
    ids = sorted(set(tenant_ids))  # one order of locks, whoever asks
    if not 1 <= len(ids) <= TENANTS_MAX:
        raise InvalidIntent(f"Choose 1 to {TENANTS_MAX} tenants.", field="tenant", rule="count")
    if not limits:
        raise InvalidIntent("Give at least one limit.", field="stores", rule="needed")
    reason, now = check_reason(reason), services.clock.now()
    check_override(dict(limits), expires_at, now=now)
    with services.sessions.platform("an operator changes the limits of several tenants") as session:
        for tenant_id in ids:
            tenant = lock_tenant(session, tenant_id)
            row = current_override(session, tenant_id)
            former = None if row is None or (row.expires_at is not None and row.expires_at <= now) else override_of(row)
            kept = {name: None if former is None else getattr(former, name) for name in RESOURCES}
            override = check_override({**kept, **limits}, expires_at, now=now)
            set_tenant_limits(session, services, actor, tenant, override, reason=reason)
    return len(ids)
