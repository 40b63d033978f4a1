"""Double clicks and retried scripts: one store, the same answer (F7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.errors import IdempotencyMismatch, NameTaken, QuotaExceeded
from app.models import IdempotencyKey, Store
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.queries import list_stores
from app.services.views import StoreView, TenantView
from tests.factories import MERCHANT, PLENTY, make_tenant, row_of, set_row, with_quotas
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.integration.test_quota_races import at_once


def create(services: Services, tenant: TenantView, key: str | None = "key-1", **options: Any) -> StoreView:
    return create_store(services, MERCHANT, **{"tenant_id": tenant.id, "slug": "bakery", "idempotency_key": key, **options})


def test_f7_a_retry_gets_the_same_answer_though_the_store_has_moved_on(services: Services, queue: FakeQueue) -> None:
    tenant = make_tenant(services)
    first = create(services, tenant)
    set_row(services, first.id, phase="Ready", observed_generation=1)
    again = create(services, tenant)
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert len(list_stores(services)) == 1
    assert queue.woken == [first.id]


def test_f7_fifty_creates_at_once_with_one_key_make_one_store(services: Services) -> None:
    tenant = make_tenant(services)
    answers: list[StoreView] = []
    assert at_once([lambda: answers.append(create(services, tenant)) for _ in range(20)]) == [None] * 20
    assert len({answer.id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(list_stores(services)) == 1


@pytest.mark.parametrize("other", [{"slug": "butcher"}, {"plan": "standard"}, {"name": "Other"}, {"settings": {"tagline": "Bread"}}])
def test_a_key_stands_for_one_request(services: Services, other: dict[str, Any]) -> None:
    tenant = make_tenant(services)
    create(services, tenant)
    with pytest.raises(IdempotencyMismatch):
        create(services, tenant, **other)
    assert len(list_stores(services)) == 1


def test_a_key_belongs_to_its_tenant_and_actor(services: Services) -> None:
    tenant = make_tenant(services)
    create(services, tenant)
    assert not create(services, make_tenant(services)).replayed
    colleague = replace(MERCHANT, id="01colleague")
    with pytest.raises(NameTaken):  # not the merchant's answer
        create_store(services, colleague, tenant_id=tenant.id, slug="bakery", idempotency_key="key-1")


def test_a_refusal_is_not_remembered(services: Services) -> None:
    tenant = make_tenant(services)
    full = with_quotas(services, tenant=replace(PLENTY, stores=0))
    with pytest.raises(QuotaExceeded):
        create(full, tenant)
    assert not create(services, tenant).replayed


def test_a_key_is_forgotten_after_its_time(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    first = create(services, tenant)
    delete_store(services, MERCHANT, tenant_id=tenant.id, store_id=first.id)
    clock.advance(hours=services.policy.idempotency_hours - 1)
    assert create(services, tenant).id == first.id
    clock.advance(hours=1)
    assert create(services, tenant).id != first.id
    assert create(services, tenant).replayed


def test_without_a_key_the_name_protects_against_double_clicks(services: Services) -> None:
    tenant = make_tenant(services)
    create(services, tenant, key=None)
    with pytest.raises(NameTaken):
        create(services, tenant, key=None)


def test_an_answer_holds_no_secret(services: Services) -> None:
    tenant = make_tenant(services)
    store = create(services, tenant)
    secrets = services.vault.open(row_of(services, store.id).credentials_key_id, _sealed(services, store.id))
    with services.sessions.platform("a test looks") as session:
        answer = str(session.scalars(select(IdempotencyKey.answer)).one())
    assert all(value not in answer for name, value in secrets.items() if name != "admin_email")


def test_a_view_survives_being_stored(services: Services) -> None:
    store = create(services, make_tenant(services), settings={"accent": "#123456"})
    assert StoreView.from_dict(store.as_dict()) == store


def _sealed(services: Services, store_id: str) -> bytes:
    with services.sessions.platform("a test looks") as session:
        return session.scalars(select(Store.credentials).where(Store.id == store_id)).one()
