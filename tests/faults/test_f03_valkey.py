"""F3: Valkey is emptied, killed, frozen, unreachable. Intents are taken all the while, no store is lost, wakes come from the database.

Nothing but patience differs between an outage of fifteen seconds and one of a minute: every time-out involved is shorter than both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.services.suspend_store import suspend_store
from app.services.views import StoreView
from tests.conftest import migrated_database
from tests.factories import MERCHANT
from tests.faults.daemons import Valkey
from tests.faults.nursery import Nursery
from tests.faults.platform import Platform

pytestmark = pytest.mark.cluster
OUTAGE_SECONDS = 15


OUTAGES: dict[str, tuple[Callable[[Valkey], None], Callable[[Valkey], None]]] = {
    "killed": (Valkey.kill, Valkey.start),
    "frozen": (Valkey.freeze, Valkey.thaw),
    "unreachable": (Valkey.hide, Valkey.show),
}


@pytest.fixture
def three(nursery: Nursery, folder: Path, kubeconfig: str, postgres: Path) -> Iterator[dict[str, tuple[Platform, Valkey]]]:
    """A platform with a queue and a database of its own for every outage, so that all are waited for at once."""
    made: dict[str, tuple[Platform, Valkey]] = {}
    for name in OUTAGES:
        valkey = Valkey(folder / f"v3-{name}")
        platform = Platform.wire(
            nursery,
            folder / f"p3-{name}",
            database_url=migrated_database(postgres, f"faults_f03_{name}"),
            queue_url=valkey.url,
            kubeconfig=kubeconfig,
        )
        made[name] = (platform.start(workers=1), valkey)
    yield made
    try:
        for platform, _ in made.values():
            platform.stop()
    finally:
        for platform, valkey in made.values():
            platform.close()
            valkey.stop()


def test_f3_intents_are_taken_while_valkey_is_away_and_met_once_it_is_back(three: dict[str, tuple[Platform, Valkey]]) -> None:
    """Killed, frozen, unreachable."""
    before = {name: platform.until_settled(platform.create())[0] for name, (platform, _) in three.items()}
    for name, (_, valkey) in three.items():
        OUTAGES[name][0](valkey)
    begun = time.monotonic()
    stores: dict[str, list[StoreView]] = {}
    for name, (platform, _) in three.items():
        asked = time.monotonic()
        stores[name] = [platform.create(), before[name]]
        suspend_store(platform.services, MERCHANT, tenant_id=before[name].tenant_id, store_id=before[name].id)
        assert time.monotonic() - asked < 20, f"{name}: an intent waits for the queue no longer than its time-out"
    time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begun)))
    for name, (platform, valkey) in three.items():
        assert set(platform.unsettled(stores[name])) == {store.id for store in stores[name]}, name
        OUTAGES[name][1](valkey)
    for name, (platform, _) in three.items():
        platform.until_settled(*stores[name], seconds=60)
        assert platform.row(before[name]).crash_count == 0, name


def test_f3_a_flush_loses_no_store(platform: Platform, valkey: Valkey) -> None:
    """Again and again while stores are on their way, workers register, and jobs run."""
    stores = []
    with valkey.client() as client:
        for _ in range(10):
            stores.append(platform.create())
            client.flushall()
            time.sleep(0.1)
    platform.until_settled(*stores, seconds=60)
