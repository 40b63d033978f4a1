"""An operator acts for a tenant: only on purpose, for a reason, in one session, and not for long.

The audit names the operator in each entry, as "Olga for acme"; begin and end are entries of the tenant's own, which its owners read.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.errors import NotFound
from app.domain.people import ACTING_LONGEST, Visitor
from app.models import AuthSession, Tenant
from app.services import audit
from app.services.account_views import CurrentSession
from app.services.auth_sessions import load_session
from app.services.context import Services
from app.services.intents import check_reason

_WHY = "an operator acts for a tenant that is not theirs"


def act_as(services: Services, visitor: Visitor, current: CurrentSession, *, tenant_id: str, reason: str) -> CurrentSession:
    """Ends an earlier one. Raises Forbidden unless an operator asks, InvalidIntent (reason), NotFound (tenant)."""
    actor = current.operator(visitor)
    reason = check_reason(reason)
    now = services.clock.now()
    with services.sessions.platform(_WHY) as session:
        row = _lock(session, current)
        if session.scalar(select(Tenant.id).where(Tenant.id == tenant_id)) is None:
            raise NotFound("There is no such tenant.", what="tenant", id=tenant_id)
        _end(session, services, actor, row)
        until = now + ACTING_LONGEST
        row.acting_tenant_id, row.acting_reason, row.acting_since, row.acting_until = tenant_id, reason, now, until
        session.flush()
        after = {"operator": current.user.email, "reason": reason, "until": until.isoformat()}
        audit.record(session, actor, "tenant.act_as", now=now, target=("tenant", tenant_id), tenant_id=tenant_id, after=after)
        return load_session(session, current.id, current.csrf, now=now)


def stop_acting(services: Services, visitor: Visitor, current: CurrentSession) -> CurrentSession:
    """Where nobody is acted for, nothing happens."""
    with services.sessions.platform(_WHY) as session:
        _end(session, services, current.person(visitor), _lock(session, current))
        return load_session(session, current.id, current.csrf, now=services.clock.now())


def _lock(session: Session, current: CurrentSession) -> AuthSession:
    row = session.scalar(select(AuthSession).where(AuthSession.id == current.id).with_for_update(key_share=True))
    if row is None:
        raise NotFound("This session has ended. Log in again.", what="session", id=current.id)
    return row


def _end(session: Session, services: Services, actor: Actor, row: AuthSession) -> None:
    if row.acting_tenant_id is None:
        return
    now, target = services.clock.now(), ("tenant", row.acting_tenant_id)
    before = {"reason": row.acting_reason, "since": row.acting_since and row.acting_since.isoformat()}
    audit.record(session, actor, "tenant.act_as_end", now=now, target=target, tenant_id=row.acting_tenant_id, before=before)
    row.acting_tenant_id = row.acting_reason = row.acting_since = row.acting_until = None
    session.flush()
