"""Sign up: a person, a tenant with a slug of its own, and a session at once, or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from app.domain.errors import InvalidIntent, NameTaken, SignUpsOff, TooManyAttempts
from app.domain.people import Portal, Role, Visitor
from app.domain.throttle import RULES, Throttled
from app.models import AuthSession, Membership, Tenant, User
from app.services.context import Services
from app.services.sign_up import sign_up
from app.services.user_queries import find_user
from tests.factories import make_tenant
from tests.integration.accounts import HOME, PASSWORD, audit_of, count, mia, now_of, refusal


def nothing_is_there(services: Services) -> bool:
    return [count(services, table) for table in (User, Tenant, Membership, AuthSession)] == [0, 0, 0, 0]


def test_one_form_makes_a_person_a_tenant_and_a_session(services: Services) -> None:
    made = mia(services)
    session = made.session
    assert (session.user.email, session.user.name, session.user.operator) == ("mia@example.com", "Mia", False)
    assert session.tenant is not None
    assert (session.tenant.slug, session.tenant.name, session.role) == ("mias-bakery", "Mia's Bakery", Role.OWNER)
    assert now_of(services, made) == session
    assert made.token not in repr(made)
    assert find_user(services, "mia@example.com").memberships[0].role is Role.OWNER
    for action, tenant_id in (("user.sign_up", None), ("tenant.create", session.tenant.id), ("member.role", session.tenant.id)):
        (entry,) = audit_of(services, action)
        assert (entry.tenant_id, entry.actor_id, entry.actor_ip, entry.request_id) == (tenant_id, session.user.id, "192.0.2.7", "request-1")


@pytest.mark.parametrize(
    ("shop", "slug"),
    [("Acme", "acme-2"), ("Ünïcode  Café", "unicode-cafe"), ("日本", "shop"), ("admin", "admin-shop"), ("A" * 80, "a" * 40)],
)
def test_the_slug_follows_from_the_name_of_the_shop_and_is_nobody_elses(services: Services, shop: str, slug: str) -> None:
    make_tenant(services, "acme")
    tenant = mia(services, shop=shop).session.tenant
    assert tenant is not None
    made = tenant.slug
    assert made == slug or (made.startswith("shop") and slug == "shop")


def test_shops_of_one_name_never_run_out_of_slugs(services: Services) -> None:
    slugs = [mia(services, f"mia{number}@example.com", "Acme").session.tenant for number in range(12)]
    assert len({tenant.slug for tenant in slugs if tenant}) == 12


def test_people_who_sign_up_with_one_shop_name_at_once_all_get_a_tenant(services: Services) -> None:
    barrier = Barrier(6)

    def make(number: int) -> str:
        barrier.wait()
        tenant = mia(services, f"mia{number}@example.com", "Acme").session.tenant
        return tenant.slug if tenant else ""

    with ThreadPoolExecutor(6) as pool:
        slugs = list(pool.map(make, range(6)))
    assert len(set(slugs)) == 6
    assert count(services, Tenant) == count(services, User) == 6


def test_of_two_clicks_one_makes_the_account_and_nothing_of_the_other_stays(services: Services) -> None:
    barrier = Barrier(4)

    def make(_: int) -> bool:
        barrier.wait()
        try:
            mia(services)
        except NameTaken:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, range(4))) == [False, False, False, True]
    assert [count(services, table) for table in (User, Tenant, Membership, AuthSession)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"email": "mia"}, "email", "form"),
        ({"name": "\x07"}, "name", "length"),
        ({"shop": "  "}, "shop", "length"),
        ({"password": "short"}, "password", "length"),
        ({"password": "mia@example.com"}, "password", "not_email"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(services: Services, wrong: dict[str, str], field: str, rule: str) -> None:
    given = {"email": "mia@example.com", "name": "Mia", "password": PASSWORD, "shop": "Bakery", **wrong}
    with pytest.raises(InvalidIntent) as refused:
        sign_up(services, HOME, **given)
    assert refusal(refused) == (field, rule)
    assert nothing_is_there(services)


def test_an_address_has_one_account(services: Services) -> None:
    mia(services)
    with pytest.raises(NameTaken) as refused:
        mia(services, "MIA@example.com", "Another")
    assert refusal(refused) == ("email", "unique")
    assert count(services, Tenant) == 1


def test_sign_ups_can_be_switched_off(services: Services) -> None:
    with pytest.raises(SignUpsOff):
        mia(replace(services, portal=Portal(sign_ups=False)))
    assert nothing_is_there(services)


def test_f33_one_network_signs_up_so_often_and_no_more(services: Services) -> None:
    free = RULES[Throttled.SIGN_UP_ADDRESS].free
    mia(services)
    for number in range(free - 1):
        with pytest.raises(NameTaken):
            mia(services, shop=f"Shop {number}")
    with pytest.raises(TooManyAttempts) as refused:
        mia(services, "other@example.com")
    assert refused.value.data == {"what": "sign_up_address", "seconds": 60}
    other = Visitor("203.0.113.1")
    assert sign_up(services, other, email="other@example.com", name="Otto", password=PASSWORD, shop="Other").session.tenant
