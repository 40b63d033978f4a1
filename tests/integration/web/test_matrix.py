"""F32, the tenancy matrix: every route and method, asked by everybody, with one's own ids, another tenant's, and ids that name nothing.

Nothing here knows a route: they come from the URL map. What is allowed is what the route declares; what another tenant has is answered as
what does not exist; and what is refused changes no row of any table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

from app.domain.people import Role
from app.models import Store
from app.services.context import Services
from app.services.rename_store import rename_store
from app.web.live import hub_of
from app.web.security import HEADERS, SAFE
from app.web.tenancy import Rule, Who, person, public, rule_of
from tests.factories import MERCHANT, make_id
from tests.fakes.live import FakeLive
from tests.integration.web import matrix
from tests.integration.web.conftest import Signed
from tests.integration.web.matrix import ALIASES, OURS, THEIRS, Caller, Scene, World
from tests.integration.web.test_routes import whole

__all__ = ["whole"]

CALLERS = ("nobody", "viewer", "member", "owner", "stranger", "operator", "acting")
OWN, FOREIGN, UNKNOWN = "one's own", "another's", "unknown"


@pytest.fixture
def services(services: Services) -> Services:
    """Streams are open to those who may have them."""
    return replace(services, live=FakeLive())


@pytest.fixture
def scene(web: Flask, services: Services, sign_in: Callable[..., Signed]) -> Iterator[Scene]:
    yield matrix.build(web, services, sign_in)
    hub_of(web).close()


@pytest.fixture
def world(scene: Scene, services: Services) -> World:
    """As it is when the scene is set."""
    return World(services.sessions)


@dataclass(frozen=True)
class Case:
    """One request: a route and method, and which of the address's ids are whose."""

    route: Route
    method: str
    rule: Rule
    whose: str
    values: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.route.rule} ({self.whose} ids)" if self.values else f"{self.method} {self.route.rule}"


@dataclass
class Answer:
    """What came back, its stream cut off after what it says at once."""

    response: TestResponse
    status: int
    text: str

    def without(self, values: Mapping[str, str]) -> str:
        """The text as it would be for any other request and any other ids."""
        told = self.text.replace(self.response.headers["X-Request-Id"], "REQUEST")
        for value in values.values():
            told = told.replace(value, "ID")
        return re.sub(r'name="(csrf|key)" value="[^"]*"', "", told)


def cases(scene: Scene, caller: Caller, *, also: Collection[str] = ()) -> Iterator[Case]:
    """All routes by all their methods; of those that follow from GET, and run the same view or none, only what is in `also`."""
    for route in sorted(scene.web.url_map.iter_rules(), key=lambda route: (route.rule, route.endpoint)):
        rule = rule_of(scene.web, route.endpoint)
        assert rule is not None, route
        own = {name: scene.own(route, name, caller) for name in sorted(route.arguments - set(route.defaults or {}))}
        strangers = {name: value for name in own if (value := scene.foreign(name, caller)) is not None}
        for method in sorted(set(route.methods or ()) - ({"HEAD", "OPTIONS"} - set(also))):
            yield Case(route, method, rule, OWN, own)
            for name in own:
                if name in strangers:
                    yield Case(route, method, rule, FOREIGN, {**own, name: strangers[name]})
                if name != "filename":
                    yield Case(route, method, rule, UNKNOWN, {**own, name: make_id() if name in ALIASES else "x" * 43})


def ask(scene: Scene, caller: Caller, case: Case, *, form: dict[str, str] | None = None, csrf: str | None = None) -> Answer:
    path = scene.web.url_map.bind("localhost").build(case.route.endpoint, dict(case.values), method=case.method, append_unknown=False)
    fields = scene.form(caller) if form is None else form
    given: dict[str, Any] = {"query_string": fields if form is not None else {}} if case.method in SAFE else {"data": fields}
    headers = {"X-CSRF-Token": scene.csrf(caller) if csrf is None else csrf}
    response = scene.browser(caller).open(path, method=case.method, headers=headers, **given)
    try:
        text = next(iter(response.response), b"") if response.mimetype == "text/event-stream" else response.get_data()
        return Answer(response, response.status_code, (text if isinstance(text, bytes) else text.encode()).decode())
    finally:
        response.close()


def verdict(answer: Answer) -> str:
    """What an answer says, in the words of `matrix.expected`."""
    location = answer.response.headers.get("Location", "")
    if answer.status == 303 and location.startswith("/login?next="):
        return "log in"
    if answer.status == 403:
        return "forbidden"
    if answer.status in (200, 204, 302, 303, 304, 401, 409, 422, 429):
        return "allowed"
    return "not found" if answer.status == 404 else str(answer.status)


def wanted(case: Case, caller: Caller) -> tuple[str, ...]:
    said = matrix.expected(case.rule, caller)
    if said == "choose a tenant":
        return ("allowed",)  # led to where one chooses; that nothing happened is looked at
    if case.method == "OPTIONS":
        return (said, "allowed", "forbidden")  # one address, several routes: it answers by the rule of one of them
    if said != "allowed":
        return (said,)
    if case.rule.who is Who.ANYBODY:
        # Who is logged in as another than the invited is refused by the use case.
        return ("not found",) if case.whose == UNKNOWN else ("allowed", "forbidden")
    if case.rule.who is Who.OPERATOR:
        return ("not found",) if case.whose == UNKNOWN else ("allowed",)
    if case.whose == OWN and case.rule.who is Who.SIGNED_IN and caller.operator and case.method not in SAFE:
        return ("allowed", "not found")  # of the tenant that the form names an operator is no member
    return ("allowed",) if case.whose == OWN else ("not found",)


@pytest.mark.parametrize("name", CALLERS)
def test_f32_every_route_is_open_to_whom_it_declares_and_what_is_refused_changes_nothing(scene: Scene, world: World, name: str) -> None:
    caller, problems, asked, changed = scene.callers[name], list[str](), 0, 0
    before = world.look()
    for case in cases(scene, caller, also=("HEAD", "OPTIONS")):
        answer, asked = ask(scene, caller, case), asked + 1
        after = world.look()
        got, right = verdict(answer), wanted(case, caller)
        if got not in right:
            problems.append(f"{case}: {got} ({answer.status}), not {' or '.join(right)}")
        refused = matrix.expected(case.rule, caller) != "allowed" or got == "not found"
        if (refused or case.method in SAFE) and after != before:
            problems.append(f"{case}: {answer.status} changed {sorted(after ^ before)}")
        if matrix.expected(case.rule, caller) == "choose a tenant" and answer.response.headers.get("Location") != "/":
            problems.append(f"{case}: not led to where one chooses a tenant")
        if case.rule.who is not Who.OPERATOR and shows(answer, caller):
            problems.append(f"{case}: shows what is another tenant's")
        if after != before:
            changed += 1
            world.restore()
    assert problems == []
    assert (asked >= 100, changed >= (10 if caller.role is Role.OWNER else 1)) == (True, True), "what is allowed was asked in earnest"
    assert world.look() == before


@pytest.mark.parametrize("name", [name for name in CALLERS if name != "nobody"])
def test_f32_what_is_another_tenants_is_answered_as_what_does_not_exist(scene: Scene, name: str) -> None:
    caller, compared, problems = scene.callers[name], 0, list[str]()
    told: dict[tuple[str, str, str], dict[str, tuple[int, str]]] = {}
    for case in cases(scene, caller):
        if case.whose == OWN or case.rule.who is Who.OPERATOR or not set(case.values) <= set(ALIASES):
            continue
        answer = ask(scene, caller, case)
        answers = told.setdefault((case.method, case.route.rule, case.route.endpoint), {})
        answers[case.whose] = (answer.status, answer.without(case.values))
    for key, answers in told.items():
        compared += 1
        if answers[FOREIGN] != answers[UNKNOWN]:
            problems.append(f"{key}: {answers}")
    assert problems == []
    assert compared >= 10


@pytest.mark.parametrize("name", ["owner", "stranger", "operator", "acting"])
def test_f32_anothers_ids_in_a_query_or_a_form_show_and_change_nothing_of_theirs(scene: Scene, world: World, name: str) -> None:
    caller, problems = scene.callers[name], list[str]()
    theirs = scene.houses[caller.stranger_to]
    before = world.look()
    untouched = {row for row in before if theirs.mentioned_in(row)}
    for case in cases(scene, caller):
        if case.whose != OWN or case.rule.who in (Who.OPERATOR, Who.ANYBODY):
            continue
        answer = ask(scene, caller, case, form=scene.form(caller, theirs))
        after = world.look()
        if {row for row in after if theirs.mentioned_in(row)} != untouched:
            problems.append(f"{case}: changed what is another tenant's")
        if shows(answer, caller):
            problems.append(f"{case}: shows what is another tenant's")
        if after != before:
            world.restore()
    assert problems == []


@pytest.mark.parametrize("name", CALLERS)
def test_f33_without_its_csrf_token_no_unsafe_method_does_anything(scene: Scene, world: World, name: str) -> None:
    caller, asked, problems = scene.callers[name], 0, list[str]()
    stolen = scene.csrf(scene.callers["stranger" if name != "stranger" else "owner"])
    before = world.look()
    for case in cases(scene, caller):
        if case.method in SAFE or case.whose != OWN:
            continue
        right = {"allowed": 400, "forbidden": 403}.get(matrix.expected(case.rule, caller), 303)
        for token in ("", "x" * 43, stolen):
            answer, asked = ask(scene, caller, case, csrf=token), asked + 1
            if answer.status != right:
                problems.append(f"{case} with the token {token!r}: {answer.status}, not {right}")
        if world.look() != before:
            problems.append(f"{case} changed something")
            world.restore()
    assert problems == []
    assert asked >= 50


@pytest.mark.parametrize("name", ["nobody", "owner", "acting"])
def test_every_answer_carries_the_headers(scene: Scene, world: World, name: str) -> None:
    caller, problems = scene.callers[name], list[str]()
    before = world.look()
    for case in cases(scene, caller, also=("HEAD", "OPTIONS")):
        headers = ask(scene, caller, case).response.headers
        missing = [header for header, value in HEADERS.items() if headers.get(header) != value]
        if missing or not re.fullmatch("[0-9a-f]{16}", headers.get("X-Request-Id", "")):
            problems.append(f"{case}: {missing}")
        if case.route.endpoint != "static" and "no-store" not in headers.get("Cache-Control", ""):
            problems.append(f"{case}: may be kept by caches")
        if case.method not in SAFE and world.look() != before:
            world.restore()
    assert problems == []


def test_f32_a_stream_tells_of_ones_own_stores_alone(scene: Scene, services: Services) -> None:
    """Both tenants' people listen; each tenant's store is renamed, the other's first. The platform's operators hear of both."""
    ours, theirs = scene.houses[OURS], scene.houses[THEIRS]
    who = {"owner": [ours], "viewer": [ours], "acting": [ours], "stranger": [theirs], "operator": [theirs, ours]}
    opened: dict[str, TestResponse] = {}
    try:
        for name in who:
            path = "/live/platform" if name == "operator" else f"/live?store={ours.ids['store']}&tenant={ours.ids['tenant']}"
            opened[name] = scene.browser(scene.callers[name]).get(path)
            assert b"event: hello" in next(iter(opened[name].response)), name
        for house in (theirs, ours, theirs):
            rename_store(
                services, MERCHANT, tenant_id=house.tenant.id, store_id=house.ids["store"], name=f"Renamed {len(services.live.news)}"
            )
        for name, houses in who.items():
            heard = ""
            while not all(house.ids["store"] in heard for house in houses):
                heard += next(iter(opened[name].response)).decode()
            others = [house for house in (ours, theirs) if house not in houses]
            assert not any(house.mentioned_in(heard) for house in others), name
    finally:
        for answer in opened.values():
            answer.close()


def test_what_is_served_beside_the_pages_has_no_ids_and_no_session(web: Flask, whole: Flask) -> None:
    pages = {route.endpoint for route in web.url_map.iter_rules()}
    beside = [route for route in whole.url_map.iter_rules() if route.endpoint not in pages]
    assert {route.endpoint for route in beside} == {"healthz", "readyz", "metrics"}
    for route in beside:
        rule = rule_of(whole, route.endpoint)
        assert (route.arguments, rule and rule.who) == (set(), Who.ANYBODY)


def test_the_matrix_would_notice(web: Flask, services: Services, sign_in: Callable[..., Signed]) -> None:
    """A route that forgets to ask whose the store is is found by its answer, by what it shows, and by what it changes."""

    @person
    def careless(store_id: str) -> str:
        with services.sessions.platform("a test's careless route") as session:
            row = session.get_one(Store, store_id)
            row.name = f"{row.name}!"
            return row.name

    web.add_url_rule("/careless/<ulid:store_id>", "careless", careless, methods=["POST"])
    scene = matrix.build(web, services, sign_in)
    world, stranger = World(services.sessions), scene.callers["stranger"]
    before = world.look()
    case = next(case for case in cases(scene, stranger) if (case.route.endpoint, case.method, case.whose) == ("careless", "POST", FOREIGN))
    answer = ask(scene, stranger, case)
    assert shows(answer, stranger)
    assert verdict(answer) not in wanted(case, stranger)
    assert world.look() != before
    world.restore()
    assert world.look() == before


def test_a_route_whose_address_names_something_new_is_not_walked_past(
    web: Flask, services: Services, sign_in: Callable[..., Signed]
) -> None:
    web.add_url_rule("/things/<ulid:thing_id>", "thing", public(lambda thing_id: thing_id))
    scene = matrix.build(web, services, sign_in)
    with pytest.raises(AssertionError, match="no value for <thing_id>"):
        list(cases(scene, scene.callers["owner"]))


def shows(answer: Answer, caller: Caller) -> bool:
    """Whether a word stands in the answer that the caller must not read."""
    words = {OURS, THEIRS} - {caller.word}
    text = re.sub(r"/static/\S+", "", answer.text)
    if answer.response.request.path.startswith(("/invites/", "/reset/")):
        return False  # who has the link may know what it is for
    return any(word in text.lower() for word in words)
