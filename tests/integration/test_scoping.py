"""Default deny between tenants: whatever a statement looks like, another tenant's rows are neither seen nor changed (F32)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Select, delete, exists, func, select, text, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, joinedload, selectinload, sessionmaker

from app.domain.errors import UnscopedQuery
from app.models import AuditEntry, Base, Event, Platform, Store, StoreCondition, Tenant
from app.models.coverage import owned_tables
from app.models.scoping import install
from app.models.session import across_tenants
from app.services.context import Services
from app.services.views import StoreView
from tests.factories import make_store, make_tenant, row_of


@dataclass
class Two:
    """A store of ours and one of theirs, each with a condition and an event."""

    ours: StoreView
    theirs: StoreView


@pytest.fixture
def two(services: Services) -> Two:
    stores = Two(make_store(services, slug="ours"), make_store(services, slug="theirs"))
    now = services.clock.now()
    with services.sessions.platform("a test sets the scene") as session:
        for store in (stores.ours, stores.theirs):
            whose = {"store_id": store.id, "tenant_id": store.tenant_id}
            session.add(
                StoreCondition(**whose, type="Ready", status="True", reason="Ok", message="", last_transition_at=now, observed_generation=1)
            )
            session.add(Event(**whose, at=now, type="Ready", reason="Ok", message=store.slug, data={}))
    return stores


Statement = Callable[[], Select[Any]]

SELECTS: list[tuple[str, Statement]] = [
    ("plain", lambda: select(Store.slug)),
    ("entity", lambda: select(Store).order_by(Store.slug).with_only_columns(Store.slug)),
    ("alias", lambda: select(aliased(Store).slug)),
    ("join", lambda: select(Store.slug).join(StoreCondition, StoreCondition.store_id == Store.id)),
    ("from the child", lambda: select(Store.slug).select_from(Event).join(Store, Store.id == Event.store_id)),
    ("outer join", lambda: select(Store.slug).select_from(Platform).outerjoin(Store, Store.id != "").where(Store.slug.is_not(None))),
    ("subquery", lambda: select(select(Store.slug).subquery().c.slug)),
    ("cte", lambda: select(select(Store.slug).cte().c.slug)),
    ("in a subquery", lambda: select(Tenant.slug).where(Tenant.id.in_(select(Store.tenant_id)))),
    ("tenants themselves", lambda: select(Tenant.slug)),
    ("scalar subquery", lambda: select(Store.slug).where(Store.id == select(func.max(Event.store_id)).scalar_subquery())),
    (
        "correlated",
        lambda: select(Store.slug).where(select(Event.id).where(Event.store_id == Store.id).exists()),
    ),
    ("relationship join", lambda: select(Store.slug).join(Store.conditions)),
    ("aliased join", lambda: (other := aliased(Store)) and select(other.slug).join(Event, Event.store_id == other.id)),
    ("union", lambda: select(union_all(select(Store.slug), select(Store.slug)).subquery().c.slug).distinct()),
]


@pytest.mark.parametrize(("reason", "statement"), SELECTS, ids=[reason for reason, _ in SELECTS])
def test_a_select_sees_the_tenants_own_rows_only(services: Services, two: Two, reason: str, statement: Statement) -> None:
    for mine, other in ((two.ours, two.theirs), (two.theirs, two.ours)):
        with services.sessions.tenant(mine.tenant_id) as session:
            found = session.scalars(statement()).all()
            own = [mine.slug] if "tenant" not in reason and reason != "in a subquery" else [session.get_one(Tenant, mine.tenant_id).slug]
            assert found == own, reason
            assert other.slug not in found


def test_an_exists_does_not_look_across(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        for slug, found in (("ours", 1), ("theirs", 0)):
            has_store = select(Store.id).where(Store.slug == slug).exists()
            assert len(session.scalars(select(Tenant.slug).where(has_store)).all()) == found, slug
            assert len(session.scalars(select(Platform.id).where(has_store)).all()) == found, slug


def test_the_same_statement_serves_several_tenants(services: Services, two: Two) -> None:
    """Compiled statements are cached: the criterion must not be baked into them."""
    for store in (two.ours, two.theirs, two.ours):
        with services.sessions.tenant(store.tenant_id) as session:
            assert session.scalars(select(Store.slug)).all() == [store.slug]


def test_get_does_not_find_another_tenants_row(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        assert session.get(Store, two.theirs.id) is None
        assert session.get(Tenant, two.theirs.tenant_id) is None
        assert session.get(Store, two.ours.id) is not None


def test_relationship_loads_are_scoped(services: Services, two: Two) -> None:
    for option in (selectinload(Store.conditions), joinedload(Store.conditions)):
        with services.sessions.tenant(two.ours.tenant_id) as session:
            stores = session.scalars(select(Store).options(option)).unique().all()
            assert [(store.slug, len(store.conditions)) for store in stores] == [("ours", 1)]


def test_an_update_changes_the_tenants_own_rows_only(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        session.execute(update(Store).values(name="renamed"))
        session.execute(update(Store).where(Store.id == two.theirs.id).values(name="stolen"))
    assert row_of(services, two.ours.id).name == "renamed"
    assert row_of(services, two.theirs.id).name == "theirs"


def test_an_update_by_a_subquery_does_not_reach_across(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        session.execute(
            update(Store)
            .where(Store.id.in_(select(Event.store_id).where(Event.message == "theirs")))
            .values(name="stolen")
            .execution_options(synchronize_session=False)
        )
    assert row_of(services, two.theirs.id).name == "theirs"


def test_a_delete_removes_the_tenants_own_rows_only(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        session.execute(delete(Event))
        session.execute(delete(Store).where(Store.id == two.theirs.id))
    with services.sessions.platform("a test looks") as session:
        assert session.scalars(select(Event.message)).all() == ["theirs"]
        assert session.scalars(select(Store.slug).order_by(Store.slug)).all() == ["ours", "theirs"]


def test_another_tenants_row_is_not_flushed(services: Services, two: Two) -> None:
    def new(session: Session) -> None:
        session.add(AuditEntry(at=services.clock.now(), tenant_id=two.theirs.tenant_id, actor_kind="user", actor_id="", actor_name="",
                               action="", target_type="", target_id=""))  # fmt: skip

    def moved(session: Session) -> None:
        session.get_one(Store, two.ours.id).tenant_id = two.theirs.tenant_id

    def changed(session: Session) -> None:
        with across_tenants(session, "a test steals a row"):
            row = session.get_one(Store, two.theirs.id)
        row.name = "stolen"

    def deleted(session: Session) -> None:
        with across_tenants(session, "a test steals a row"):
            row = session.get_one(Event, session.scalar(select(Event.id).where(Event.message == "theirs")))
        session.delete(row)

    for reason, steal in (("new", new), ("moved", moved), ("changed", changed), ("deleted", deleted)):
        with pytest.raises(UnscopedQuery, match="another tenant"), services.sessions.tenant(two.ours.tenant_id) as session:
            steal(session)
        assert row_of(services, two.theirs.id).name == "theirs", reason


def test_what_cannot_be_scoped_is_refused(services: Services, two: Two) -> None:
    statements = (
        ("text", text("SELECT slug FROM stores")),
        ("text as entities", select(Store).from_statement(text("SELECT * FROM stores"))),
        ("core", select(Store.__table__.c.slug)),
        ("bare exists", select(exists().where(Store.slug == "theirs"))),
        ("table by its WHERE alone", select(Platform.id).where(Store.slug == "theirs")),
        ("alias by its WHERE alone", select(Platform.id).where(aliased(Store).slug == "theirs")),
        ("table by its ORDER BY alone", select(Platform.id).order_by(Store.slug)),
        ("update from another table", update(Store).where(Store.id == Event.store_id).values(name="stolen")),
        ("bare exists inside", select(Tenant.slug).where(exists().where(Store.slug == "theirs"))),
        ("core inside", select(Tenant.slug).where(Tenant.id.in_(select(Store.__table__.c.tenant_id)))),
        ("core update", update(Store.__table__).values(name="stolen")),
        ("bulk insert", insert(Event).values(tenant_id=two.theirs.tenant_id, store_id=two.theirs.id)),
    )
    for reason, statement in statements:
        with services.sessions.tenant(two.ours.tenant_id) as session:
            try:
                session.execute(statement)
            except UnscopedQuery:
                continue
            pytest.fail(f"not refused: {reason}")
    assert row_of(services, two.theirs.id).name == "theirs"


def test_without_a_scope_a_tenants_table_raises(services: Services, two: Two) -> None:
    maker = sessionmaker(services.sessions.engine)
    install(maker)
    statements = (
        select(Store), select(Tenant), select(func.count()).select_from(Event), select(Platform).where(exists().where(Store.id != "")),
        update(Store).values(name="stolen"), delete(Event), select(Store.__table__.c.slug), text("SELECT 1"),
    )  # fmt: skip
    for statement in statements:
        with maker() as session, pytest.raises(UnscopedQuery):
            session.execute(statement)
    with maker() as session, pytest.raises(UnscopedQuery):
        session.get(Store, two.ours.id)
    with maker() as session:
        session.add(Tenant(id=two.ours.id, slug="x", name="x", created_at=services.clock.now()))
        with pytest.raises(UnscopedQuery):
            session.flush()
    with maker() as session:
        assert session.scalar(select(Platform.id)) == 1  # what belongs to nobody needs no scope


def test_every_table_with_a_tenant_is_known_to_be_owned() -> None:
    """A new table with a tenant_id whose class forgot the mixin would be open to all."""
    with_tenant = {table for table in Base.metadata.sorted_tables if "tenant_id" in table.c}
    assert owned_tables() == with_tenant | {Base.metadata.tables["tenants"]}


def test_a_child_cannot_name_another_tenant_than_its_stores(services: Services, two: Two) -> None:
    with pytest.raises(IntegrityError, match="fk_events_store_id_tenant_id_stores"), services.sessions.platform("a bug") as session:
        session.add(Event(store_id=two.theirs.id, tenant_id=two.ours.tenant_id, at=services.clock.now(), type="", reason="", message=""))


def test_across_tenants_ends_with_its_block(services: Services, two: Two) -> None:
    with services.sessions.tenant(two.ours.tenant_id) as session:
        with across_tenants(session, "a test counts all"):
            assert session.scalar(select(func.count()).select_from(Store)) == 2
        assert session.scalar(select(func.count()).select_from(Store)) == 1


def test_a_new_tenants_session_may_be_opened_before_its_row_exists(services: Services) -> None:
    tenant = make_tenant(services, "fresh")
    with services.sessions.tenant(tenant.id) as session:
        assert session.get_one(Tenant, tenant.id).slug == "fresh"
