"""What an operator switches off for everybody, with the sentence that people are told: new stores, or all changes by tenants.

Stores run on, are looked after and can be read. An intent whose transaction was under way when the switch was turned is still taken.
"""

from __future__ import annotations

from typing import Literal

from app.domain.actors import Actor
from app.services import audit
from app.services.context import Services
from app.services.intents import check_reason
from app.services.live import tell
from app.services.present import platform_view
from app.services.quotas import lock_platform
from app.services.views import PlatformView

Switch = Literal["no_new_stores", "read_only"]


def switch(services: Services, actor: Actor, *, name: Switch, reason: str | None) -> PlatformView:
    """On with a reason, off with None. Raises Forbidden unless an operator asks, InvalidIntent (reason)."""
    action = f"platform.{name}"
    audit.require_operator(actor, action)
    reason = None if reason is None else check_reason(reason)
    with services.sessions.platform("the platform's own switch") as session:
        row = lock_platform(session)
        before: str | None = getattr(row, name)
        if before != reason:
            setattr(row, name, reason)
            now, target = services.clock.now(), ("platform", "1")
            audit.record(session, actor, action, now=now, target=target, tenant_id=None, before={name: before}, after={name: reason})
            tell(session, services, "platform")
        return platform_view(row)
