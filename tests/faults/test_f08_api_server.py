"""F8 and bad input: an API server that lies, cuts, hangs, or is not there. Every store recovers without a human; nothing is deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from sqlalchemy import func, select, update

from app.domain.stores import Phase
from app.models import Event, ReconcileRun, Store
from app.services.delete_store import delete_store
from app.services.views import StoreView
from tests.factories import MERCHANT
from tests.faults.platform import Platform
from tests.faults.proxy import RETRY_AFTER, Lie, Proxy, Request, Rule, always, honest, sometimes

pytestmark = pytest.mark.cluster
PROXIED = True
SEED = 20261124
# Two workers: each makes five calls before its circuit opens, as many as may be under way in a wave, then single trials.
MOST_REQUESTS_WHILE_DOWN = 60


@pytest.fixture(autouse=True)
def _the_proxy_is_honest_again(proxy: Proxy) -> Iterator[None]:
    yield
    proxy.reset()


def _by_store(rules: dict[str, Rule]) -> Rule:
    """Each namespace's own rule."""
    return lambda request: rules.get(request.namespace, honest)(request)


def _errors(platform: Platform, store: StoreView) -> list[str]:
    """What went wrong in the store's passes, oldest first."""
    with platform.services.sessions.platform("a test looks") as session:
        found = session.scalars(
            select(ReconcileRun.error).where(ReconcileRun.store_id == store.id, ReconcileRun.error.is_not(None)).order_by(ReconcileRun.id)
        )
        return [str(error) for error in found]


def test_f8_a_store_is_made_through_every_kind_of_lie(platform: Platform, proxy: Proxy) -> None:
    """Each store has its own lie, told to some of its requests the first time they are asked; which ones, the seed says."""
    rules: dict[str, Rule] = {}
    proxy.reset(_by_store(rules))
    stores: dict[Lie, StoreView] = {}
    for lie in Lie:
        few = sometimes(lie, seed=SEED, share=0.02, about=lambda request: request.number == 1)
        # The namespace's first answer is always a lie, so that each is told at least once.
        rules_of = _first(lie, few)
        store = platform.create(harm=None)
        rules[store.namespace] = rules_of
        stores[lie] = store
    platform.until_settled(*stores.values(), seconds=150)
    assert set(proxy.told) >= set(Lie) - {Lie.PAST}, "every lie was told"
    for lie, store in stores.items():
        assert platform.row(store).crash_count == 0, f"{lie} crashed a pass"
        assert platform.says(store, "Synced").startswith("True"), lie


def _first(lie: Lie, rest: Rule) -> Rule:
    """The lie to the first apply of a Service, then as `rest` says."""

    def rule(request: Request) -> Lie | None:
        if request.method == "PATCH" and "/services/" in request.path and request.number == 1:
            return lie
        return rest(request)

    return rule


def _lists(plural: str) -> Callable[[Request], bool]:
    return lambda request: request.lists and request.path.partition("?")[0].endswith(f"/{plural}")


BAD_ANSWERS: dict[Lie, tuple[str, str]] = {
    Lie.TRUNCATED: ("secrets", "is not a list"),
    Lie.NOT_JSON: ("secrets", "is not a list"),
    Lie.OTHER_KIND: ("persistentvolumeclaims", "answered a ConfigMapList"),
    Lie.NOTHING_HERE: ("persistentvolumeclaims", "is from the past"),
    Lie.PAST: ("secrets", "is from the past"),
    Lie.PAGE_NOT_FOUND: ("persistentvolumeclaims", "not in an API server's words"),
    Lie.TOO_LARGE: ("deployments", "larger than"),
}


def test_bad_answers_end_the_pass_with_a_reason_and_nothing_is_written_on_their_word(platform: Platform, proxy: Proxy) -> None:
    proxy.reset()
    stores = dict(zip(BAD_ANSWERS, platform.until_settled(*(platform.create() for _ in BAD_ANSWERS)), strict=True))
    platform.until(lambda: not _asked_again(platform, proxy, stores.values()), "quiet")
    # So that what the proxy remembers of it is older than what was recorded.
    past = stores[Lie.PAST]
    secret = platform.look(past, "Secret", "store")
    assert secret is not None
    platform.cluster.patch(secret.key, [{"op": "add", "path": "/metadata/labels/edited", "value": "by-hand"}])
    _wake(platform, past)
    platform.until(lambda: "edited" not in (platform.look(past, "Secret", "store") or secret).labels, "the repair")
    platform.until_settled(past)
    before = {lie: _versions(platform, store) for lie, store in stores.items()}
    proxy.reset(_by_store({store.namespace: always(lie, _lists(BAD_ANSWERS[lie][0])) for lie, store in stores.items()}))
    for lie, store in stores.items():
        _wake(platform, store)
        platform.until(lambda store=store: platform.says(store, "Synced").startswith("Unknown ClusterUnavailable"), f"a verdict on {lie}")
        assert BAD_ANSWERS[lie][1] in platform.says(store, "Synced"), lie
        assert platform.phase(store) is Phase.READY, "what was known of its workloads is not forgotten"
    written = [request for request in proxy.asked if not request.reads]
    assert written == []
    assert {lie: _versions(platform, store) for lie, store in stores.items()} == before
    proxy.reset()
    for store in stores.values():
        platform.until(lambda store=store: platform.says(store, "Synced").startswith("True"), "recovery", seconds=60)


def test_a_store_is_not_gone_because_a_strange_answer_says_so(platform: Platform, proxy: Proxy) -> None:
    """A load balancer's 404, or another cluster behind the address: the quota would be released and a full namespace forgotten."""
    lies = (Lie.NOTHING_HERE, Lie.PAGE_NOT_FOUND)
    stores = dict(zip(lies, platform.until_settled(*(platform.create() for _ in lies)), strict=True))

    def rule(request: Request) -> Lie | None:
        about = (lie for lie, store in stores.items() if request.reads and store.namespace in request.path)
        return next(about, None)

    proxy.reset(rule)
    for store in stores.values():
        delete_store(platform.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    for lie, store in stores.items():
        platform.until(lambda store=store: len(_errors(platform, store)) >= 2, f"two passes that fail by {lie}")
        assert platform.phase(store) is Phase.DELETING, lie
        assert platform.look(store, "Namespace", store.namespace) is not None
    proxy.reset()
    platform.until_settled(*stores.values())
    assert all(platform.look(store, "Namespace", store.namespace) is None for store in stores.values())


def test_a_ready_store_is_not_lost_because_a_load_balancer_says_404(platform: Platform, proxy: Proxy) -> None:
    [store] = platform.until_settled(platform.create())
    proxy.reset(always(Lie.PAGE_NOT_FOUND, lambda request: request.namespace == store.namespace))
    _wake(platform, store)
    platform.until(lambda: platform.says(store, "Synced").startswith("Unknown"), "a verdict")
    assert platform.says(store, "Stalled") == ""
    proxy.reset()
    platform.until(lambda: platform.says(store, "Synced").startswith("True"), "recovery", seconds=60)


def test_f8_while_the_api_server_refuses_few_requests_are_made(platform: Platform, proxy: Proxy) -> None:
    """Twelve stores wait for ten seconds; the circuit lets through what is needed to learn of the end."""
    proxy.reset(always(Lie.REFUSE))
    stores = [platform.create() for _ in range(12)]
    time.sleep(10)
    asked = len(proxy.asked)
    assert 0 < asked <= MOST_REQUESTS_WHILE_DOWN, f"{asked} requests to a server that is down"
    reasons = {store.id: platform.says(store, "Synced") for store in stores if platform.says(store, "Synced")}
    assert reasons, "the reason is shown"
    assert all(reason.startswith("Unknown ClusterUnavailable") for reason in reasons.values())
    proxy.reset()
    platform.until_settled(*stores)


def test_f8_retry_after_is_obeyed(platform: Platform, proxy: Proxy) -> None:
    rules: dict[str, Rule] = {}
    proxy.reset(_by_store(rules))
    [store] = platform.until_settled(platform.create())
    rules[store.namespace] = always(Lie.TOO_MANY)
    proxy.asked.clear()
    _wake(platform, store)
    asked = platform.until(lambda: len(a := [r.at for r in proxy.asked if r.namespace == store.namespace]) >= 3 and a, "three tries")
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert min(pauses) >= RETRY_AFTER * 0.95, pauses


def test_f8_an_api_server_frozen_for_twenty_seconds_is_survived(
    platform: Platform, proxy: Proxy, freeze_api_server: Callable[[], Callable[[], None]]
) -> None:
    proxy.reset()
    [ready] = platform.until_settled(platform.create())
    thaw = freeze_api_server()
    try:
        proxy.reset()
        stores = [platform.create() for _ in range(4)]
        _wake(platform, ready)
        time.sleep(20)
        asked = len(proxy.asked)
    finally:
        thaw()
    assert 0 < asked <= MOST_REQUESTS_WHILE_DOWN, f"{asked} requests to a server that hangs"
    platform.until_settled(*stores, ready)
    platform.until(lambda: platform.says(ready, "Synced").startswith("True"), "recovery", seconds=60)
    with platform.services.sessions.platform("a test looks") as session:
        told = session.scalar(
            select(func.count())
            .select_from(Event)
            .where(Event.reason == "ClusterUnavailable", Event.store_id.in_([s.id for s in [*stores, ready]]))
        )
    assert told, "the reason was shown"


def _wake(platform: Platform, store: StoreView) -> None:
    """Have the store looked at now."""
    with platform.services.sessions.platform("a test makes it due") as session:
        session.execute(update(Store).where(Store.id == store.id).values(next_reconcile_at=platform.services.clock.now(), wake_after=None))


def _asked_again(platform: Platform, proxy: Proxy, stores: object) -> list[Request]:
    """Requests of the last two seconds."""
    since = time.monotonic() - 2
    return [request for request in proxy.asked if request.at > since and request.namespace]


def _versions(platform: Platform, store: StoreView) -> dict[str, str]:
    kinds = ("Secret", "PersistentVolumeClaim", "Service", "Ingress", "NetworkPolicy", "ServiceAccount", "ResourceQuota")
    return {str(live.key): f"{live.uid} {live.labels}" for live in platform.objects(store, *kinds)}
