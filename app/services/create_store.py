"""A new store: a row that says what is wanted. Everything else follows from it.

Decided under the tenant's and the platform's lock, in one transaction with its audit entry, its idempotency key and its credentials; a
refusal leaves nothing behind. The wake follows the commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.actors import Actor
from app.domain.engines import Engine
from app.domain.errors import NameTaken
from app.domain.naming import check_slug, host_label, namespace_for
from app.domain.plans import plan_named
from app.domain.quotas import cost
from app.domain.settings import check_settings, free_accent, shop_settings, with_wishes
from app.domain.stores import DesiredState, DriftMode, Phase
from app.models import ClusterRow, Store
from app.models.session import across_tenants
from app.services.context import Services
from app.services.credentials import make_credentials
from app.services.idempotency import Request, earlier_answer, remember
from app.services.ids import new_id
from app.services.intents import audit_store, check_name, refuse_switched_off
from app.services.present import store_view
from app.services.quotas import check_room, lock_platform, lock_tenant, refuse_frozen
from app.services.views import StoreView
from app.services.violations import violated
from app.services.wakes import wake_after_commit


def create_store(
    services: Services,
    actor: Actor,
    *,
    tenant_id: str,
    slug: str,
    name: str | None = None,
    engine: str = "medusa",
    release: str | None = None,
    plan: str = "starter",
    settings: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> StoreView:
    """Raises InvalidIntent, UnknownEngine, NameTaken, QuotaExceeded, Forbidden (frozen), SwitchedOff, NotFound (tenant),
    IdempotencyMismatch.
    """
    check_slug(slug)
    name = check_name(name or slug)
    size = plan_named(plan)
    chosen = services.renderer.engine(engine, release)
    settings = with_wishes({}, check_settings(settings or {}))
    now = services.clock.now()
    request = None
    if idempotency_key is not None:
        body = {"slug": slug, "name": name, "engine": engine, "release": release, "plan": plan, "settings": settings}
        request = Request.of(actor, tenant_id=tenant_id, operation="store.create", key=idempotency_key, body=body)

    with services.sessions.tenant(tenant_id) as session:
        tenant = lock_tenant(session, tenant_id)
        if request is not None and (answer := earlier_answer(session, request, now=now)) is not None:
            return StoreView.from_dict(answer, replayed=True)
        refuse_frozen(tenant, "store.create")
        lock_platform(session)
        refuse_switched_off(session, actor, "store.create", makes=True)
        if session.scalar(select(Store.id).where(Store.slug == slug, Store.desired_state != DesiredState.ABSENT)) is not None:
            raise NameTaken(f"You already have a store {slug!r}. Choose another name, or delete that store first.", slug=slug)
        check_room(session, services, tenant, cost(size), now=now)
        wanted = {"tenant_id": tenant_id, "slug": slug, "name": name, "plan": plan, "settings": settings}
        store = _insert(session, services, chosen, wanted, now=now)
        audit_store(session, services, actor, store, "store.create", None)
        wake_after_commit(session, services, store, now=now)
        view = store_view(services, store)
        if request is not None:
            remember(session, services, request, view.as_dict(), now=now)
        return view


def _insert(session: Session, services: Services, engine: Engine, wanted: Mapping[str, Any], *, now: datetime) -> Store:
    """The row, under a host that nobody holds: the slug where it is free, else with a part of the id, else with one of another id."""
    for free in (host_is_free(session, services, wanted, now=now), False, False):
        store = _new_row(session, services, engine, wanted, free=free, now=now)
        try:
            with session.begin_nested():
                session.add(store)
        except IntegrityError as error:
            if violated(error) != "uq_stores_host_not_gone":
                raise
            continue
        return store
    raise NameTaken(f"No address is free for the name {wanted['slug']!r}. Choose another name.", slug=wanted["slug"])


def host_is_free(session: Session, services: Services, wanted: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether no store holds the plain host and no other tenant held it lately: its customers must not land in a stranger's shop."""
    host = f"{wanted['slug']}.{services.profile.store_domain}"
    held_since = now - timedelta(days=services.policy.host_hold_days)
    with across_tenants(session, "hosts are unique on the platform"):
        taken = session.scalar(
            select(Store.id)
            .where(
                Store.host == host,
                or_(Store.gone_at.is_(None), and_(Store.tenant_id != wanted["tenant_id"], Store.gone_at > held_since)),
            )
            .limit(1)
        )
    return taken is None


def _new_row(session: Session, services: Services, engine: Engine, wanted: Mapping[str, Any], *, free: bool, now: datetime) -> Store:
    store_id = new_id(now)
    host = f"{host_label(wanted['slug'], store_id, free=free)}.{services.profile.store_domain}"
    named = {name: wanted[name] for name in ("tenant_id", "slug", "name")}
    named |= {"id": store_id, "host": host, "namespace": namespace_for(store_id)}
    key_id, sealed = services.vault.seal(make_credentials(engine.secrets, named))
    return Store(
        **named,
        cluster_id=session.scalars(select(ClusterRow.id).where(ClusterRow.is_default)).one(),
        created_at=now,
        engine=engine.name,
        release=engine.release,
        plan=wanted["plan"],
        settings={"accent": free_accent(store_id, _accents_taken(session)), **wanted["settings"]},
        desired_state=DesiredState.PRESENT,
        generation=1,
        observed_generation=0,
        provisioning_since=now,
        drift_mode=DriftMode.REPAIR,
        claim=secrets.token_hex(16),
        credentials=sealed,
        credentials_key_id=key_id,
        credentials_version=1,
        phase=Phase.PENDING,
        ever_ready=False,
        failure_count=0,
        crash_count=0,
        conditions=[],
    )


def _accents_taken(session: Session) -> set[str]:
    """The colours of the tenant's shops: the next one is to look unlike them. The chosen ones alone, each once, however many shops."""
    accent = Store.settings["accent"].astext
    stores = select(accent, case((func.coalesce(accent, "") == "", Store.id))).where(Store.desired_state != DesiredState.ABSENT).distinct()
    return {chosen or shop_settings(store_id, "", {}).accent for chosen, store_id in session.execute(stores)}
