"""News for open pages: told after the commit, and where they cannot be told, pages are older and nothing is wrong."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from app.models.session import on_commit
from app.ports import LiveUnavailable, News, NewsKind
from app.services.context import Services

log = structlog.get_logger(__name__)
_TOLD = "storeyard.told"


def tell(session: Session, services: Services, kind: NewsKind, *, tenant_id: str | None = None, store_id: str | None = None) -> None:
    """Once the transaction is committed, have open pages look at this again. Once per transaction, however often it is said."""
    news = News(kind, tenant_id, store_id)
    told: set[News] = session.info.setdefault(_TOLD, set())
    if news not in told:
        told.add(news)
        on_commit(session, lambda: _publish(services, news))


def _publish(services: Services, news: News) -> None:
    try:
        services.live.publish(news)
    except LiveUnavailable as error:
        services.metrics.news_failed()
        log.warning("news not told", kind=news.kind, store_id=news.store_id, tenant_id=news.tenant_id, error=str(error))
