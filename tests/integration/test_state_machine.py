"""Any interleaving of intents by several tenants keeps quotas exact and tenants apart.

A model of a few lines predicts every answer: accepted, or refused with which error. After each step the database is compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule, run_state_machine_as_test
from sqlalchemy import select, update

from app.domain.errors import InvalidIntent, NameTaken, NotFound, QuotaExceeded, StoreyardError
from app.domain.plans import PLANS
from app.domain.quotas import RESOURCES, Amount, cost
from app.domain.stores import DesiredState
from app.models import ClusterRow, Store
from app.services.change_plan import change_plan
from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.queries import get_store, list_stores
from app.services.quota_queries import all_quotas, platform_quota
from app.services.resume_store import resume_store
from app.services.suspend_store import suspend_store
from tests.conftest import clean
from tests.factories import MERCHANT, OPERATOR, PLENTY, make_tenant, set_gone, with_quotas

SLUGS = ("bakery", "butcher", "brewery")
LIMITS = st.one_of(st.none(), st.integers(0, 6))
TENANT_STORES, PLATFORM_STORES = 3, 6


@dataclass
class ModelStore:
    id: str
    tenant: int
    slug: str
    plan: str = "starter"
    desired: DesiredState = DesiredState.PRESENT
    gone: bool = False
    generation: int = 1


@dataclass
class Model:
    stores: list[ModelStore] = field(default_factory=list)
    limits: dict[int | None, Amount] = field(default_factory=dict)

    def used(self, tenant: int | None) -> Amount:
        amount = Amount()
        for store in self.stores:
            if not store.gone and tenant in (None, store.tenant):
                amount += cost(PLANS[store.plan])
        return amount

    def has_room(self, tenant: int, more: Amount) -> bool:
        return all(
            getattr(more, name) <= 0 or getattr(self.used(who), name) + getattr(more, name) <= getattr(self.limits[who], name)
            for who in (tenant, None)
            for name in RESOURCES
        )


class Intents(RuleBasedStateMachine):
    services: Services

    stores = Bundle("stores")

    def __init__(self) -> None:
        super().__init__()
        clean(self.services.sessions)
        with self.services.sessions.platform("a test sets the scene") as session:
            session.execute(update(ClusterRow).values(expansion_allowed=True))
        self.tenants = [make_tenant(self.services, slug) for slug in ("acme", "bolt", "core")]
        defaults: dict[int | None, Amount] = {number: replace(PLENTY, stores=TENANT_STORES) for number in range(3)}
        self.model = Model(limits={**defaults, None: replace(PLENTY, stores=PLATFORM_STORES)})

    def expect(self, error: type[StoreyardError] | None, use_case: Any, **arguments: Any) -> Any:
        """Run a use case, and compare what it answers with what the model says."""
        if error is None:
            return use_case(self.services, MERCHANT, **arguments)
        with pytest.raises(error) as refused:
            use_case(self.services, MERCHANT, **arguments)
        assert type(refused.value) is error
        return None

    def whose(self, store: ModelStore) -> dict[str, str]:
        return {"tenant_id": self.tenants[store.tenant].id, "store_id": store.id}

    @staticmethod
    def refusal(store: ModelStore) -> type[StoreyardError] | None:
        if store.gone:
            return NotFound
        return InvalidIntent if store.desired is DesiredState.ABSENT else None

    @rule(target=stores, tenant=st.integers(0, 2), slug=st.sampled_from(SLUGS), plan=st.sampled_from(["starter", "standard"]))
    def create(self, tenant: int, slug: str, plan: str) -> Any:
        error = None
        if any((s.tenant, s.slug) == (tenant, slug) and s.desired is not DesiredState.ABSENT for s in self.model.stores):
            error = NameTaken
        elif not self.model.has_room(tenant, cost(PLANS[plan])):
            error = QuotaExceeded
        view = self.expect(error, create_store, tenant_id=self.tenants[tenant].id, slug=slug, plan=plan)
        if view is None:
            return multiple()
        store = ModelStore(view.id, tenant, slug, plan)
        self.model.stores.append(store)
        return store

    @rule(store=stores)
    def suspend(self, store: ModelStore) -> None:
        if self.expect(self.refusal(store), suspend_store, **self.whose(store)) and store.desired is DesiredState.PRESENT:
            store.desired, store.generation = DesiredState.SUSPENDED, store.generation + 1

    @rule(store=stores)
    def resume(self, store: ModelStore) -> None:
        if self.expect(self.refusal(store), resume_store, **self.whose(store)) and store.desired is DesiredState.SUSPENDED:
            store.desired, store.generation = DesiredState.PRESENT, store.generation + 1

    @rule(store=stores, plan=st.sampled_from(list(PLANS)))
    def change_plan(self, store: ModelStore, plan: str) -> None:
        growth = cost(PLANS[plan]) - cost(PLANS[store.plan])
        error = self.refusal(store)
        if error is None and growth.disk < 0:
            error = InvalidIntent
        elif error is None and not self.model.has_room(store.tenant, growth):
            error = QuotaExceeded
        if self.expect(error, change_plan, **self.whose(store), plan=plan) and plan != store.plan:
            store.plan, store.generation = plan, store.generation + 1

    @rule(store=stores)
    def delete(self, store: ModelStore) -> None:
        self.expect(None, delete_store, **self.whose(store))
        if store.desired is not DesiredState.ABSENT:
            store.desired, store.generation = DesiredState.ABSENT, store.generation + 1

    @rule(store=consumes(stores))
    def observe_gone(self, store: ModelStore) -> None:
        self.delete(store)
        set_gone(self.services, store.id)
        store.gone = True

    @rule(store=stores, stranger=st.integers(1, 2), use_case=st.sampled_from([suspend_store, resume_store, delete_store]))
    def meddle(self, store: ModelStore, stranger: int, use_case: Any) -> None:
        self.expect(NotFound, use_case, tenant_id=self.tenants[(store.tenant + stranger) % 3].id, store_id=store.id)

    @rule(tenant=st.sampled_from([0, 1, 2, None]), limit=LIMITS, memory=st.one_of(st.none(), st.integers(0, 8000)))
    def change_quota(self, tenant: int | None, limit: int | None, memory: int | None) -> None:
        tenant_id = None if tenant is None else self.tenants[tenant].id
        change_quota(self.services, OPERATOR, tenant_id=tenant_id, stores=limit, memory=memory, reason="a test")
        default = PLATFORM_STORES if tenant is None else TENANT_STORES
        self.model.limits[tenant] = replace(
            PLENTY, stores=default if limit is None else limit, memory=PLENTY.memory if memory is None else memory
        )

    @invariant()
    def quotas_are_exact(self) -> None:
        for number, quota in enumerate(all_quotas(self.services)):
            assert quota.used == self.model.used(number)
            assert quota.limit == self.model.limits[number]
        assert platform_quota(self.services).used == self.model.used(None)

    @invariant()
    def tenants_are_apart(self) -> None:
        for number, tenant in enumerate(self.tenants):
            mine = {store.id: store for store in self.model.stores if store.tenant == number}
            seen = {view.id: view for view in list_stores(self.services, tenant_id=tenant.id, include_gone=True)}
            assert seen.keys() == mine.keys()
            for store_id, view in seen.items():
                model = mine[store_id]
                assert (view.desired_state, view.plan, view.generation) == (model.desired, model.plan, model.generation)

    def teardown(self) -> None:
        with self.services.sessions.platform("a test looks") as session:
            hosts = session.scalars(select(Store.host).where(Store.gone_at.is_(None))).all()
        assert len(hosts) == len(set(hosts))
        for store in self.model.stores:
            assert get_store(self.services, **self.whose(store)).tenant_id == self.tenants[store.tenant].id


def test_quotas_stay_exact_and_tenants_apart(services: Services) -> None:
    defaults = with_quotas(services, tenant=replace(PLENTY, stores=TENANT_STORES), platform=replace(PLENTY, stores=PLATFORM_STORES))
    machine = type("BoundIntents", (Intents,), {"services": defaults})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))
