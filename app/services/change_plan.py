"""Another size for a store. What it grows by is decided under the quota's locks; a volume never shrinks."""

from __future__ import annotations

from app.domain.actors import Actor
from app.domain.errors import InvalidIntent
from app.domain.plans import Plan, plan_named
from app.domain.quotas import RESOURCES, cost
from app.models import ClusterRow
from app.services.context import Services
from app.services.intents import changed_intent, lock_wanted_store
from app.services.present import store_view
from app.services.quotas import check_room, lock_platform, lock_tenant, refuse_frozen
from app.services.views import StoreView


def change_plan(services: Services, actor: Actor, *, tenant_id: str, store_id: str, plan: str, asked_of: int | None = None) -> StoreView:
    """Raises NotFound, InvalidIntent (unknown plan, disk too small or fixed, store to be deleted), QuotaExceeded, Forbidden (frozen) and
    Outdated.
    """
    wanted = plan_named(plan)
    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        lock_platform(session)
        store = lock_wanted_store(session, store_id)
        present = plan_named(store.plan)
        if wanted.name != present.name:
            _check_disk(present, wanted, session.get_one(ClusterRow, store.cluster_id))
            growth = cost(wanted) - cost(present)
            if any(getattr(growth, name) > 0 for name in RESOURCES):
                refuse_frozen(tenant, "store.plan")
            check_room(session, services, tenant, growth, now=services.clock.now())
            with changed_intent(session, services, actor, store, "store.plan", asked_of=asked_of):
                store.plan = wanted.name
        return store_view(services, store)


def _check_disk(present: Plan, wanted: Plan, cluster: ClusterRow) -> None:
    """Each volume by itself: one may not shrink because another grows."""
    for name, size in present.components.items():
        after = wanted.components[name].disk if name in wanted.components else 0
        if after < size.disk:
            raise InvalidIntent(
                f"The plan {wanted.name!r} has a smaller disk ({after} instead of {size.disk} GiB for the {name}), "
                "and a volume cannot shrink. Create a new store with that plan instead.",
                field="plan", rule="disk_shrinks", present=size.disk, wanted=after,
            )  # fmt: skip
    if wanted.disk > present.disk and not cluster.expansion_allowed:
        raise InvalidIntent(
            f"The plan {wanted.name!r} needs a larger disk, and volumes on this cluster cannot grow (its storage class does not allow it). "
            "Create a new store with that plan instead.",
            field="plan", rule="disk_fixed", present=present.disk, wanted=wanted.disk,
        )  # fmt: skip
