"""Sessions of people in browsers: begun at a log-in, found at each request by one query, ended by hand or by time.

A session always has a new token, so that none that was known before a log-in is worth anything after it. It is renewed by use, which is
written once a minute at most, and never beyond its longest time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, case, delete, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from app.domain.errors import NotFound
from app.domain.people import SESSION_IDLE, SESSION_LONGEST, Role, Visitor
from app.models import AuthSession, Membership, Tenant, User
from app.services import audit
from app.services.account_views import Acting, CurrentSession, LoggedIn, Person, SessionView, Standing
from app.services.context import Services
from app.services.ids import new_id
from app.services.present import tenant_view
from app.services.tokens import csrf_of, new_token, token_hash

# How seldom use is written.
SEEN_EVERY = timedelta(minutes=1)
_USER_AGENT_MAX = 300
_WHY = "who asks is found out before any tenant is known"

Acted = aliased(Tenant)
_Row = tuple[AuthSession, User, Role, Tenant, Tenant]  # by SQLAlchemy's types; of outer joins the last three may be None


def find_session(services: Services, visitor: Visitor, token: str) -> CurrentSession | None:
    """The session of a cookie's token, kept alive by this use. None where it is unknown or over: the person logs in again."""
    now = services.clock.now()
    with services.sessions.platform(_WHY) as session:
        row = session.execute(_found(now).where(AuthSession.token_hash == token_hash(token))).tuples().one_or_none()
        if row is None:
            return None
        found = row[0]
        if found.last_seen_at <= now - SEEN_EVERY:
            _seen(session, found, visitor, now=now)
        return _view(*row, csrf_of(token))


def standing_of(services: Services, session_ids: Collection[str]) -> Mapping[str, Standing]:
    """Of these sessions those that are not over, with whom they stand for now: one query, and no use that keeps them alive."""
    with services.sessions.platform(_WHY) as session:
        rows = session.execute(_found(services.clock.now()).where(AuthSession.id.in_(session_ids))).tuples().all()
        views = (_view(*row, "") for row in rows)
        return {view.id: Standing(view.tenant.id if view.tenant and view.role else None, view.user.operator) for view in views}


def list_sessions(services: Services, current: CurrentSession) -> tuple[SessionView, ...]:
    """The person's own, the one that asks first, then by last use."""
    mine = select(AuthSession).where(AuthSession.user_id == current.user.id, AuthSession.expires_at > services.clock.now())
    with services.sessions.platform("a person's sessions belong to no tenant") as session:
        rows = session.scalars(mine.order_by(AuthSession.id != current.id, AuthSession.last_seen_at.desc(), AuthSession.id)).all()
        return tuple(
            SessionView(row.id, row.created_at, row.last_seen_at, row.expires_at, row.address, row.user_agent, row.id == current.id)
            for row in rows
        )


def revoke_session(services: Services, visitor: Visitor, current: CurrentSession, *, session_id: str) -> None:
    """End one of the person's own. NotFound for all others."""
    with services.sessions.platform("a person's sessions belong to no tenant") as session:
        result = session.execute(delete(AuthSession).where(AuthSession.id == session_id, AuthSession.user_id == current.user.id))
        if not _count(result):
            raise NotFound("There is no such session.", what="session", id=session_id)
        _audit(session, services, visitor, current, "user.session_revoke", {"sessions": 1})


def revoke_others(services: Services, visitor: Visitor, current: CurrentSession) -> int:
    """End all of the person's but the one that asks; how many."""
    with services.sessions.platform("a person's sessions belong to no tenant") as session:
        ended = end_sessions(session, current.user.id, but=current.id)
        if ended:
            _audit(session, services, visitor, current, "user.session_revoke", {"sessions": ended})
        return ended


def log_out(services: Services, current: CurrentSession) -> None:
    """End this session. One that is over already is no error."""
    with services.sessions.platform("a person's sessions belong to no tenant") as session:
        session.execute(delete(AuthSession).where(AuthSession.id == current.id, AuthSession.user_id == current.user.id))


def begin_session(session: Session, visitor: Visitor, user: User, *, now: datetime, tenant_id: str | None = None) -> LoggedIn:
    """A new one, in the caller's transaction, which is the platform's.

    Without a tenant it shows that of the person's last session, or the one they joined first.
    """
    token, hashed = new_token()
    row = AuthSession(
        id=new_id(now),
        token_hash=hashed,
        user_id=user.id,
        current_tenant_id=tenant_id or _last_tenant(session, user.id),
        address=visitor.address,
        user_agent=_agent(visitor),
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_IDLE,
    )
    session.add(row)
    session.flush()
    return LoggedIn(token, load_session(session, row.id, csrf_of(token), now=now))


def load_session(session: Session, session_id: str, csrf: str, *, now: datetime) -> CurrentSession:
    """As it is in the caller's transaction, which is the platform's. NotFound where it ended meanwhile."""
    statement = _found(now).where(AuthSession.id == session_id).execution_options(populate_existing=True)
    row = session.execute(statement).tuples().one_or_none()
    if row is None:
        raise NotFound("This session has ended. Log in again.", what="session", id=session_id)
    return _view(*row, csrf)


def end_sessions(session: Session, user_id: str, *, but: str | None = None) -> int:
    """In the caller's transaction, which is the platform's; how many."""
    mine = delete(AuthSession).where(AuthSession.user_id == user_id)
    return _count(session.execute(mine if but is None else mine.where(AuthSession.id != but)))


def _found(now: datetime) -> Select[_Row]:
    """Sessions that are not over, each with its person, role and tenant, and the tenant acted for: only by an operator, only in time."""
    return (
        select(AuthSession, User, Membership.role, Tenant, Acted)
        .join(User, User.id == AuthSession.user_id)
        .outerjoin(Membership, and_(Membership.user_id == AuthSession.user_id, Membership.tenant_id == AuthSession.current_tenant_id))
        .outerjoin(Tenant, Tenant.id == Membership.tenant_id)
        .outerjoin(Acted, and_(Acted.id == AuthSession.acting_tenant_id, AuthSession.acting_until > now, User.is_operator))
        .where(AuthSession.expires_at > now)
    )


def _view(found: AuthSession, user: User, role: Role | None, own: Tenant | None, acted: Tenant | None, csrf: str) -> CurrentSession:
    acting = _acting(found, acted)
    tenant = acting.tenant if acting else own and tenant_view(own)
    return CurrentSession(
        id=found.id,
        user=Person(user.id, user.email, user.name, user.is_operator),
        tenant=tenant,
        role=Role.OWNER if acting else role,
        acting=acting,
        csrf=csrf,
        created_at=found.created_at,
        last_seen_at=found.last_seen_at,
        expires_at=found.expires_at,
    )


def _acting(found: AuthSession, tenant: Tenant | None) -> Acting | None:
    if tenant is None or found.acting_reason is None or found.acting_since is None or found.acting_until is None:
        return None
    return Acting(tenant_view(tenant), found.acting_reason, found.acting_since, found.acting_until)


def _seen(session: Session, found: AuthSession, visitor: Visitor, *, now: datetime) -> None:
    """Of several requests at once one writes; the others find that it was, and go on."""
    found_before = found.last_seen_at
    session.execute(
        update(AuthSession)
        .where(AuthSession.id == found.id, AuthSession.last_seen_at == found_before)
        .values(
            last_seen_at=now,
            expires_at=min(now + SESSION_IDLE, found.created_at + SESSION_LONGEST),
            address=visitor.address,
            user_agent=_agent(visitor),
        )
    )


def _last_tenant(session: Session, user_id: str) -> str | None:
    latest = (
        select(AuthSession.current_tenant_id)
        .where(AuthSession.user_id == user_id, AuthSession.current_tenant_id.is_not(None))
        .order_by(AuthSession.last_seen_at.desc(), AuthSession.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    first_that = case((Membership.tenant_id == latest, 0), else_=1)
    mine = select(Membership.tenant_id).where(Membership.user_id == user_id)
    return session.scalar(mine.order_by(first_that, Membership.created_at, Membership.tenant_id).limit(1))


def _audit(session: Session, services: Services, visitor: Visitor, current: CurrentSession, action: str, after: dict[str, int]) -> None:
    target = ("user", current.user.id)
    audit.record(session, current.person(visitor), action, now=services.clock.now(), target=target, tenant_id=None, after=after)


def _agent(visitor: Visitor) -> str:
    """Without what PostgreSQL cannot keep."""
    return visitor.user_agent.replace("\x00", "")[:_USER_AGENT_MAX]


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
