"""People for the tests of accounts, made as they make themselves."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import func, select

from app.domain.people import Visitor
from app.models import AuditEntry, Base, User
from app.services.account_views import CurrentSession, LoggedIn
from app.services.auth_sessions import find_session
from app.services.context import Services
from app.services.log_in import log_in
from app.services.sign_up import sign_up
from tests.fakes.mailer import FakeMailer

PASSWORD = "correct horse battery"
HOME = Visitor("192.0.2.7", "Firefox", "request-1")
AWAY = Visitor("198.51.100.9", "Chrome")


def mia(services: Services, email: str = "mia@example.com", shop: str = "Mia's Bakery") -> LoggedIn:
    return sign_up(services, HOME, email=email, name="Mia", password=PASSWORD, shop=shop)


def again(services: Services, email: str = "mia@example.com", password: str = PASSWORD, visitor: Visitor = AWAY) -> LoggedIn:
    return log_in(services, visitor, email=email, password=password)


def found(services: Services, logged_in: LoggedIn) -> CurrentSession | None:
    return find_session(services, HOME, logged_in.token)


def now_of(services: Services, logged_in: LoggedIn) -> CurrentSession:
    session = found(services, logged_in)
    assert session is not None
    return session


def mailer(services: Services) -> FakeMailer:
    return cast("FakeMailer", services.mailer)


def make_operator(services: Services, email: str) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.scalars(select(User).where(User.email == email)).one().is_operator = True


def count(services: Services, table: type[Base]) -> int:
    with services.sessions.platform("a test looks") as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def audit_of(services: Services, action: str) -> list[AuditEntry]:
    with services.sessions.platform("a test looks") as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def refusal(error: Any) -> tuple[str, str]:
    """The field and the rule of a refused intent."""
    return error.value.data["field"], error.value.data["rule"]
