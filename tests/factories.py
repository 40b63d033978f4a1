"""Things tests are about, made with as few words as possible. Stores and tenants are made by their use cases, as users make them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

from app.domain.actors import Actor, ActorKind
from app.domain.naming import format_id
from app.domain.quotas import Amount
from app.models import Store
from app.services.context import Services
from app.services.create_store import create_store
from app.services.create_tenant import create_tenant
from app.services.create_user import create_user
from app.services.views import StoreView, TenantView, UserView

OPERATOR = Actor(ActorKind.OPERATOR, "root", "root", request_id="test")
MERCHANT = Actor(ActorKind.USER, "01merchant", "Mia Merchant", ip="192.0.2.7", request_id="test")
PLENTY = Amount(stores=1000, cpu=10_000_000, memory=10_000_000, disk=10_000_000)

_numbers = itertools.count(1)


def make_id() -> str:
    """An id that nothing bears."""
    number = next(_numbers)
    return format_id(number, number.to_bytes(10))


def make_tenant(services: Services, slug: str | None = None) -> TenantView:
    return create_tenant(services, OPERATOR, slug=slug or f"tenant-{next(_numbers)}")


def make_user(services: Services, email: str | None = None) -> UserView:
    return create_user(services, OPERATOR, email=email or f"user-{next(_numbers)}@example.com").user


def make_store(services: Services, tenant: TenantView | None = None, slug: str | None = None, **options: Any) -> StoreView:
    tenant = tenant or make_tenant(services)
    return create_store(services, MERCHANT, tenant_id=tenant.id, slug=slug or f"shop-{next(_numbers)}", **options)


def with_quotas(services: Services, *, tenant: Amount = PLENTY, platform: Amount = PLENTY) -> Services:
    return replace(services, policy=replace(services.policy, tenant_quota=tenant, platform_quota=platform))


def set_row(services: Services, store_id: str, **values: Any) -> None:
    """Bring a store's row into a state that some earlier pass would have left it in."""
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(Store).where(Store.id == store_id).values(**values))


def set_gone(services: Services, store_id: str, at: datetime | None = None) -> None:
    """As after the namespace was observed absent."""
    set_row(services, store_id, gone_at=at or services.clock.now(), phase="Deleted", observed_generation=Store.generation)


def row_of(services: Services, store_id: str) -> Store:
    """The row as it is committed now, for looking at."""
    with services.sessions.platform("a test looks") as session:
        return session.get_one(Store, store_id)
