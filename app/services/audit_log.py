"""The read side of a tenant's audit: filtered, the newest first, in pages that cost the same however long the log is.

Pages are cut by id, so that entries which come meanwhile shift none. Store, day and place in the log are found by an index; what is then
left to compare is compared for WINDOW entries at most, and the page says how far back it has looked: `older` goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from app.models import AuditEntry, Membership, Store, User
from app.models.session import across_tenants
from app.services.context import Services
from app.services.present import audit_view
from app.services.views import AuditView

PAGE_SIZE, EXPORT_BATCH = 40, 500
# Entries that one page compares with a filter that no index serves: some milliseconds.
WINDOW = 5000
STORES_OFFERED = 200
TEXT_MAX = 100
# Ids follow the clocks of all processes that write, give or take this much.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is left empty filters nothing. `action` is a whole one, such as store.delete, or its first word. Days are UTC, both included."""

    actor_id: str = ""
    store_id: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`store_names` are of the stores spoken of, as far as they are known still. `older`: the id before which the next page begins, if any.

    `looked_back_to`: the search stopped there with the page not full, and may find more further back.
    """

    entries: tuple[AuditView, ...]
    store_names: Mapping[str, str]
    older: int | None
    looked_back_to: datetime | None


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """Whom and what a filter may name: (id, name), of people who share a name the address as well."""

    people: tuple[tuple[str, str], ...]
    stores: tuple[tuple[str, str], ...]


def audit_page(services: Services, *, tenant_id: str, wanted: AuditFilter, before: int | None = None, limit: int = PAGE_SIZE) -> AuditPage:
    """The newest `limit` entries before that id that are wanted."""
    with services.sessions.tenant(tenant_id) as session:
        placed = _placed(session, wanted, before)
        compared = _compared(wanted)
        statement = select(AuditEntry).where(*placed, *compared)
        floor = None
        if compared:
            floor = session.execute(
                select(AuditEntry.id, AuditEntry.at).where(*placed).order_by(AuditEntry.id.desc()).offset(WINDOW - 1).limit(1)
            ).one_or_none()
            if floor is not None:
                statement = statement.where(AuditEntry.id >= floor.id)
        rows = session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit + 1)).all()
        full = len(rows) > limit
        rows = rows[:limit]
        older = rows[-1].id if full else None if floor is None else floor.id
        return AuditPage(tuple(map(audit_view, rows)), _store_names(session, rows), older, None if full or floor is None else floor.at)


def audit_batches(services: Services, *, tenant_id: str, wanted: AuditFilter) -> Iterator[AuditPage]:
    """All that is wanted, batch by batch. Between two of them nothing is open, however long the reader takes."""
    before = None
    while True:
        page = audit_page(services, tenant_id=tenant_id, wanted=wanted, before=before, limit=EXPORT_BATCH)
        yield page
        before = page.older
        if before is None:
            return


def audit_choices(services: Services, *, tenant_id: str) -> AuditChoices:
    """The tenant's people, and its stores, the newest of many."""
    people = select(User.id, User.name, User.email).join(Membership, Membership.user_id == User.id).order_by(User.name, User.email)
    stores = select(Store.id, Store.name).order_by(Store.created_at.desc(), Store.id.desc()).limit(STORES_OFFERED)
    with services.sessions.tenant(tenant_id) as session:
        persons = session.execute(people).tuples().all()
        named = Counter(name for _, name, _ in persons)
        listed = sorted(session.execute(stores).tuples(), key=lambda store: store[1].casefold())
        return AuditChoices(
            tuple((id_, name if named[name] == 1 else f"{name} ({email})") for id_, name, email in persons),
            tuple((id_, name) for id_, name in listed),
        )


def _placed(session: Session, wanted: AuditFilter, before: int | None) -> list[ColumnElement[bool]]:
    """What an index finds."""
    found: list[ColumnElement[bool]] = []
    if before is not None:
        found.append(AuditEntry.id < before)
    if wanted.store_id:
        found += [AuditEntry.target_type == "store", AuditEntry.target_id == wanted.store_id]
    with across_tenants(session, "where in the log a day lies: of all tenants' entries nothing but a number is looked up"):
        if wanted.since is not None:
            latest = select(AuditEntry.id).where(AuditEntry.at < _midnight(wanted.since) - _SLACK).order_by(AuditEntry.at.desc())
            if (last := session.scalar(latest.limit(1))) is not None:
                found.append(AuditEntry.id > last)
        if wanted.until is not None:
            earliest = select(AuditEntry.id).where(AuditEntry.at >= _end(wanted.until) + _SLACK).order_by(AuditEntry.at)
            if (first := session.scalar(earliest.limit(1))) is not None:
                found.append(AuditEntry.id < first)
    return found


def _compared(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    """What each entry is asked."""
    asked: list[ColumnElement[bool]] = []
    if wanted.actor_id:
        asked.append(AuditEntry.actor_id == wanted.actor_id)
    if wanted.action:
        whole = "." in wanted.action
        asked.append(AuditEntry.action == wanted.action if whole else AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True))
    if wanted.since is not None:
        asked.append(AuditEntry.at >= _midnight(wanted.since))
    if wanted.until is not None:
        asked.append(AuditEntry.at < _end(wanted.until))
    if text := " ".join(wanted.text.split())[:TEXT_MAX]:
        asked.append(_speaks_of(text))
    return asked


def _speaks_of(text: str) -> ColumnElement[bool]:
    columns: tuple[Any, ...] = (
        AuditEntry.actor_name, AuditEntry.action, AuditEntry.actor_ip, cast(AuditEntry.before, Text), cast(AuditEntry.after, Text),
    )  # fmt: skip
    named = select(Store.id).where(or_(Store.name.icontains(text, autoescape=True), Store.slug.icontains(text, autoescape=True)))
    return or_(
        *(column.icontains(text, autoescape=True) for column in columns), AuditEntry.target_id == text, AuditEntry.target_id.in_(named)
    )


def _store_names(session: Session, rows: Any) -> dict[str, str]:
    ids = {row.target_id for row in rows if row.target_type == "store"}
    if not ids:
        return {}
    return dict(session.execute(select(Store.id, Store.name).where(Store.id.in_(ids))).tuples().all())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _end(day: date) -> datetime:
    """The first moment after the day."""
    return _midnight(day) + timedelta(days=1)
