"""New credentials, step by step: one of the two always works, wherever a pass is killed, and the end is the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.adapters.jinja import JinjaRenderer
from app.domain.conditions import CREDENTIALS_ROTATED, SYNCED, Status
from app.domain.errors import InvalidIntent, NotFound, Outdated
from app.domain.manifests import ObjectKey
from app.domain.stores import Phase, Rotation
from app.models import ClusterRow, DriftEvent, Event, InventoryObject, ReconcileRun, StoreCondition
from app.models.session import Sessions
from app.ports import Cluster
from app.reconcile.intercept import InterceptedCluster
from app.services.change_plan import change_plan
from app.services.context import Services
from app.services.queries import audit_entries
from app.services.reconcile_store import reconcile_store
from app.services.restart_store import restart_store
from app.services.resume_store import resume_store
from app.services.reveal_credentials import reveal_credentials
from app.services.rotate_credentials import rotate_credentials
from app.services.snapshots import load_store
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests.bench import SerialExecutor
from tests.factories import MERCHANT, make_store, make_tenant, row_of, set_row
from tests.fakes.cluster import FakeCluster

T = TypeVar("T")
ROTATED = {"database_password", "jwt_secret", "cookie_secret", "admin_password"}


class World:
    """A ready store, and the database and admin account behind it, which take one password each. Jobs do to them what the image's do."""

    def __init__(self, services: Services) -> None:
        self.cluster = FakeCluster(expandable_volumes=True)
        self.services = replace(
            services,
            renderer=JinjaRenderer(None, services.profile),
            cluster=lambda _: self.cluster,
            executor=SerialExecutor(),
        )
        self.store: StoreView = make_store(self.services)
        self.whose: dict[str, Any] = {"tenant_id": self.store.tenant_id, "store_id": self.store.id}
        first, _ = self.credentials()
        self.database, self.admin = first["database_password"], first["admin_password"]
        self.jobs_done: set[str] = set()
        self.turn(2)
        assert self.row().phase is Phase.READY

    def row(self) -> Any:
        return row_of(self.services, self.store.id)

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The present and the pending ones, as the row has them."""
        with self.services.sessions.platform("a test looks") as session:
            loaded = load_store(session, self.store.id, vault=self.services.vault, now=self.services.clock.now())
            assert loaded is not None
            store = loaded.snapshot
            if store.rotation is Rotation.SWITCHING:
                return {}, store.secrets
            return store.secrets, store.pending_secrets

    def look(self, kind: str, name: str) -> Mapping[str, Any] | None:
        live = self.cluster.look(ObjectKey(kind, f"st-{self.store.id}", name))
        return None if live is None else live.body

    def secret(self, name: str = "store") -> dict[str, str]:
        body = self.look("Secret", name)
        return {} if body is None else {key: base64.b64decode(value).decode() for key, value in body["data"].items()}

    def settle(self) -> None:
        self.cluster.settle()
        for pod in self.cluster.store.all("Pod", f"st-{self.store.id}"):
            uid = pod["metadata"]["uid"]
            if pod["metadata"]["name"].startswith("rotate-") and pod["status"]["phase"] == "Succeeded" and uid not in self.jobs_done:
                self.jobs_done.add(uid)
                self._run_job()

    def _run_job(self) -> None:
        """As docker/medusa/boot/rotate.js."""
        given = self.secret("rotation")
        passwords = [unquote(urlsplit(given[name]).password or "") for name in ("database_url", "new_database_url")]
        assert self.database in passwords, "the Job gets in with one of the two"
        self.database, self.admin = passwords[1], given["new_admin_password"]

    def check(self) -> None:
        """One of the two sets opens both, and who asks is shown one that does."""
        present, pending = self.credentials()
        works = [
            values
            for values in (present, pending)
            if values and (values["database_password"], values["admin_password"]) == (self.database, self.admin)
        ]
        assert works, self.row().rotation
        shown = reveal_credentials(self.services, MERCHANT, **self.whose)
        assert self.admin in {value for name, _, value in shown.entries if name.endswith("admin_password")}

    def turn(self, count: int = 1) -> None:
        for _ in range(count):
            reconcile_store(self.services, self.store.id)
            self.settle()
            self.check()

    def rotate(self, **options: Any) -> StoreView:
        return rotate_credentials(self.services, MERCHANT, **self.whose, **options)

    def condition(self, type_: str = CREDENTIALS_ROTATED) -> tuple[str, str]:
        with self.services.sessions.platform("a test looks") as session:
            found = session.get_one(StoreCondition, (self.store.id, type_))
            return found.status.value, found.reason

    def count(self, model: Any) -> int:
        with self.services.sessions.platform("a test counts") as session:
            return session.scalar(select(func.count()).select_from(model).filter_by(store_id=self.store.id)) or 0

    def open_drift(self) -> list[str]:
        """What a killed pass applied and could not record is told as drift once, and closed."""
        with self.services.sessions.platform("a test looks") as session:
            return list(
                session.scalars(select(DriftEvent.path).where(DriftEvent.store_id == self.store.id, DriftEvent.repaired_at.is_(None)))
            )

    def end(self) -> dict[str, Any]:
        """What an uninterrupted run and any other must leave alike."""
        row = self.row()
        annotations = {
            name: (self.look("Deployment", name) or {})["spec"]["template"]["metadata"]["annotations"] for name in ("backend", "storefront")
        }
        with self.services.sessions.platform("a test looks") as session:
            inventory = session.execute(select(InventoryObject.kind, InventoryObject.name).where(InventoryObject.store_id == row.id))
            kinds = sorted(f"{kind}/{name}" for kind, name in inventory)
        return {
            "row": (row.phase, row.rotation, row.credentials_version, row.pending_credentials_key_id),
            "settled": row.observed_generation == row.generation,
            "annotations": annotations,
            "inventory": [name for name in kinds if not name.startswith("Namespace/")],
            "rotation": [
                self.look(kind, name) for kind, name in (("Secret", "rotation"), ("NetworkPolicy", "rotation"), ("Job", "rotate-2"))
            ],
            "conditions": (self.condition(), self.condition(SYNCED)),
            "open drift": self.open_drift(),
        }

    def assert_rotated(self, before: Mapping[str, str]) -> None:
        present, pending = self.credentials()
        assert not pending
        assert {name for name in present if present[name] != before[name]} == ROTATED
        held = self.secret()
        assert {name: held[name] for name in present} == present
        assert held["database_url"] == f"postgres://medusa:{present['database_password']}@database:5432/medusa?sslmode=disable"
        assert (self.database, self.admin) == (present["database_password"], present["admin_password"])


@pytest.fixture
def world(services: Services) -> World:
    return World(services)


def test_credentials_are_replaced_in_steps_that_are_told(world: World) -> None:
    before, _ = world.credentials()
    asked = world.rotate(asked_of=1)
    assert (asked.generation, asked.rotation) == (2, Rotation.SETTING)
    reconcile_store(world.services, world.store.id)
    assert world.condition() == ("False", "Setting")
    assert world.row().phase is Phase.READY, "the shop goes on"
    assert before.items() <= world.secret().items(), "the pods' own still hold the old ones"
    assert world.row().observed_generation == 1
    world.settle()
    world.check()
    reconcile_store(world.services, world.store.id)
    assert (world.row().rotation, world.condition()) == (Rotation.SWITCHING, ("False", "Switching"))
    world.turn(3)
    world.assert_rotated(before)
    assert world.end()["row"] == (Phase.READY, None, 2, None)
    assert world.condition() == ("True", "Rotated")
    assert world.look("Job", "rotate-2") is world.look("Secret", "rotation") is None
    assert world.count(DriftEvent) == 0
    with world.services.sessions.platform("a test looks") as session:
        told = [event.reason for event in session.scalars(select(Event).where(Event.type == CREDENTIALS_ROTATED).order_by(Event.id))]
    assert told == ["Setting", "Switching", "Rotated"]


def test_a_store_at_rest_after_a_rotation_is_left_alone_and_can_be_rotated_again(world: World) -> None:
    world.rotate()
    world.turn(6)
    runs = world.count(ReconcileRun)
    world.turn(2)
    assert world.count(ReconcileRun) == runs
    before, _ = world.credentials()
    world.rotate()
    world.turn(6)
    world.assert_rotated(before)
    assert world.row().credentials_version == 3


def test_asked_again_while_one_is_under_way_it_is_the_same(world: World) -> None:
    world.rotate(asked_of=1)
    _, pending = world.credentials()
    assert world.rotate(asked_of=1).generation == 2
    assert world.credentials()[1] == pending
    world.turn(6)
    with pytest.raises(Outdated):
        world.rotate(asked_of=1)


def test_a_strangers_credentials_are_not_found(services: Services, world: World) -> None:
    with pytest.raises(NotFound):
        rotate_credentials(services, MERCHANT, tenant_id=make_tenant(services).id, store_id=world.store.id)
    assert world.row().rotation is None


def test_what_is_left_of_the_pruned_job_is_no_drift_until_the_cluster_has_collected_it(world: World) -> None:
    world.rotate()
    world.turn()
    for _ in range(3):
        reconcile_store(world.services, world.store.id)
    assert world.look("Job", "rotate-2") is None
    assert [pod for pod in world.cluster.store.all("Pod", f"st-{world.store.id}") if pod["metadata"]["name"].startswith("rotate-2")]
    assert (world.condition(SYNCED), world.count(DriftEvent)) == (("True", "InSync"), 0)


def test_no_value_is_in_audit_events_runs_or_inventory(world: World) -> None:
    before, _ = world.credentials()
    world.rotate()
    _, pending = world.credentials()
    world.turn(6)
    with world.services.sessions.platform("a test looks") as session:
        texts = [
            *(str((entry.before, entry.after)) for entry in audit_entries(world.services, target_id=world.store.id)),
            *(str((event.message, event.data)) for event in session.scalars(select(Event))),
            *(str((run.changes, run.error)) for run in session.scalars(select(ReconcileRun))),
            *(str(entry.live) for entry in session.scalars(select(InventoryObject))),
        ]
    for name in ROTATED:
        assert not [text for text in texts if before[name] in text or pending[name] in text], name


def test_only_a_running_store_that_was_ready_is_given_new_ones(services: Services, world: World) -> None:
    suspend_store(world.services, MERCHANT, **world.whose)
    with pytest.raises(InvalidIntent, match="Resume it first") as refused:
        world.rotate()
    assert refused.value.data["rule"] == "not_suspended"
    fresh = make_store(services)
    with pytest.raises(InvalidIntent) as early:
        rotate_credentials(services, MERCHANT, tenant_id=fresh.tenant_id, store_id=fresh.id)
    assert early.value.data["rule"] == "set_up"


def test_a_store_suspended_in_the_middle_rests_and_goes_on_when_resumed(world: World) -> None:
    before, _ = world.credentials()
    world.rotate()
    world.turn(1)  # the Job has done its work, and nobody has seen it
    suspend_store(world.services, MERCHANT, **world.whose)
    world.turn(3)
    assert world.row().phase is Phase.SUSPENDED
    assert world.row().observed_generation == world.row().generation
    assert world.condition() == ("False", "Waiting")
    assert world.look("Job", "rotate-2") is None
    resume_store(world.services, MERCHANT, **world.whose)
    world.turn(8)
    world.assert_rotated(before)
    assert world.row().phase is Phase.READY


def test_a_failing_job_is_told_and_made_anew_once_the_cluster_has_cleared_it(world: World) -> None:
    before, _ = world.credentials()
    world.rotate()
    world.cluster.break_pod(f"st-{world.store.id}", "rotate-2", log="out of paper")
    for _ in range(12):
        world.turn()
    status, _ = world.condition()
    assert (status, world.row().rotation, world.row().phase) == ("False", Rotation.SETTING, Phase.READY)
    assert (world.database, world.admin) == (before["database_password"], before["admin_password"])
    world.cluster.mend_pod(f"st-{world.store.id}", "rotate-2")
    for _ in range(80):
        world.turn()
        if world.row().rotation is None:
            break
    world.assert_rotated(before)


OTHERS: dict[str, Callable[[World], object]] = {
    "plan": lambda world: change_plan(world.services, MERCHANT, **world.whose, plan="standard"),
    "restart": lambda world: restart_store(world.services, MERCHANT, **world.whose),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_intents_in_the_middle_do_not_stop_it(world: World, other: str) -> None:
    with world.services.sessions.platform("a test sets the scene") as session:
        session.execute(update(ClusterRow).values(expansion_allowed=True))
    before, _ = world.credentials()
    world.rotate()
    reconcile_store(world.services, world.store.id)
    OTHERS[other](world)
    world.turn(8)
    world.assert_rotated(before)
    assert world.end()["row"] == (Phase.READY, None, 2, None)


# Killed at every step


# For as many workers of the test run.
PARTS = 4


class Killed(BaseException):
    """No error: the process is gone."""


class Points:
    """Counts the steps of passes, and dies at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.taken = at, 0

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.at:
            raise Killed


class MortalCluster(InterceptedCluster):
    """Before and after every write, and after the reads of Jobs: no other read moves anything."""

    def __init__(self, inner: Cluster, points: Points) -> None:
        super().__init__(inner)
        self._points = points

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        writes = verb in ("create", "apply", "patch", "delete")
        if writes:
            self._points.step()
        answer = super().around(verb, target, call)
        if writes or target == "Job":
            self._points.step()
        return answer


class MortalSessions(Sessions):
    """Before a transaction, before its commit, and after."""

    def __init__(self, inner: Sessions, points: Points) -> None:
        super().__init__(inner.engine)
        self._points = points

    @contextmanager
    def _transaction(self, scope: Any) -> Generator[Session]:
        self._points.step()
        with super()._transaction(scope) as session:
            yield session
            session.flush()
            self._points.step()
        self._points.step()


def rotated(services: Services, at: int) -> tuple[World, int]:
    """A rotation that dies at that step (0: at none), goes on, and rests; and how many steps there were until then."""
    world = World(services)
    before, _ = world.credentials()
    world.rotate()
    points = Points(at)
    mortal = replace(
        world.services,
        sessions=MortalSessions(world.services.sessions, points),
        cluster=lambda _: MortalCluster(world.cluster, points),
    )
    for _ in range(9):
        try:
            reconcile_store(mortal, world.store.id)
        except Killed:
            # The lease runs out.
            set_row(world.services, world.store.id, lease_token=None, lease_until=None, lease_holder=None)
        world.check()
        world.settle()
        world.check()
        if (row := world.row()).rotation is None and row.phase is Phase.READY and row.observed_generation == row.generation:
            break
    world.assert_rotated(before)
    steps = points.taken
    world.turn(1)
    return world, steps


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_step_it_ends_as_if_nothing_had_happened(services: Services, part: int) -> None:
    whole, steps = rotated(services, 0)
    reference = whole.end()
    assert reference["conditions"] == (("True", "Rotated"), (Status.TRUE.value, "InSync"))
    assert whole.count(DriftEvent) == 0
    assert steps > 40
    for at in range(1 + part, steps + 1, PARTS):
        world, _ = rotated(services, at)
        assert world.end() == reference, f"killed at step {at} of {steps}"
