"""The operators' list of tenants, one tenant's limits, and limits for several at once, on the real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.quotas import RESOURCES
from app.models import AuditEntry, QuotaOverride
from app.services.change_quota import change_quota
from app.services.change_quotas import change_quotas
from app.services.context import Services
from app.services.delete_store import delete_store
from app.services.freeze_tenant import freeze_tenant
from app.services.quota_queries import all_quotas, tenant_quota
from app.services.tenant_list import PAGE_SIZE, Filter, Sort, list_tenants_page
from app.services.views import TenantView
from app.web.admin import figures
from app.web.forms import Form
from tests.factories import OPERATOR, make_store, make_tenant, set_gone
from tests.fakes.clock import FakeClock
from tests.integration.web.conftest import Signed
from tests.integration.web.test_portal import statements

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def olga(sign_in: Any) -> Signed:
    return sign_in(operator=True)


def limit(services: Services, tenant: TenantView, **limits: Any) -> None:
    change_quota(services, OPERATOR, tenant_id=tenant.id, reason="a test", **limits)


def history(services: Services, tenant: TenantView) -> list[QuotaOverride]:
    with services.sessions.platform("a test looks") as session:
        return list(session.scalars(select(QuotaOverride).where(QuotaOverride.tenant_id == tenant.id).order_by(QuotaOverride.id)))


# The list


def crowd(services: Services) -> list[TenantView]:
    """Tenants of all sorts: empty, full, over, frozen, with own limits, with limits that ended, with a store that is gone."""
    tenants = [make_tenant(services, f"crowd-{number}") for number in range(8)]
    for tenant, count in zip(tenants, (0, 1, 3, 4, 5, 2, 2, 1), strict=True):
        for _ in range(count):
            make_store(services, tenant, plan="starter")
    limit(services, tenants[2], stores=2)
    limit(services, tenants[3], stores=20, cpu=10_000, memory=40_000, disk=1_000)
    limit(services, tenants[5], stores=1, expires_at=services.clock.now() + timedelta(hours=1))
    limit(services, tenants[6], disk=10)
    limit(services, tenants[1], stores=0)
    limit(services, tenants[1])
    freeze_tenant(services, OPERATOR, tenant_id=tenants[0].id, reason="Unpaid.")
    gone = make_store(services, tenants[7])
    delete_store(services, OPERATOR, tenant_id=tenants[7].id, store_id=gone.id)
    set_gone(services, gone.id)
    return tenants


@pytest.mark.parametrize("later", [0, 2], ids=["now", "when an override has ended"])
def test_the_databases_arithmetic_is_the_domains(services: Services, clock: FakeClock, later: int) -> None:
    crowd(services)
    clock.advance(later * 3600)
    known = {quota.tenant.id: quota for quota in all_quotas(services) if quota.tenant is not None}
    found = {kind: list_tenants_page(services, which=kind) for kind in Filter}
    assert {row.id for row in found[Filter.ALL].rows} == set(known)
    for row in found[Filter.ALL].rows:
        assert (row.used, row.limit) == (known[row.id].used, known[row.id].limit), row.slug
    states = {id_: figures.worst(quota.used, quota.limit) for id_, quota in known.items()}
    assert {row.id for row in found[Filter.OVER].rows} == {id_ for id_, quota in known.items() if quota.over}
    assert {row.id for row in found[Filter.NEAR].rows} == {id_ for id_, state in states.items() if state in ("near", "full")}
    assert {row.slug for row in found[Filter.FROZEN].rows} == {"crowd-0"}
    assert {row.slug for row in found[Filter.OWN].rows} == {"crowd-2", "crowd-3", "crowd-6"} | (set() if later else {"crowd-5"})
    assert found[Filter.ALL].counts == {kind: len(each.rows) for kind, each in found.items()}
    assert found[Filter.ALL].counts[Filter.OVER]
    assert found[Filter.ALL].counts[Filter.NEAR]


def test_it_is_sorted_by_each_column_both_ways(services: Services) -> None:
    crowd(services)
    for sort in (Sort.STORES, Sort.CPU, Sort.MEMORY, Sort.DISK):
        up, down = (
            [getattr(row.used, sort) for row in list_tenants_page(services, sort=sort, descending=order).rows] for order in (False, True)
        )
        assert up == sorted(up)
        assert down == sorted(down, reverse=True)
        assert up != down
    fullest = list_tenants_page(services, sort=Sort.FULL, descending=True).rows[0]
    assert fullest.slug in ("crowd-2", "crowd-5")


def test_it_is_searched_and_paged_and_a_page_too_far_is_the_last(services: Services) -> None:
    for number in range(PAGE_SIZE + 2):
        make_tenant(services, f"many-{number:02}")
    first, last = (list_tenants_page(services, search="MANY-", page=page) for page in (1, 9))
    assert (len(first.rows), len(last.rows), last.page, last.pages) == (PAGE_SIZE, 2, 2, 2)
    assert not {row.id for row in first.rows} & {row.id for row in last.rows}
    assert list_tenants_page(services, search="%").rows == ()
    assert list_tenants_page(services, search="y-1_").counts[Filter.ALL] == 0
    assert list_tenants_page(services, search="none such", page=3).rows == ()


def test_the_page_marks_who_is_over_and_frozen_and_its_links_filter(olga: Signed, services: Services) -> None:
    crowd(services)
    page = olga.get("/admin/tenants?sort=disk")
    assert page.status_code == 200
    for text in ("over quota", ">full<", "frozen", "own limits", "Over quota"):
        assert text in page.text
    assert 'aria-sort="descending"' in page.text
    only = olga.get("/admin/tenants?show=frozen")
    assert "crowd-0" in only.text
    assert "crowd-3" not in only.text
    part = olga.get("/admin/tenants?q=crowd-3", htmx=True)
    assert "<html" not in part.text
    assert "crowd-3" in part.text
    assert "No tenant found" in olga.get("/admin/tenants?q=nobody").text


@pytest.mark.parametrize("query", ["sort=nonsense", "show=nonsense", "page=-3", "page=x", "order=sideways", "q=" + "%25_" * 80, "q=%00"])
def test_nonsense_in_the_address_is_no_error(olga: Signed, query: str) -> None:
    assert olga.get(f"/admin/tenants?{query}").status_code == 200


# One tenant


def test_a_tenants_page_shows_use_stores_members_and_history(olga: Signed, sign_in: Any, services: Services) -> None:
    owner = sign_in()
    store = make_store(services, owner.tenant, name="Harbour Linen")
    limit(services, owner.tenant, stores=7, memory=2560)
    page = olga.get(f"/admin/tenants/{owner.tenant.id}")
    for text in (store.host, owner.user.email, "7 stores", "2.5 GiB", "a test", "own limits"):
        assert text in page.text
    assert f'value="{owner.tenant.id}"' in page.text, "the form that acts as the tenant"


def test_limits_are_set_with_a_reason_and_an_end(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    end = services.clock.now().replace(microsecond=0, second=0) + timedelta(days=9)
    given = {"stores": "12", "cpu": "2.5", "memory": "0,5", "disk": "", "reason": "Campaign", "expires_at": end.strftime("%Y-%m-%dT%H:%M")}
    answer = olga.post(f"/admin/tenants/{tenant.id}/limits", given)
    assert (answer.status_code, answer.location) == (303, f"/admin/tenants/{tenant.id}")
    quota = tenant_quota(services, tenant_id=tenant.id)
    assert quota.override is not None
    assert (quota.limit.stores, quota.limit.cpu, quota.limit.memory) == (12, 2500, 512)
    assert (quota.override.disk, quota.override.expires_at, quota.override.reason) == (None, end, "Campaign")
    assert quota.override.actor_name == olga.user.name
    assert "Campaign" in olga.get(answer.location).text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("stores", "-1", "cannot be negative"),
        ("stores", "1.5", "whole number"),
        ("cpu", "many", "A number, please"),
        ("cpu", "NaN", "Too fine"),
        ("memory", "0.0001", "Too fine"),
        ("disk", "99999999999", "at most"),
        ("disk", "1e400", "at most"),
        ("reason", " ", "Say why"),
        ("reason", "x" * 501, "at most 500"),
        ("expires_at", "yesterday", "Write the time"),
        ("expires_at", "2001-01-01T00:00", "in the future"),
        ("expires_at", "9999-12-31T23:59:59-23:59", "Write the time"),
    ],
)
def test_a_refused_value_is_said_beside_its_field_and_all_that_was_typed_is_kept(
    olga: Signed, services: Services, field: str, value: str, said: str
) -> None:
    tenant = make_tenant(services)
    given = {"stores": "3", "cpu": "1.25", "memory": "", "disk": "50", "reason": "Kept reason", "expires_at": "", field: value}
    answer = olga.post(f"/admin/tenants/{tenant.id}/limits", given)
    assert answer.status_code == 422
    error = answer.text.partition(f'id="{field}-error">')[2].partition("<")[0]
    assert said in error
    for text in given.values():
        assert not text or f'value="{text}"' in answer.text
    assert history(services, tenant) == []


def test_a_preview_says_what_a_limit_would_mean_and_sets_nothing(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    for _ in range(3):
        make_store(services, tenant)
    given = {"stores": "2", "cpu": "", "memory": "5", "disk": "", "do": "preview", "reason": ""}
    part = olga.post(f"/admin/tenants/{tenant.id}/limits", given, htmx=True)
    assert "<html" not in part.text
    assert "is already over by 1 store: nothing is stopped, nothing new can be made" in part.text
    assert "would have 2.38 GiB left" in part.text
    assert "Room for 0 more of plan Starter" in part.text
    whole = olga.post(f"/admin/tenants/{tenant.id}/limits", given)
    assert "What this would mean" in whole.text
    assert 'value="5"' in whole.text
    assert history(services, tenant) == []
    full = olga.post(f"/admin/tenants/{tenant.id}/limits", {**given, "stores": "3"}, htmx=True)
    assert "would be full" in full.text
    unreadable = olga.post(f"/admin/tenants/{tenant.id}/limits", {**given, "stores": "x"}, htmx=True)
    assert unreadable.status_code == 200


def test_a_lower_limit_stops_nothing_and_the_merchant_is_told_why_nothing_new_can_be_made(
    olga: Signed, sign_in: Any, services: Services
) -> None:
    owner = sign_in()
    make_store(services, owner.tenant)
    olga.post(f"/admin/tenants/{owner.tenant.id}/limits", {"stores": "1", "reason": "Smaller"})
    refused = owner.post("/stores", {"name": "Second", "slug": "second", "plan": "starter"})
    assert refused.status_code == 409
    assert "quota of 1 stores would be exceeded" in refused.text
    assert tenant_quota(services, tenant_id=owner.tenant.id).used.stores == 1


def test_a_tenant_is_frozen_with_a_reason_and_thawed(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    address = f"/admin/tenants/{tenant.id}"
    refused = olga.post(f"{address}/freeze", {"frozen_reason": " "})
    assert (refused.status_code, 'id="frozen_reason-error"' in refused.text) == (422, True)
    assert olga.post(f"{address}/freeze", {"frozen_reason": "Unpaid invoices."}).status_code == 303
    assert "Unpaid invoices." in olga.get(address).text
    assert olga.post(f"{address}/unfreeze").status_code == 303
    page = olga.get(address).text
    assert "Unfrozen" in page
    assert "Frozen" in page, "the history"


def test_an_operator_acts_as_a_tenant_from_its_page(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    answer = olga.post("/acting", {"tenant": tenant.id, "reason": "They asked for help."})
    assert answer.status_code == 303
    assert "They asked for help." in olga.get("/stores").text
    assert "Began to act for the tenant" in olga.get(f"/admin/tenants/{tenant.id}").text


# Several at once


def test_ticked_tenants_get_a_limit_and_keep_their_others(olga: Signed, services: Services) -> None:
    one, two, other = (make_tenant(services) for _ in range(3))
    limit(services, one, stores=9, disk=500)
    query = f"/admin/tenants/limits?tenant={one.id}&tenant={two.id}"
    page = olga.get(query)
    assert one.name in page.text
    assert other.id not in page.text
    given = {"tenant": [one.id, two.id, one.id], "stores": "20", "cpu": "", "memory": "", "disk": "", "reason": "Spring", "expires_at": ""}
    preview = olga.post("/admin/tenants/limits", {**given, "do": "preview"}, htmx=True)
    assert preview.text.count("<strong>20</strong>") == 2
    assert history(services, two) == []
    assert olga.post("/admin/tenants/limits", given).status_code == 303
    now = {tenant.slug: tenant_quota(services, tenant_id=tenant.id) for tenant in (one, two, other)}
    assert [now[tenant.slug].limit.stores for tenant in (one, two, other)] == [20, 20, 5]
    assert now[one.slug].limit.disk == 500
    own = now[two.slug].override
    assert own is not None
    assert own.disk is None
    assert sorted(entry.superseded_at is None for entry in history(services, one)) == [False, True]
    with services.sessions.platform("a test looks") as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "quota.change", AuditEntry.actor_id == olga.user.id)).all()
        assert {entry.target_id for entry in entries} == {one.id, two.id}


def test_a_bulk_change_is_refused_as_a_whole(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    good = {"tenant": [tenant.id], "stores": "20", "cpu": "", "memory": "", "disk": "", "reason": "Spring", "expires_at": ""}
    for wrong in ({"stores": "-4"}, {"stores": ""}, {"reason": ""}, {"expires_at": "2001-01-01T00:00"}, {"tenant": []}, {"tenant": ["x"]}):
        assert olga.post("/admin/tenants/limits", {**good, **wrong}).status_code == 422, wrong
    gone = olga.post("/admin/tenants/limits", {**good, "tenant": [tenant.id, "0" * 26]})
    assert gone.status_code == 404
    assert history(services, tenant) == []


def test_a_bulk_change_of_limits_that_ended_starts_from_the_default(services: Services, clock: FakeClock) -> None:
    tenant = make_tenant(services)
    limit(services, tenant, disk=500, expires_at=clock.now() + timedelta(hours=1))
    clock.advance(7200)
    assert change_quotas(services, OPERATOR, tenant_ids=[tenant.id], limits={"stores": 8}, reason="Spring") == 1
    assert tenant_quota(services, tenant_id=tenant.id).limit.disk == services.policy.tenant_quota.disk


# Figures


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("value", [0, 1, 7, 999, 1000, 1023, 1024, 2_000_000, 2**31 - 1])
def test_what_is_shown_in_a_field_is_read_back_exactly(resource: str, value: int) -> None:
    form = Form.of({resource: figures.plain(resource, value)})
    assert (figures.typed(form, resource), form.errors) == (value, {})


# Cost


def test_the_number_of_statements_does_not_grow_with_rows(olga: Signed, services: Services) -> None:
    tenant = make_tenant(services)
    make_store(services, tenant)
    limit(services, tenant, stores=9)
    paths = (
        "/admin/tenants",
        "/admin/tenants?show=over&sort=full&q=a",
        f"/admin/tenants/{tenant.id}",
        f"/admin/tenants/limits?tenant={tenant.id}",
    )

    def counted() -> dict[str, int]:
        return {path: statements(services, lambda path=path: olga.client.get(path)) for path in paths}

    few = counted()
    crowd(services)
    for _ in range(3):
        make_store(services, tenant)
        limit(services, tenant, stores=9)
    many = counted()
    assert many == few
    assert max(many.values()) <= 12, many
