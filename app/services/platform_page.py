"""The operators' read side of the platform itself: its switches, limits and plans, and who changed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.domain.quotas import RESOURCES
from app.models import AuditEntry, Platform, Store
from app.services.context import Services
from app.services.present import audit_view, platform_view
from app.services.quota_queries import platform_quota_of
from app.services.views import AuditView, PlatformView, QuotaView

HISTORY = 20


@dataclass(frozen=True, slots=True)
class PlatformPage:
    """`own`: limits that an operator set, by resource, where they differ from the configured ones. `plans`: stores by plan."""

    state: PlatformView
    quota: QuotaView
    own: Mapping[str, int | None]
    expires_at: datetime | None
    plans: Mapping[str, int]
    history: tuple[AuditView, ...]


def platform_page(services: Services) -> PlatformPage:
    with services.sessions.platform("operators read the platform's own page") as session:
        row, now = session.get_one(Platform, 1), services.clock.now()
        quota = platform_quota_of(session, services, row, now=now)
        plans = select(Store.plan, func.count()).where(Store.gone_at.is_(None)).group_by(Store.plan)
        entries = select(AuditEntry).where(AuditEntry.target_type == "platform").order_by(AuditEntry.id.desc()).limit(HISTORY)
        ended = row.limits_expire_at is not None and row.limits_expire_at <= now
        own = {name: None if ended else getattr(row, name) for name in RESOURCES}
        return PlatformPage(
            platform_view(row),
            quota,
            own,
            None if ended else row.limits_expire_at,
            dict(session.execute(plans).tuples().all()),
            tuple(map(audit_view, session.scalars(entries))),
        )
