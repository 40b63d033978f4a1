"""The read side of a merchant's list of stores: searched, filtered and paged, by four statements however many stores there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import selectinload

from app.domain.stores import Phase
from app.models import Platform, Store
from app.services.context import Services
from app.services.present import platform_view, store_view
from app.services.views import PlatformView, StoreView

PAGE_SIZE = 24
SEARCH_MAX = 100


class Show(StrEnum):
    """The phases as a merchant sorts them. Stores that are gone are in none."""

    ALL = "all"
    OPEN = "open"
    MOVING = "moving"
    ATTENTION = "attention"
    SUSPENDED = "suspended"


PHASES_OF = {
    Show.OPEN: (Phase.READY,),
    Show.MOVING: (Phase.PENDING, Phase.PROVISIONING, Phase.DELETING),
    Show.ATTENTION: (Phase.DEGRADED, Phase.FAILED),
    Show.SUSPENDED: (Phase.SUSPENDED,),
}


@dataclass(frozen=True, slots=True)
class StoreList:
    """One page. `counts` are of all that the search finds; `any` tells a tenant without stores from a search without results."""

    stores: tuple[StoreView, ...]
    counts: dict[Show, int]
    total: int
    page: int
    pages: int
    any: bool
    platform: PlatformView


def list_page(services: Services, *, tenant_id: str, search: str = "", show: Show = Show.ALL, page: int = 1) -> StoreList:
    """The newest first. A page beyond the last is the last."""
    text = " ".join(search.split())[:SEARCH_MAX]
    with services.sessions.tenant(tenant_id) as session:
        counted = select(Store.phase, func.count()).where(Store.gone_at.is_(None), *_matching(text)).group_by(Store.phase)
        phases = dict(session.execute(counted).tuples().all())
        counts = {kind: _sum(phases, PHASES_OF.get(kind, tuple(Phase))) for kind in Show}
        total = counts[show]
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(page, 1), pages)
        statement = select(Store).options(selectinload(Store.conditions)).where(Store.gone_at.is_(None), *_matching(text))
        if show in PHASES_OF:
            statement = statement.where(Store.phase.in_(PHASES_OF[show]))
        rows = session.scalars(statement.order_by(Store.id.desc()).limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)).all()
        found = counts[Show.ALL] > 0
        some = found or (bool(text) and session.scalar(select(Store.id).where(Store.gone_at.is_(None)).limit(1)) is not None)
        platform = platform_view(session.get_one(Platform, 1))
        return StoreList(tuple(store_view(services, row) for row in rows), counts, total, page, pages, some, platform)


def _matching(text: str) -> tuple[ColumnElement[bool], ...]:
    if not text:
        return ()
    return (or_(*(column.icontains(text, autoescape=True) for column in (Store.name, Store.slug, Store.host))),)


def _sum(counted: dict[Phase, int], phases: Iterable[Phase]) -> int:
    return sum(counted.get(phase, 0) for phase in phases)
