"""F1: a worker is killed at every stop point of every operation, and the store ends as if nothing had happened, within a minute.

Every store has a stop point of its own; they are all worked on at once, so that the lease's fifteen seconds are waited for once. The stop
points are those that an uninterrupted store of the same history goes through in its first two passes, plus the end of a deletion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from app.domain.stores import Phase
from app.services.change_plan import change_plan
from app.services.delete_store import delete_store
from app.services.resume_store import resume_store
from app.services.suspend_store import suspend_store
from app.services.sweep import sweep
from app.services.views import StoreView
from tests.factories import MERCHANT
from tests.faults.platform import Platform
from tests.faults.stops import forget, harmed_at, steps_of
from tests.faults.world import differences, end_states

pytestmark = pytest.mark.cluster

# One tenant's four places would make the stores wait for each other's leases.
SETTINGS = {"TENANT_CONCURRENCY": "1000", "MAX_FAILURES": "3"}
WORKERS = 4
RECOVERY_SECONDS = 60

Point = dict[str, object]


@dataclass(frozen=True, slots=True)
class Operation:
    """`start` brings the intent in, on a store in phase `begins`; it is over in phase `ends`."""

    start: Callable[[Platform, StoreView], object]
    begins: Phase
    ends: Phase


OPERATIONS = {
    "change": Operation(lambda p, s: change_plan(p.services, MERCHANT, **_of(s), plan="standard"), Phase.READY, Phase.READY),
    "suspend": Operation(lambda p, s: suspend_store(p.services, MERCHANT, **_of(s)), Phase.READY, Phase.SUSPENDED),
    "resume": Operation(lambda p, s: resume_store(p.services, MERCHANT, **_of(s)), Phase.SUSPENDED, Phase.READY),
    "delete": Operation(lambda p, s: delete_store(p.services, MERCHANT, **_of(s)), Phase.READY, Phase.DELETED),
}


def _of(store: StoreView) -> dict[str, str]:
    return {"tenant_id": store.tenant_id, "store_id": store.id}


class Herd:
    """Stores to be harmed, kept from test to test by what has become of them; a test that finds too few makes more."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.tenant = platform.tenant("herd")
        self._kept: list[StoreView] = []
        sweep(platform.services)  # learns that volumes of this storage class may grow

    def keep(self, stores: list[StoreView]) -> None:
        for store in stores:
            forget(self.platform.folder, store.id)
        self._kept += stores

    def prepare(self, phase: Phase, plan: str, count: int) -> None:
        """See to it that so many stores of that kind are there."""
        missing = count - len([store for store in self._kept if (store.phase, store.plan) == (phase, plan)])
        fresh = [self.platform.create(self.tenant, plan=plan) for _ in range(missing)]
        fresh = self.platform.until_settled(*fresh, seconds=240)
        if phase is Phase.SUSPENDED and fresh:
            for store in fresh:
                suspend_store(self.platform.services, MERCHANT, **_of(store))
            fresh = self.platform.until_settled(*fresh, seconds=240)
        self._kept += fresh

    def take(self, phase: Phase, plan: str, count: int) -> list[StoreView]:
        self.prepare(phase, plan, count)
        taken = [store for store in self._kept if (store.phase, store.plan) == (phase, plan)][:count]
        self._kept = [store for store in self._kept if store not in taken]
        return taken


@pytest.fixture(scope="module")
def herd(platform: Platform) -> Herd:
    return Herd(platform)


@pytest.fixture(scope="module")
def poison(platform: Platform) -> StoreView:
    """A store that kills its worker in every pass, from early on: its quarantine takes three leases."""
    return platform.create(platform.tenant("poisoned"), harm={"do": "kill", "label": "after list Secret: answered", "always": True})


def _stop_points(platform: Platform, reference: StoreView) -> list[Point]:
    """Every step of the reference's first two passes."""
    return [{"pass": step.pass_number, "step": step.number} for step in steps_of(platform.folder, reference.id) if step.pass_number <= 2]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Stores with a stop point each, and the store that went the same way unharmed."""

    reference: StoreView
    stores: list[StoreView]
    points: list[Point]

    def named(self, store_id: str) -> str:
        return next(str(point) for store, point in zip(self.stores, self.points, strict=True) if store.id == store_id)


def _await(platform: Platform, campaign: Campaign) -> dict[str, float]:
    """Seconds from its worker's death until each store was back."""
    views = campaign.stores
    stores = {store.id for store in views}
    took: dict[str, float] = {}

    def all_back() -> bool:
        back = stores - platform.unsettled(views).keys() - took.keys()
        took.update({store_id: time.time() - (harmed_at(platform.folder, store_id) or time.time()) for store_id in back})
        return len(took) == len(stores)

    try:
        platform.until(all_back, "all stores back", seconds=150)
    except AssertionError as error:
        pytest.fail(f"never came back from {[campaign.named(store_id) for store_id in stores - took.keys()]}: {error}")
    return took


def _check(platform: Platform, campaign: Campaign, took: dict[str, float]) -> list[StoreView]:
    """All of them ended as the reference did, each within a minute of its worker's death."""
    expected, *found = end_states(platform, [campaign.reference, *campaign.stores])
    for store, state in zip(campaign.stores, found, strict=True):
        wrong = differences(expected, state)
        assert not wrong, f"killed at {campaign.named(store.id)}, {store.id} ended otherwise:\n" + "\n".join(wrong)
    late = {campaign.named(store.id): _story(platform, store.id) for store in campaign.stores if took[store.id] > RECOVERY_SECONDS}
    assert not late, f"slower than {RECOVERY_SECONDS} s: {late}\n{platform.tail()}"
    unharmed = [campaign.named(store.id) for store in campaign.stores if harmed_at(platform.folder, store.id) is None]
    # A pass that meets a controller's write asks once more or once less than the reference's did.
    assert len(unharmed) <= len(campaign.points) // 10, f"of {len(campaign.points)} stop points these were never reached: {unharmed}"
    return [platform.see(store) for store in (campaign.reference, *campaign.stores)]


def _story(platform: Platform, store_id: str) -> str:
    """When its passes began and ended, in seconds from the death of the first one's worker."""
    died = harmed_at(platform.folder, store_id) or 0.0
    passes: dict[int, list[float]] = {}
    for step in steps_of(platform.folder, store_id):
        passes.setdefault(step.pass_number, []).append(step.at - died)
    return ", ".join(f"{number}: {times[0]:.1f} to {times[-1]:.1f}" for number, times in passes.items())


@pytest.mark.usefixtures("poison")
def test_f1_provisioning_survives_its_workers_death_at_every_step(platform: Platform, herd: Herd) -> None:
    [reference] = platform.until_settled(platform.create(herd.tenant, harm={}))
    points = _stop_points(platform, reference)
    assert len(points) > 60
    stores = [platform.create(herd.tenant, harm={**point, "do": "kill"}) for point in points]
    campaign = Campaign(reference, stores, points)
    herd.keep(_check(platform, campaign, _await(platform, campaign)))


@pytest.mark.parametrize("name", list(OPERATIONS))
@pytest.mark.usefixtures("poison")
def test_f1_an_intent_survives_its_workers_death_at_every_step(name: str, platform: Platform, herd: Herd) -> None:
    operation = OPERATIONS[name]
    reference, points = _lead(platform, herd, operation)
    herd.prepare(operation.begins, "starter", len(points))
    campaign = _start(platform, herd, operation, reference, points)
    herd.keep(_check(platform, campaign, _await(platform, campaign)))


def _lead(platform: Platform, herd: Herd, operation: Operation) -> tuple[StoreView, list[Point]]:
    """A store that goes the way unharmed, and the stop points it went through."""
    [reference] = herd.take(operation.begins, "starter", 1)
    platform.harm(reference)
    operation.start(platform, reference)
    [reference] = platform.until_settled(reference)
    points = _stop_points(platform, reference)
    return reference, [*points, *(_endings(platform, reference) if operation.ends is Phase.DELETED else [])]


def _start(platform: Platform, herd: Herd, operation: Operation, reference: StoreView, points: list[Point]) -> Campaign:
    stores = herd.take(operation.begins, "starter", len(points))
    for store, point in zip(stores, points, strict=True):
        platform.harm(store, **point, do="kill")
        operation.start(platform, store)
    return Campaign(reference, stores, points)


def _endings(platform: Platform, reference: StoreView) -> list[Point]:
    """The steps of a deletion's last pass, from the one that sees the namespace gone."""
    steps = steps_of(platform.folder, reference.id)
    last = [step for step in steps if step.pass_number == steps[-1].pass_number]
    seen = next(number for number, step in enumerate(last) if step.label.endswith(": absent"))
    return [{"after": last[seen].label, "plus": number} for number in range(len(last) - seen)]


def test_f24_a_store_that_kills_every_worker_is_quarantined_and_the_others_go_on(platform: Platform, poison: StoreView) -> None:
    platform.until(lambda: platform.row(poison).quarantined_at is not None, "the quarantine", seconds=150)
    before = len(steps_of(platform.folder, poison.id))
    other = platform.create(poison.tenant_id)
    platform.until_settled(other)
    assert len(steps_of(platform.folder, poison.id)) == before, "a store in quarantine is left alone"
    assert platform.row(poison).crash_count == 3
