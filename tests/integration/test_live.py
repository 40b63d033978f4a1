"""News for open pages: told after the commit, about what pages show, and carried by Valkey between processes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from app.adapters import live as module
from app.adapters.jinja import JinjaRenderer
from app.adapters.live import KEY, ValkeyLiveEvents
from app.domain.errors import Forbidden
from app.domain.manifests import ObjectKey
from app.domain.stores import DriftMode
from app.ports import LiveUnavailable, News
from app.services.change_quota import change_quota
from app.services.context import Services
from app.services.create_store import create_store
from app.services.delete_store import delete_store
from app.services.freeze_tenant import freeze_tenant
from app.services.pause_reconciling import pause_platform, pause_reconciling
from app.services.queries import get_store
from app.services.reconcile_store import reconcile_store
from app.services.rename_store import rename_store
from app.services.request_reconcile import request_reconcile
from app.services.set_drift_mode import set_drift_mode, set_platform_drift_mode
from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests import servers
from tests.factories import MERCHANT, OPERATOR, make_store, make_tenant, row_of
from tests.fakes.cluster import FakeCluster
from tests.fakes.live import FakeLive


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def told(services: Services, live: FakeLive) -> Services:
    return replace(services, live=live)


def test_every_change_of_a_store_is_told_once_and_after_its_commit(told: Services, live: FakeLive, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = make_tenant(told)
    generations: list[int] = []
    publish = live.publish

    def look(news: News) -> None:
        assert news.store_id is not None
        generations.append(get_store(told, tenant_id=tenant.id, store_id=news.store_id).generation)
        publish(news)

    monkeypatch.setattr(live, "publish", look)
    store = create_store(told, MERCHANT, tenant_id=tenant.id, slug="linen")
    place = {"tenant_id": tenant.id, "store_id": store.id}
    rename_store(told, MERCHANT, **place, name="Harbour Linen")
    rename_store(told, MERCHANT, **place, name="Harbour Linen")  # changes nothing
    set_drift_mode(told, MERCHANT, **place, mode=DriftMode.OBSERVE)
    pause_reconciling(told, OPERATOR, **place, until=told.clock.now() + timedelta(hours=1), reason="moving")
    request_reconcile(told, MERCHANT, **place)
    suspend_store(told, MERCHANT, **place)
    delete_store(told, MERCHANT, **place)
    assert live.news == [News("store", tenant.id, store.id)] * 7
    assert generations == [1, 2, 2, 2, 2, 3, 4]


def test_limits_and_switches_are_told(told: Services, live: FakeLive) -> None:
    tenant = make_tenant(told)
    change_quota(told, OPERATOR, tenant_id=tenant.id, reason="grows", stores=9)
    freeze_tenant(told, OPERATOR, tenant_id=tenant.id, reason="unpaid")
    freeze_tenant(told, OPERATOR, tenant_id=tenant.id, reason="unpaid")
    change_quota(told, OPERATOR, tenant_id=None, reason="more machines", stores=900)
    set_platform_drift_mode(told, OPERATOR, mode=DriftMode.OBSERVE)
    pause_platform(told, OPERATOR, until=told.clock.now() + timedelta(hours=1), reason="moving")
    assert live.news == [News("tenant", tenant.id)] * 2 + [News("platform")] * 3


def test_what_is_refused_is_not_told(told: Services, live: FakeLive) -> None:
    tenant = make_tenant(told)
    freeze_tenant(told, OPERATOR, tenant_id=tenant.id, reason="unpaid")
    live.told.clear()
    with pytest.raises(Forbidden):
        make_store(told, tenant)
    assert live.news == []


def test_an_intent_is_kept_where_it_cannot_be_told(told: Services, live: FakeLive) -> None:
    live.fail(down=True)
    store = make_store(told)
    assert get_store(told, tenant_id=store.tenant_id, store_id=store.id).generation == 1


# Passes


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def platform(told: Services, cluster: FakeCluster) -> Services:
    return replace(told, renderer=JinjaRenderer(None, told.profile), cluster=lambda _: cluster)


def news_of_a_pass(platform: Services, live: FakeLive, store: StoreView) -> list[News]:
    live.told.clear()
    reconcile_store(platform, store.id)
    return live.news


def test_passes_tell_of_what_they_changed_and_an_unchanged_store_is_no_news(
    platform: Services, live: FakeLive, cluster: FakeCluster
) -> None:
    store = make_store(platform)
    news = [News("store", store.tenant_id, store.id)]
    assert news_of_a_pass(platform, live, store) == news, "applied"
    cluster.settle()
    assert news_of_a_pass(platform, live, store) == news, "ready"
    for _ in range(3):
        assert news_of_a_pass(platform, live, store) == [], "nothing new, but for the time of the look"
    suspend_store(platform, MERCHANT, tenant_id=store.tenant_id, store_id=store.id)
    assert news_of_a_pass(platform, live, store) == news, "scaled down"


def test_drift_is_news_when_it_is_found_and_when_it_is_gone_and_not_in_between(
    platform: Services, live: FakeLive, cluster: FakeCluster
) -> None:
    store = make_store(platform)
    reconcile_store(platform, store.id)
    cluster.settle()
    reconcile_store(platform, store.id)
    set_drift_mode(platform, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.OBSERVE)
    reconcile_store(platform, store.id)
    news = [News("store", store.tenant_id, store.id)]
    cluster.edit(ObjectKey("Deployment", store.namespace, "backend"), {"spec": {"replicas": 4}}, manager="kubectl-scale")
    assert news_of_a_pass(platform, live, store) == news
    assert news_of_a_pass(platform, live, store) == []
    set_drift_mode(platform, OPERATOR, tenant_id=store.tenant_id, store_id=store.id, mode=DriftMode.REPAIR)
    assert news_of_a_pass(platform, live, store) == news


def test_a_crashed_pass_is_news(platform: Services, live: FakeLive, cluster: FakeCluster) -> None:
    store = make_store(platform)
    cluster.fail_on(lambda *_: True, RuntimeError("a bug"), times=None)  # type: ignore[arg-type]
    live.told.clear()
    with pytest.raises(RuntimeError):
        reconcile_store(platform, store.id)
    assert live.news == [News("store", store.tenant_id, store.id)]


def test_a_pass_that_cannot_tell_is_recorded_all_the_same(platform: Services, live: FakeLive) -> None:
    store = make_store(platform)
    live.fail(down=True)
    reconcile_store(platform, store.id)
    assert row_of(platform, store.id).observed_generation == 1


# On Valkey


@pytest.fixture
def events(valkey_url: str) -> ValkeyLiveEvents:
    return ValkeyLiveEvents(valkey_url)


def test_news_arrive_in_order_with_growing_ids_and_nothing_but_ids(events: ValkeyLiveEvents, valkey_url: str) -> None:
    sent = [News("store", "01TENANT", f"01STORE{number}") for number in range(3)] + [News("tenant", "01TENANT"), News("platform")]
    for news in sent:
        events.publish(news)
    heard = ValkeyLiveEvents(valkey_url).after("0-0", wait=0.1)
    assert [told.news for told in heard] == sent
    assert heard == events.newest(10)
    assert [told.news for told in events.newest(2)] == sent[-2:]
    assert [told.news for told in events.after(heard[2].id, wait=0.1)] == sent[3:]
    assert events.after(heard[-1].id, wait=0.05) == ()


def test_who_waits_hears_at_once(events: ValkeyLiveEvents) -> None:
    heard: list[News] = []
    waiting = threading.Thread(target=lambda: heard.extend(told.news for told in events.after("0-0", wait=2)))
    waiting.start()
    events.publish(News("platform"))
    waiting.join(5)
    assert heard == [News("platform")]


def test_the_stream_is_capped(valkey_url: str) -> None:
    events = ValkeyLiveEvents(valkey_url, kept=100)
    for _ in range(1000):
        events.publish(News("platform"))
    with Redis.from_url(valkey_url) as client:
        assert client.xlen(KEY) < 500


@pytest.mark.parametrize(
    "fields", [{"kind": "shutdown"}, {"x": "y"}, {"kind": "store", "store": "1\n\ndata: no"}, {"kind": "store", "tenant": ""}]
)
def test_what_others_write_into_it_means_look_again_and_goes_no_further(
    events: ValkeyLiveEvents, valkey_url: str, fields: dict[str, str]
) -> None:
    with Redis.from_url(valkey_url) as client:
        client.xadd(KEY, fields)  # type: ignore[arg-type]
    assert [told.news for told in events.after("0-0", wait=0.1)] == [News("reset")]


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Callable[[], object]]:
    """A Valkey that may be stopped: what it is called by, and how to stop and go on."""
    folder = Path("/tmp") / f"sy-live-{tmp_path.name[-40:]}-{time.monotonic_ns() % 10**6}"
    process, _ = servers.start_valkey(folder)
    yield lambda: (process, f"unix://{servers.valkey_socket(folder)}")
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait(10)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_f3_nobody_waits_for_a_frozen_valkey_and_what_was_missed_is_made_up_for(
    own_valkey: Callable[[], tuple[object, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRY_AGAIN", 0.05)
    process, url = own_valkey()
    events = ValkeyLiveEvents(url)
    events.publish(News("platform"))
    process.send_signal(signal.SIGSTOP)  # type: ignore[attr-defined]
    for _ in range(50):
        with pytest.raises(LiveUnavailable):
            events.publish(News("store", "01TENANT", "01STORE"))
    assert events._away, "after the first, nobody asked"
    process.send_signal(signal.SIGCONT)  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while events._away and time.monotonic() < deadline:
        time.sleep(0.02)
    assert events.newest(1)[0].news == News("reset")
    events.publish(News("store", "01TENANT", "01STORE"))
    assert events.newest(1)[0].news == News("store", "01TENANT", "01STORE")


def test_a_server_that_is_not_there_is_said_so() -> None:
    events = ValkeyLiveEvents("unix:///nowhere")
    for call in (lambda: events.publish(News("platform")), lambda: events.newest(1), lambda: events.after("0-0", wait=1)):
        with pytest.raises(LiveUnavailable):
            call()
