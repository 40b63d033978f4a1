"""The log: what it says, what its filters find, and what leaves as CSV."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from app.domain.actors import Actor, ActorKind
from app.domain.people import Role
from app.models import AuditEntry, ClusterRow, InventoryObject, Store
from app.services import audit_log
from app.services.audit_log import EXPORT_BATCH, PAGE_SIZE, AuditFilter, audit_page
from app.services.change_quota import change_quota
from app.services.change_role import change_role
from app.services.change_settings import change_settings
from app.services.context import Services
from app.services.invites import invite
from app.services.queries import audit_entries
from app.services.rename_store import rename_store
from app.services.reveal_credentials import reveal_credentials
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from app.web.activity import words
from app.web.activity.export import FORMULA
from tests.factories import OPERATOR, make_id, make_store
from tests.fakes.clock import FakeClock
from tests.integration.accounts import HOME, mailer
from tests.integration.test_audit import deeds as every_deed
from tests.integration.web.conftest import Signed
from tests.integration.web.test_portal import make_ready, statements


def scene(services: Services, owner: Signed, member: Signed) -> StoreView:
    """Something of everything; the store that most of it is about."""
    one, two = owner.session.actor(HOME), member.session.actor(HOME)
    tenant_id = owner.tenant.id
    store = make_ready(services, make_store(services, owner.tenant, "harbour-linen", name="Harbour Linen"))
    whose: dict[str, Any] = {"tenant_id": tenant_id, "store_id": store.id}
    make_store(services, owner.tenant, "fjord-wool", name="Fjord Wool & Yarn from the Very Far North", plan="standard")
    rename_store(services, two, **whose, name="Harbour Linens")
    change_settings(services, two, **whose, settings={"accent": "#0b6e8a", "tagline": "Linen by the sea"})
    reveal_credentials(services, one, **whose)
    invite(services, one, tenant_id=tenant_id, email="otto@example.com", role=Role.VIEWER)
    change_role(services, one, tenant_id=tenant_id, user_id=member.user.id, role=Role.OWNER)
    staff = Actor(ActorKind.OPERATOR, "01operator", f"Olga for {owner.tenant.slug}", ip="198.51.100.20")
    suspend_store(services, staff, **whose)
    change_quota(services, OPERATOR, tenant_id=tenant_id, stores=2, memory=4096, reason="A second shop was asked for")
    record_inventory(services, store)
    return make_ready(services, store)


def record_inventory(services: Services, store: StoreView, *, replicas: int = 1) -> None:
    """As a pass records what it applied."""
    objects: list[dict[str, Any]] = [
        workload("StatefulSet", "database", "50m", "256Mi", replicas),
        workload("Deployment", "backend", "100m", "512Mi", replicas),
        workload("Deployment", "storefront", "50m", "128Mi", replicas),
        claim("database", "database", "4Gi"),
        claim("media", "backend", "1Gi"),
    ]
    whose = {"store_id": store.id, "tenant_id": store.tenant_id, "namespace": store.namespace}
    with services.sessions.platform("a test sets the scene") as session:
        for live in objects:
            name = live["metadata"]["name"]
            row = {"kind": live["kind"], "name": name, "uid": name, "resource_version": "1", "manifest_hash": "-", "live_hash": "-"}
            session.merge(InventoryObject(**whose, **row, live=live))


def workload(kind: str, name: str, cpu: str, memory: str, replicas: int) -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu, "memory": "1Mi"}, "limits": {"cpu": "2", "memory": memory}}
    pod = {"containers": [{"name": name, "resources": resources}], "initContainers": [{"name": "init", "resources": resources}]}
    return {**named(kind, name, name), "spec": {"replicas": replicas, "template": {"spec": pod}}}


def claim(name: str, component: str, size: str) -> dict[str, Any]:
    return {**named("PersistentVolumeClaim", name, component), "spec": {"resources": {"requests": {"storage": size}}}}


def named(kind: str, name: str, component: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "labels": {"app.kubernetes.io/component": component}}}


def note(services: Services, owner: Signed, number: int = 1, **changed: Any) -> list[int]:
    """So many entries of the tenant; their ids."""
    values: dict[str, Any] = {
        "at": services.clock.now(), "tenant_id": owner.tenant.id, "actor_kind": ActorKind.USER, "actor_id": owner.user.id,
        "actor_name": owner.user.name, "action": "store.check", "target_type": "store", "target_id": "-", **changed,
    }  # fmt: skip
    with services.sessions.platform("a test sets the scene") as session:
        rows = [AuditEntry(**{**values, "after": values.get("after", {"number": count})}) for count in range(number)]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def listed(answer: Any) -> list[str]:
    """The page's entries, each as its plain text."""
    assert answer.status_code == 200, answer.text
    entries = re.findall(r'<li class="list-item log-entry">(.*?)</li>', answer.text, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", entry)).split()) for entry in entries]


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8"), newline="")))


def older_of(answer: Any) -> str:
    found = re.search(r'href="([^"]+)" rel="next"', answer.text)
    assert found, "there is a next page"
    return html.unescape(found[1])


@pytest.fixture
def member(sign_in: Any, owner: Signed) -> Signed:
    return sign_in(Role.MEMBER, tenant=owner.tenant)


# The page


def test_entries_are_sentences_with_what_was_before_and_after(owner: Signed, member: Signed, services: Services) -> None:
    scene(services, owner, member)
    said = listed(owner.get("/activity"))
    for text_ in (
        "Mia renamed Harbour Linens Name Harbour Linen → Harbour Linens",
        "Tagline not set → Linen by the sea",
        "Mia looked at the admin sign-in of Harbour Linens Shown admin email, admin password",
        "Mia invited otto@example.com as a viewer",
        f"Mia made {member.user.email} an owner instead of a member",
        "Mia Merchant made the store Fjord Wool & Yarn from the Very Far North Address fjord-wool.localhost Plan Standard",
        "“A second shop was asked for” Memory 4 GiB",
        "192.0.2.7",
    ):
        assert any(text_ in line for line in said), (text_, said)
    assert said[0].startswith("root platform staff changed the limits of the account"), "the newest comes first"
    assert not any("Settings" in line or "{" in line for line in said), "settings are told one by one"


def test_every_deed_of_a_tenant_has_a_sentence_and_says_nothing_that_only_we_understand(services: Services, clock: FakeClock) -> None:
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
    for _, act in every_deed(services, clock):
        act()
    entries = [entry for entry in audit_entries(services, limit=1000) if entry.tenant_id is not None]
    assert len({entry.action for entry in entries}) >= 18
    for entry in entries:
        told = words.deed(entry, {})
        assert not told.text.startswith("did “"), entry.action
        assert not [change for change in told.changes if "_" in change.title or "{" in f"{change.before}{change.after}"], entry.action


def test_an_operator_who_acts_for_the_tenant_is_marked(owner: Signed, member: Signed, services: Services) -> None:
    scene(services, owner, member)
    (acted,) = [line for line in listed(owner.get("/activity")) if "suspended" in line]
    assert f"Olga for {owner.tenant.slug} platform staff suspended Harbour Linens" in acted
    assert "198.51.100.20" in acted
    assert not any("platform staff" in line for line in listed(owner.get(f"/activity?who={member.user.id}")))


@pytest.mark.parametrize("role", list(Role))
def test_everybody_in_the_tenant_reads_it_and_nobody_else(
    owner: Signed, stranger: Signed, sign_in: Any, services: Services, role: Role
) -> None:
    make_store(services, owner.tenant, name="Harbour Linen")
    reader = sign_in(role, tenant=owner.tenant)
    assert "Harbour Linen" in reader.get("/activity").text
    assert "Harbour Linen" in reader.get("/activity.csv").text
    for path in ("/activity", "/activity.csv", f"/activity?who={owner.user.id}", "/activity?q=Harbour", "/activity.csv?q=Harbour"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert "Harbour Linen" not in answer.text, path


def test_a_strangers_store_in_the_address_shows_nothing_of_it(owner: Signed, stranger: Signed, services: Services) -> None:
    store = make_store(services, owner.tenant, name="Harbour Linen")
    answer = stranger.get(f"/activity?store={store.id}")
    assert listed(answer) == []
    assert "Harbour Linen" not in answer.text
    assert rows_of(stranger.get(f"/activity.csv?store={store.id}")) == []


def test_what_was_written_into_the_log_is_text_and_no_markup(owner: Signed, services: Services) -> None:
    note(services, owner, action="store.rename", actor_name="<b>Eve</b>", after={"name": "<script>1</script>"}, before={"name": "x"})
    page = owner.get("/activity").text
    assert "<b>Eve" not in page
    assert "<script>1" not in page
    assert "&lt;script&gt;1" in page


# Filters


def test_filters_find_what_they_name_alone_and_together(owner: Signed, member: Signed, services: Services) -> None:
    store = scene(services, owner, member)
    numbers = {
        f"who={member.user.id}": 2,
        "kind=member": 3,
        "kind=member.invite": 1,
        "kind=store.suspend": 1,
        "kind=quota": 1,
        f"store={store.id}": 5,
        f"store={store.id}&who={member.user.id}": 2,
        f"store={store.id}&kind=store.rename&who={member.user.id}": 1,
        "q=OTTO": 1,
        "q=sea": 1,
        "q=198.51": 1,
        "q=fjord": 1,
        "q=%25": 0,
        "kind=store.nothing": 0,
    }
    for query, number in numbers.items():
        assert len(listed(owner.get(f"/activity?{query}"))) == number, query
        assert len(rows_of(owner.get(f"/activity.csv?{query}"))) == number, f"{query} as CSV"
    assert all("Harbour" in line for line in listed(owner.get(f"/activity?store={store.id}")))


def test_days_are_whole_ones_and_both_count(owner: Signed, services: Services) -> None:
    days = [datetime(2026, 3, day, hour, minute, tzinfo=UTC) for day, hour, minute in ((1, 23, 59), (2, 0, 0), (2, 23, 59), (3, 0, 0))]
    for moment in days:
        note(services, owner, at=moment, action=f"store.at_{moment.day}_{moment.hour}")
    found = {
        "since=2026-03-02&until=2026-03-02": ["at 2 23", "at 2 0"],
        "until=2026-03-01": ["at 1 23"],
        "since=2026-03-03": ["at 3 0"],
        "since=2026-03-01&until=2026-03-03": ["at 3 0", "at 2 23", "at 2 0", "at 1 23"],
        "since=2027-01-01": [],
    }
    for query, deeds in found.items():
        said = listed(owner.get(f"/activity?{query}&kind=store"))
        assert [re.findall("“(.*?)”", line)[0] for line in said] == deeds, query
        assert len(rows_of(owner.get(f"/activity.csv?{query}&kind=store"))) == len(deeds)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "Write a day as"),
        ("until=0001-01-01", "Write a day as"),
        ("since=9999-12-31", "Write a day as"),
        ("since=2026-03-02&until=2026-03-01", "The last day is before the first"),
    ],
)
def test_a_day_that_is_none_is_said_beside_its_field(owner: Signed, query: str, said: str) -> None:
    answer = owner.get(f"/activity?{query}")
    assert (answer.status_code, said in answer.text, 'aria-invalid="true"' in answer.text) == (422, True, True)
    assert said in owner.get(f"/activity?{query}", htmx=True).text, "the fragment says it too"
    assert owner.get(f"/activity.csv?{query}").status_code == 303, "no file with other entries than asked for"


@pytest.mark.parametrize("query", ["store=x", "kind=%00", "kind=a.b.c", "before=-1", "before=x", f"before={2**70}", "q=%00%ff", "who=%00"])
def test_nonsense_in_the_address_breaks_nothing(owner: Signed, query: str) -> None:
    for path in ("/activity", "/activity.csv"):
        assert owner.get(f"{path}?{query}").status_code == 200


def test_htmx_gets_the_entries_alone_and_the_form_works_without_it(owner: Signed, services: Services) -> None:
    make_store(services, owner.tenant, name="Harbour Linen")
    fragment = owner.get("/activity?q=harbour", htmx=True)
    assert fragment.text.lstrip().startswith('<div id="entries"')
    assert "<form" not in fragment.text
    assert fragment.vary.find("HX-Request") >= 0
    page = owner.get("/activity?q=harbour&kind=store").text
    assert '<form class="log-filter" method="get" action="/activity"' in page
    assert '<option value="store" selected>' in page
    assert "/activity.csv?kind=store&amp;q=harbour" in page, "the file has the page's filters"


def test_who_left_is_still_a_filter(owner: Signed, member: Signed, services: Services) -> None:
    store = make_store(services, owner.tenant)
    rename_store(services, member.session.actor(HOME), tenant_id=owner.tenant.id, store_id=store.id, name="Other")
    change_role(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, user_id=member.user.id, role=None)
    answer = owner.get(f"/activity?who={member.user.id}")
    assert len(listed(answer)) == 1
    assert f'<option value="{member.user.id}" selected>Mia</option>' in answer.text


# Pages


def test_pages_stay_as_they_are_while_entries_come(owner: Signed, services: Services) -> None:
    ids = note(services, owner, 2 * PAGE_SIZE + 5, action="store.noted")
    first = owner.get("/activity?kind=store.noted")
    note(services, owner, 7, action="store.noted")
    second = owner.get(older_of(first))
    note(services, owner, 7, action="store.noted")
    third = owner.get(older_of(second))
    numbers = [int(re.findall(r"Number (\d+)", line)[0]) for page in (first, second, third) for line in listed(page)]
    assert numbers == list(range(len(ids)))[::-1]
    assert 'rel="next"' not in third.text
    assert ">Newest<" in third.text


def test_a_rare_entry_is_found_by_looking_further_back(owner: Signed, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "WINDOW", 20)
    note(services, owner, action="store.rare")
    note(services, owner, 50)
    answer, pages = owner.get("/activity?kind=store.rare"), 1
    assert "Looked back to" in answer.text
    while not listed(answer):
        answer, pages = owner.get(older_of(answer)), pages + 1
    assert (len(listed(answer)), pages) == (1, 3)
    assert len(rows_of(owner.get("/activity.csv?kind=store.rare"))) == 1, "the file looks back to the end"


def test_the_number_of_statements_does_not_grow_with_the_log(owner: Signed, member: Signed, services: Services) -> None:
    store = scene(services, owner, member)
    paths = ("/activity", f"/activity?store={store.id}&who={owner.user.id}&q=a&since=2020-01-01&until=2030-01-01", "/team")
    few = [statements(services, lambda path=path: owner.get(path)) for path in paths]
    note(services, owner, 300, target_id=store.id)
    for number in range(5):
        invite(services, owner.session.actor(HOME), tenant_id=owner.tenant.id, email=f"otto-{number}@example.com", role=Role.VIEWER)
    many = [statements(services, lambda path=path: owner.get(path)) for path in paths]
    assert many == few
    assert max(many) <= 12, many


def test_a_page_reads_a_bounded_part_of_a_long_log(owner: Signed, services: Services) -> None:
    """Not by its time, which tells of the machine, but by what PostgreSQL says that it read."""
    tenant_id = owner.tenant.id
    with services.sessions.platform("a test sets the scene") as session:
        session.execute(
            text(
                "INSERT INTO audit (at, tenant_id, actor_kind, actor_id, actor_name, action, target_type, target_id, after) "
                "SELECT now() - interval '1 second' * (40000 - n), :tenant, 'user', 'a' || n % 50, 'Somebody', 'store.check', 'store', "
                "'s' || n % 100, '{}' FROM generate_series(1, 40000) n"
            ),
            {"tenant": tenant_id},
        )
    with services.sessions.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE audit"))
    for wanted in (AuditFilter(), AuditFilter(actor_id="nobody"), AuditFilter(store_id=make_id()), AuditFilter(text="nowhere")):
        assert rows_read(services, tenant_id, wanted) <= 2 * audit_log.WINDOW + PAGE_SIZE + 10, wanted


def rows_read(services: Services, tenant_id: str, wanted: AuditFilter) -> int:
    """Rows that the plans of a page's statements touch, kept ones and those filtered away."""
    asked: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM audit" in statement:
            asked.append((statement, parameters))

    event.listen(services.sessions.engine, "before_cursor_execute", hear)
    audit_page(services, tenant_id=tenant_id, wanted=wanted)
    event.remove(services.sessions.engine, "before_cursor_execute", hear)
    assert asked
    with services.sessions.engine.connect() as connection:
        plans = [
            connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given).scalar_one() for statement, given in asked
        ]
    return sum(touched(plan[0]["Plan"]) for plan in plans)


def touched(node: dict[str, Any]) -> int:
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if "Relation Name" in node else 0
    return int(own * node.get("Actual Loops", 1)) + sum(touched(child) for child in node.get("Plans", ()))


# The file


def test_the_file_is_csv_as_rfc_4180_has_it(owner: Signed, member: Signed, services: Services) -> None:
    scene(services, owner, member)
    note(services, owner, action="store.rename", before={"name": 'A "quoted", name'}, after={"name": "Über\nzwei Zeilen"})
    answer = owner.get("/activity.csv")
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    day = f"{services.clock.now():%Y-%m-%d}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="activity-{owner.tenant.slug}-{day}.csv"'
    assert answer.get_data().startswith(b"time,person,kind of actor,what,store,reason,address,before,after,")
    assert answer.get_data().endswith(b"\r\n")
    rows = rows_of(answer)
    assert len(rows) == len(listed(owner.get("/activity")))
    assert (rows[0]["what"], json.loads(rows[0]["after"])) == ("renamed", {"name": "Über\nzwei Zeilen"})
    (suspended,) = [row for row in rows if row["action"] == "store.suspend"]
    assert (suspended["person"], suspended["kind of actor"], suspended["store"], suspended["address"]) == (
        f"Olga for {owner.tenant.slug}", "operator", "Harbour Linens", "198.51.100.20",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "\n=x", "\uff1d1"])
def test_no_cell_is_a_formula(owner: Signed, services: Services, name: str) -> None:
    note(services, owner, actor_name=name, after={"name": name, "reason": name}, target_id=name, action="store.rename", request_id=name)
    (row,) = rows_of(owner.get("/activity.csv?kind=store.rename"))
    assert row["person"] == row["reason"] == row["target id"] == row["request"] == f"'{name}"
    assert not [cell for cell in row.values() if cell.startswith(FORMULA)]


def test_no_secret_of_a_store_is_in_the_log_or_the_file(owner: Signed, member: Signed, services: Services) -> None:
    store = scene(services, owner, member)
    with services.sessions.platform("a test looks") as session:
        key, sealed = session.execute(select(Store.credentials_key_id, Store.credentials).where(Store.id == store.id)).tuples().one()
    secrets = {value for name, value in services.vault.open(key, sealed).items() if name != "admin_email"}
    invites = mailer(services).last_token()
    said = owner.get("/activity").text + owner.get("/activity.csv").text
    assert secrets
    assert not [secret for secret in (*secrets, invites) if secret in said]


def test_a_long_file_is_read_in_batches_with_nothing_open_between_them(owner: Signed, services: Services) -> None:
    ids = note(services, owner, 3 * EXPORT_BATCH + 10, action="store.noted")
    answer = owner.client.get("/activity.csv?kind=store.noted", buffered=False)
    pieces, open_between = [], []
    for piece in answer.response:
        pieces.append(piece)
        open_between.append(services.sessions.engine.pool.checkedout())
        if len(pieces) > 1:
            note(services, owner, action="store.noted")  # what comes after the first batch is not in it
    assert set(open_between) == {0}
    assert len(pieces) == 5, "a header and four batches"
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    numbers = [json.loads(row["after"])["number"] for row in rows]
    assert numbers == list(range(len(ids)))[::-1]
    answer.close()
