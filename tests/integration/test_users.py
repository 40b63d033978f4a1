"""People in the database: one account per address, passwords as hashes alone, roles, and the owner that every tenant keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from app.domain.actors import Actor, ActorKind
from app.domain.errors import Forbidden, InvalidIntent, NameTaken, NotFound, StoreyardError
from app.domain.people import Role
from app.models import User
from app.services.change_role import change_role
from app.services.context import Services
from app.services.create_user import create_user
from app.services.queries import audit_entries
from app.services.set_password import set_password
from app.services.user_queries import find_user, list_users
from app.services.views import UserView
from tests.factories import MERCHANT, OPERATOR, make_id, make_tenant, make_user
from tests.fakes.clock import FakeClock

CHOSEN = "correct horse battery"


def hash_of(services: Services, user_id: str) -> str | None:
    with services.sessions.platform("a test looks") as session:
        return session.get_one(User, user_id).password_hash


def as_user(user: UserView) -> Actor:
    return Actor(ActorKind.USER, user.id, user.name)


def roles(services: Services, tenant_id: str) -> dict[str, Role]:
    return {user.email: user.memberships[0].role for user in list_users(services, tenant_id=tenant_id)}


def test_an_account_is_made_with_a_generated_password_that_only_the_answer_knows(services: Services, clock: FakeClock) -> None:
    made = create_user(services, OPERATOR, email=" Mia@Example.com ")
    assert (made.user.email, made.user.name, made.user.operator, made.user.memberships) == ("mia@example.com", "mia", False, ())
    assert made.user.password_set_at == clock.now()
    assert made.password
    hashed = hash_of(services, made.user.id)
    assert hashed
    assert services.passwords.matches(hashed, made.password)
    assert made.password not in hashed
    assert made.password not in repr(made)
    assert find_user(services, "MIA@example.com") == find_user(services, made.user.id) == made.user


def test_a_chosen_password_is_kept_and_not_answered(services: Services) -> None:
    made = create_user(services, OPERATOR, email="mia@example.com", password=CHOSEN)
    assert made.password is None
    assert services.passwords.matches(hash_of(services, made.user.id) or "", CHOSEN)


def test_an_operator_is_a_user_with_a_flag(services: Services) -> None:
    assert create_user(services, OPERATOR, email="ops@example.com", operator=True).user.operator


def test_an_account_may_come_with_a_role(services: Services) -> None:
    acme = make_tenant(services, "acme")
    made = create_user(services, OPERATOR, email="mia@example.com", tenant_id=acme.id, role=Role.OWNER)
    assert [(membership.tenant, membership.role) for membership in made.user.memberships] == [("acme", Role.OWNER)]
    assert roles(services, acme.id) == {"mia@example.com": Role.OWNER}
    own, account = audit_entries(services)[:2]
    assert (own.action, own.tenant_id, own.before, own.after) == (
        "member.role", acme.id, None, {"email": "mia@example.com", "role": "owner"},
    )  # fmt: skip
    assert (account.action, account.tenant_id, account.target_id) == ("user.create", None, made.user.id)


def test_a_second_account_for_an_address_is_refused_and_nothing_of_it_stays(services: Services) -> None:
    acme = make_tenant(services, "acme")
    make_user(services, "mia@example.com")
    entries = audit_entries(services)
    with pytest.raises(NameTaken) as refused:
        create_user(services, OPERATOR, email="MIA@example.com", operator=True, tenant_id=acme.id, role=Role.OWNER)
    assert refused.value.data == {"field": "email", "rule": "unique", "email": "mia@example.com"}
    assert audit_entries(services) == entries
    assert [(user.email, user.operator, user.memberships) for user in list_users(services)] == [("mia@example.com", False, ())]


def test_of_many_who_make_one_account_at_once_one_does(services: Services) -> None:
    barrier = Barrier(8)

    def make(_: int) -> str:
        barrier.wait()
        try:
            return create_user(services, OPERATOR, email="mia@example.com").user.id
        except NameTaken:
            return ""

    with ThreadPoolExecutor(8) as pool:
        made = [user_id for user_id in pool.map(make, range(8)) if user_id]
    assert made == [user.id for user in list_users(services)]


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"email": "mia"}, "email", "form"),
        ({"name": " " * 3 + "\x07"}, "name", "length"),
        ({"password": "short"}, "password", "length"),
        ({"password": "mia@example.com"}, "password", "not_email"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(services: Services, wrong: dict[str, str], field: str, rule: str) -> None:
    options: dict[str, Any] = {"email": "mia@example.com", **wrong}
    with pytest.raises(InvalidIntent) as refused:
        create_user(services, OPERATOR, **options)
    assert (refused.value.data["field"], refused.value.data["rule"]) == (field, rule)
    assert list_users(services) == ()


def test_an_unknown_tenant_leaves_no_account(services: Services) -> None:
    with pytest.raises(NotFound):
        create_user(services, OPERATOR, email="mia@example.com", tenant_id=make_id(), role=Role.OWNER)
    assert list_users(services) == ()


def test_a_new_password_makes_the_former_void(services: Services, clock: FakeClock) -> None:
    made = create_user(services, OPERATOR, email="mia@example.com", password=CHOSEN)
    clock.advance(hours=1)
    changed = set_password(services, OPERATOR, user_id=made.user.id)
    hashed = hash_of(services, made.user.id) or ""
    assert changed.password
    assert services.passwords.matches(hashed, changed.password)
    assert not services.passwords.matches(hashed, CHOSEN)
    assert changed.user.password_set_at == clock.now()
    assert set_password(services, OPERATOR, user_id=made.user.id, password=CHOSEN).password is None


def test_an_account_from_before_passwords_has_none_until_one_is_set(services: Services) -> None:
    user_id = make_id()
    with services.sessions.platform("an older release made it") as session:
        session.add(User(id=user_id, email="old@example.com", name="Old", created_at=services.clock.now()))
    assert find_user(services, user_id).password_set_at is None
    set_password(services, OPERATOR, user_id=user_id)
    assert find_user(services, user_id).password_set_at is not None
    assert audit_entries(services)[0].after == {"email": "old@example.com", "password": "set"}


def test_a_refused_password_leaves_the_former(services: Services) -> None:
    made = create_user(services, OPERATOR, email="mia@example.com", password=CHOSEN)
    with pytest.raises(InvalidIntent):
        set_password(services, OPERATOR, user_id=made.user.id, password="mia@example.com")
    assert services.passwords.matches(hash_of(services, made.user.id) or "", CHOSEN)


def test_people_set_their_own_password_and_nobody_elses(services: Services) -> None:
    mia, tom = make_user(services, "mia@example.com"), make_user(services, "tom@example.com")
    set_password(services, as_user(mia), user_id=mia.id, password=CHOSEN)
    before = hash_of(services, tom.id)
    for actor in (as_user(mia), Actor(ActorKind.TOKEN, tom.id, "a token")):
        with pytest.raises(Forbidden):
            set_password(services, actor, user_id=tom.id, password=CHOSEN)
    assert hash_of(services, tom.id) == before


def test_unknown_people_are_not_found(services: Services) -> None:
    acme = make_tenant(services)
    for deed in (
        lambda: find_user(services, "nobody@example.com"),
        lambda: set_password(services, OPERATOR, user_id=make_id()),
        lambda: change_role(services, OPERATOR, tenant_id=acme.id, user_id=make_id(), role=Role.OWNER),
        lambda: change_role(services, OPERATOR, tenant_id=make_id(), user_id=make_user(services).id, role=Role.OWNER),
        lambda: change_role(services, OPERATOR, tenant_id=acme.id, user_id=make_user(services).id, role=None),
    ):
        with pytest.raises(NotFound):
            deed()


def test_no_transaction_is_open_while_a_password_is_hashed(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash takes long enough that a rush of them must not hold the pool's connections."""
    seen: list[int] = []
    hashing = services.passwords.hash

    def watched(plain: str) -> str:
        seen.append(out[0])
        return hashing(plain)

    out = [0]
    pool = services.sessions.engine.pool
    taken, given = (lambda *_: out.__setitem__(0, out[0] + 1)), (lambda *_: out.__setitem__(0, out[0] - 1))
    event.listen(pool, "checkout", taken)
    event.listen(pool, "checkin", given)
    monkeypatch.setattr(services.passwords, "hash", watched)
    try:
        made = create_user(services, OPERATOR, email="mia@example.com")
        set_password(services, OPERATOR, user_id=made.user.id)
    finally:
        event.remove(pool, "checkout", taken)
        event.remove(pool, "checkin", given)
    assert seen == [0, 0]


def test_a_role_is_given_changed_and_taken_away_and_the_tenants_audit_tells(services: Services) -> None:
    acme, mia = make_tenant(services, "acme"), make_user(services, "mia@example.com")
    given = change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.VIEWER)
    assert [(membership.tenant, membership.role) for membership in given.memberships] == [("acme", Role.VIEWER)]
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.MEMBER)
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.MEMBER)  # nothing to do: no entry
    gone = change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=None)
    assert gone.memberships == ()
    entries = [entry for entry in audit_entries(services, tenant_id=acme.id) if entry.action == "member.role"]
    told = [((entry.before or {}).get("role"), (entry.after or {})["role"]) for entry in reversed(entries)]
    assert told == [(None, "viewer"), ("viewer", "member"), ("member", None)]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER, None])
def test_the_last_owner_stays(services: Services, role: Role | None) -> None:
    acme, other = make_tenant(services, "acme"), make_tenant(services)
    mia, tom, zoe = make_user(services, "mia@example.com"), make_user(services, "tom@example.com"), make_user(services, "zoe@example.com")
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.OWNER)
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=tom.id, role=Role.MEMBER)
    change_role(services, OPERATOR, tenant_id=other.id, user_id=zoe.id, role=Role.OWNER)  # another tenant's owner is none of ours
    with pytest.raises(InvalidIntent, match="last owner") as refused:
        change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=role)
    assert refused.value.data == {"field": "role", "rule": "last_owner"}
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.OWNER)  # as it is: no harm
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=tom.id, role=Role.OWNER)
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=role)
    assert roles(services, acme.id)["tom@example.com"] is Role.OWNER


def test_of_owners_who_remove_each_other_at_once_one_is_left(services: Services) -> None:
    for turn in range(5):
        tenant = make_tenant(services)
        owners = [make_user(services, f"owner-{turn}-{number}@example.com") for number in range(4)]
        for owner in owners:
            change_role(services, OPERATOR, tenant_id=tenant.id, user_id=owner.id, role=Role.OWNER)
        barrier = Barrier(len(owners))

        def leave(owner: UserView, tenant_id: str = tenant.id, barrier: Barrier = barrier) -> bool:
            barrier.wait()
            try:
                change_role(services, OPERATOR, tenant_id=tenant_id, user_id=owner.id, role=None)
            except InvalidIntent:
                return False
            return True

        with ThreadPoolExecutor(len(owners)) as pool:
            assert sorted(pool.map(leave, owners)) == [False, True, True, True]
        assert list(roles(services, tenant.id).values()) == [Role.OWNER]


def test_an_owner_gives_roles_in_their_own_tenant_alone(services: Services) -> None:
    acme, other = make_tenant(services), make_tenant(services)
    mia, tom = make_user(services, "mia@example.com"), make_user(services, "tom@example.com")
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.OWNER)
    change_role(services, as_user(mia), tenant_id=acme.id, user_id=tom.id, role=Role.MEMBER)
    tries = (
        (as_user(tom), acme.id, tom.id, "a member makes himself an owner"),
        (as_user(mia), other.id, mia.id, "an owner of one tenant takes another"),
        (MERCHANT, acme.id, tom.id, "somebody unknown"),
        (Actor(ActorKind.TOKEN, mia.id, "a token"), acme.id, tom.id, "a token that bears an owner's id"),
    )
    for actor, tenant_id, user_id, reason in tries:
        entries = len(audit_entries(services))
        with pytest.raises(Forbidden):
            change_role(services, actor, tenant_id=tenant_id, user_id=user_id, role=Role.OWNER)
        assert len(audit_entries(services)) == entries, reason


@pytest.mark.parametrize("kind", [ActorKind.USER, ActorKind.TOKEN])
def test_only_operators_make_accounts(services: Services, kind: ActorKind) -> None:
    with pytest.raises(Forbidden):
        create_user(services, Actor(kind, make_id(), "Somebody"), email="mia@example.com", operator=True)
    assert list_users(services) == ()


def test_a_tenants_list_shows_its_people_with_its_own_role_alone(services: Services) -> None:
    acme, other = make_tenant(services, "acme"), make_tenant(services, "other")
    mia, tom = make_user(services, "mia@example.com"), make_user(services, "tom@example.com")
    make_user(services, "nobody@example.com")
    change_role(services, OPERATOR, tenant_id=acme.id, user_id=mia.id, role=Role.OWNER)
    change_role(services, OPERATOR, tenant_id=other.id, user_id=mia.id, role=Role.VIEWER)
    change_role(services, OPERATOR, tenant_id=other.id, user_id=tom.id, role=Role.OWNER)
    everybody = {user.email: [membership.tenant for membership in user.memberships] for user in list_users(services)}
    assert everybody == {"mia@example.com": ["acme", "other"], "nobody@example.com": [], "tom@example.com": ["other"]}
    own = list_users(services, tenant_id=acme.id)
    assert [(user.email, [membership.tenant for membership in user.memberships]) for user in own] == [("mia@example.com", ["acme"])]


def test_no_password_and_no_hash_is_in_audit_errors_or_answers(services: Services) -> None:
    made = create_user(services, OPERATOR, email="mia@example.com")
    set_password(services, OPERATOR, user_id=made.user.id, password=CHOSEN)
    errors: list[str] = []
    for deed in (
        lambda: create_user(services, OPERATOR, email="mia@example.com", password=CHOSEN),
        lambda: set_password(services, MERCHANT, user_id=made.user.id, password=CHOSEN),
        lambda: create_user(services, OPERATOR, email="other@example.com", password=f"{CHOSEN}\n"),
    ):
        with pytest.raises(StoreyardError) as refused:
            deed()
        errors.append(f"{refused.value!r} {refused.value.data}")
    seen = f"{audit_entries(services)} {list_users(services)} {errors}"
    for secret in (made.password, CHOSEN, hash_of(services, made.user.id)):
        assert secret
        assert secret not in seen


def test_a_hash_and_its_time_come_together(services: Services) -> None:
    user = make_user(services)
    with pytest.raises(IntegrityError, match="ck_users_password_has_time"), services.sessions.platform("a bug") as session:
        session.execute(text("UPDATE users SET password_hash = NULL"))
    with services.sessions.platform("a test looks") as session:
        assert session.scalar(select(User.password_set_at).where(User.id == user.id)) is not None
