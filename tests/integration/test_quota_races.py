"""Quotas are exact under any number of requests at once (F13), and may be lowered below what is in use (F15)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from app.domain.errors import QuotaExceeded, StoreyardError
from app.domain.plans import PLANS
from app.domain.quotas import Amount, cost
from app.models import ClusterRow
from app.services.change_plan import change_plan
from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.queries import list_stores
from app.services.quota_queries import all_quotas, override_history, platform_quota, tenant_quota
from tests.factories import MERCHANT, OPERATOR, PLENTY, make_store, make_tenant, set_gone, with_quotas
from tests.fakes.clock import FakeClock


def at_once(actions: list[Callable[[], object]]) -> list[StoreyardError | None]:
    """Run all together; the error of each, or None."""
    together = threading.Barrier(len(actions))
    results: list[StoreyardError | None] = [None] * len(actions)

    def run(position: int) -> None:
        together.wait()
        try:
            actions[position]()
        except StoreyardError as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_f13_twenty_creates_at_once_make_exactly_as_many_stores_as_the_limit(services: Services) -> None:
    services = with_quotas(services, tenant=replace(PLENTY, stores=7))
    tenant = make_tenant(services)
    creates = [lambda n=n: create_store(services, MERCHANT, tenant_id=tenant.id, slug=f"shop-{n}") for n in range(20)]
    refusals = [error for error in at_once(creates) if error is not None]
    assert len(list_stores(services, tenant_id=tenant.id)) == 7
    assert [type(error) for error in refusals] == [QuotaExceeded] * 13
    assert {error.data["scope"] for error in refusals} == {"tenant"}


def test_f13_twenty_tenants_at_once_fill_the_platform_exactly(services: Services) -> None:
    services = with_quotas(services, platform=replace(PLENTY, stores=9))
    tenants = [make_tenant(services) for _ in range(20)]
    creates = [lambda t=tenant: create_store(services, MERCHANT, tenant_id=t.id, slug="bakery") for tenant in tenants]
    refusals = [error for error in at_once(creates) if error is not None]
    assert len(list_stores(services)) == 9
    assert [(type(error), error.data.get("scope")) for error in refusals] == [(QuotaExceeded, "platform")] * 11


def test_growing_and_creating_at_once_never_pass_the_limit_together(services: Services) -> None:
    """Two starters fit, or one standard: never a standard and a starter, whichever comes first."""
    starter, standard = cost(PLANS["starter"]), cost(PLANS["standard"])
    services = with_quotas(services, tenant=replace(PLENTY, memory=standard.memory + starter.memory - 1))
    allow_expansion(services)
    tenant = make_tenant(services)
    store = make_store(services, tenant)
    results = at_once(
        [
            lambda: change_plan(services, MERCHANT, tenant_id=tenant.id, store_id=store.id, plan="standard"),
            lambda: create_store(services, MERCHANT, tenant_id=tenant.id, slug="second"),
        ]
    )
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 1
    assert tenant_quota(services, tenant_id=tenant.id).over == ()


def test_what_is_being_deleted_counts_until_it_is_observed_gone(services: Services) -> None:
    services = with_quotas(services, tenant=replace(PLENTY, stores=1))
    tenant = make_tenant(services)
    store = make_store(services, tenant)
    delete_store(services, MERCHANT, tenant_id=tenant.id, store_id=store.id)
    with pytest.raises(QuotaExceeded):
        make_store(services, tenant)
    set_gone(services, store.id)
    make_store(services, tenant)


def test_f15_a_quota_lowered_below_use_blocks_growth_and_takes_nothing_away(services: Services) -> None:
    services = with_quotas(services)
    allow_expansion(services)
    tenant = make_tenant(services)
    stores = [make_store(services, tenant) for _ in range(3)]
    view = change_quota(services, OPERATOR, tenant_id=tenant.id, stores=2, memory=1000, reason="did not pay")
    assert view.over == ("stores", "memory")
    assert [quota.over for quota in all_quotas(services)] == [("stores", "memory")]
    assert len(list_stores(services, tenant_id=tenant.id)) == 3
    with pytest.raises(QuotaExceeded) as refused:
        make_store(services, tenant)
    assert refused.value.data == {"scope": "tenant", "resource": "stores", "limit": 2, "used": 3, "requested": 1}
    with pytest.raises(QuotaExceeded):
        change_plan(services, MERCHANT, tenant_id=tenant.id, store_id=stores[0].id, plan="standard")


def test_an_override_expires_by_itself(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    until = services.clock.now().replace(year=2027)
    assert change_quota(services, OPERATOR, tenant_id=tenant.id, stores=50, reason="campaign", expires_at=until).limit.stores == 50
    clock.advance(days=366)
    assert tenant_quota(services, tenant_id=tenant.id).limit == services.policy.tenant_quota


def test_overrides_keep_their_history_and_the_last_one_holds(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    for limit in (10, 20, None):
        change_quota(services, OPERATOR, tenant_id=tenant.id, stores=limit, reason=f"{limit} asked for")
        clock.advance(60)
    history = override_history(services, tenant_id=tenant.id)
    assert [(row.stores, row.superseded_at is None) for row in history] == [(None, True), (20, False), (10, False)]
    assert tenant_quota(services, tenant_id=tenant.id).limit == services.policy.tenant_quota


def test_operators_at_once_leave_one_override_in_force(services: Services) -> None:
    tenant = make_tenant(services)
    changes = [lambda n=n: change_quota(services, OPERATOR, tenant_id=tenant.id, stores=n, reason="race") for n in range(8)]
    assert at_once(changes) == [None] * 8
    assert [row.superseded_at is None for row in override_history(services, tenant_id=tenant.id)].count(True) == 1


def test_the_platforms_own_limit_can_be_set_and_unset(services: Services) -> None:
    change_quota(services, OPERATOR, tenant_id=None, stores=1, reason="cluster is full")
    make_store(services)
    with pytest.raises(QuotaExceeded) as refused:
        make_store(services)
    assert refused.value.data["scope"] == "platform"
    assert platform_quota(services).used.stores == 1
    change_quota(services, OPERATOR, tenant_id=None, reason="new nodes")
    make_store(services)
    assert platform_quota(services).limit == services.policy.platform_quota


def test_every_resource_is_counted(services: Services) -> None:
    one = cost(PLANS["starter"])
    for resource in ("stores", "cpu", "memory", "disk"):
        limited = with_quotas(services, tenant=replace(PLENTY, **{resource: 2 * getattr(one, resource) - 1}))
        tenant = make_tenant(limited)
        make_store(limited, tenant)
        with pytest.raises(QuotaExceeded) as refused:
            make_store(limited, tenant)
        assert refused.value.data["resource"] == resource
    assert tenant_quota(services, tenant_id=tenant.id).used == Amount(1, one.cpu, one.memory, one.disk)


def allow_expansion(services: Services) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
