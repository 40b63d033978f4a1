"""Hosts: one store each, refused in the database before any cluster hears of it (F40)."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from app.domain.errors import NameTaken
from app.services import create_store as module
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.queries import list_stores
from app.services.views import StoreView
from tests.factories import MERCHANT, make_store, make_tenant, set_gone, set_row
from tests.fakes.clock import FakeClock
from tests.integration.test_quota_races import at_once


def remove(services: Services, store: StoreView) -> None:
    delete_store(services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    set_gone(services, store.id)


def test_f40_the_database_refuses_a_host_that_is_held(services: Services) -> None:
    make_store(services, slug="bakery")
    other = make_store(services, slug="butcher")
    with pytest.raises(IntegrityError, match="uq_stores_host_not_gone"):
        set_row(services, other.id, host="bakery.localhost")


def test_f40_of_stores_made_at_once_with_one_slug_each_has_its_own_host(services: Services) -> None:
    tenants = [make_tenant(services) for _ in range(10)]
    assert at_once([lambda t=tenant: make_store(services, t, "bakery") for tenant in tenants]) == [None] * 10
    hosts = [store.host for store in list_stores(services)]
    assert len(set(hosts)) == 10
    assert hosts.count("bakery.localhost") == 1


def test_f40_a_host_taken_in_the_last_moment_leads_to_another(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another store had taken the host after we looked: the unique index decides, and the create goes on."""
    make_store(services, slug="bakery")
    monkeypatch.setattr(module, "host_is_free", lambda *_, **__: True)
    store = make_store(services, slug="bakery")
    assert store.host == f"bakery-{store.id[-6:]}.localhost"


def test_f40_where_no_host_is_free_the_create_is_refused_whole(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(services, slug="bakery")
    monkeypatch.setattr(module, "host_label", lambda *_, **__: "bakery")
    with pytest.raises(NameTaken):
        make_store(services, slug="bakery")
    assert len(list_stores(services)) == 1


def test_another_tenants_host_is_held_back_for_a_while_after_it_is_gone(services: Services, clock: FakeClock) -> None:
    remove(services, make_store(services, slug="bakery"))
    clock.advance(days=services.policy.host_hold_days - 1)
    assert make_store(services, slug="bakery").host != "bakery.localhost"
    clock.advance(days=2)
    assert make_store(services, slug="bakery").host == "bakery.localhost"


def test_ones_own_host_is_free_as_soon_as_the_old_store_is_gone(services: Services) -> None:
    tenant = make_tenant(services)
    remove(services, make_store(services, tenant, "bakery"))
    assert make_store(services, tenant, "bakery").host == "bakery.localhost"


def test_another_stores_suffixed_host_is_respected(services: Services) -> None:
    """A slug may look like a host that was given with a suffix."""
    make_store(services, slug="bakery")
    suffixed = make_store(services, slug="bakery")
    label = suffixed.host.removesuffix(".localhost")
    assert make_store(services, slug=label).host != suffixed.host
