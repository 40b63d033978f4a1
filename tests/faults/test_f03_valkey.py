"""F3: Valkey is emptied, killed, frozen, unreachable. Intents are taken all the while, no store is lost, wakes come from the database.

Nothing but patience differs between an outage of fifteen seconds and one of a minute: every time-out involved is shorter than both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from app.services.suspend_store import suspend_store
from tests.factories import MERCHANT
from tests.faults.daemons import Valkey
from tests.faults.platform import Platform

pytestmark = pytest.mark.cluster
OUTAGE_SECONDS = 15


@pytest.fixture(autouse=True)
def _valkey_comes_back(valkey: Valkey) -> Iterator[None]:
    yield
    if not valkey.alive:
        valkey.start()
    valkey.thaw()
    if not valkey.socket.exists():
        valkey.show()


OUTAGES: dict[str, tuple[Callable[[Valkey], None], Callable[[Valkey], None]]] = {
    "killed": (Valkey.kill, Valkey.start),
    "frozen": (Valkey.freeze, Valkey.thaw),
    "unreachable": (Valkey.hide, Valkey.show),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_f3_intents_are_taken_while_valkey_is_away_and_met_once_it_is_back(name: str, platform: Platform, valkey: Valkey) -> None:
    [before] = platform.until_settled(platform.create())
    begin, end = OUTAGES[name]
    begin(valkey)
    begun = time.monotonic()
    stores = []
    for _ in range(2):
        asked = time.monotonic()
        stores.append(platform.create())
        assert time.monotonic() - asked < 10, "an intent waits for the queue no longer than its time-out"
    suspend_store(platform.services, MERCHANT, tenant_id=before.tenant_id, store_id=before.id)
    time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begun)))
    assert set(platform.unsettled([*stores, before])) == {store.id for store in (*stores, before)}
    end(valkey)
    platform.until_settled(*stores, before, seconds=60)
    assert platform.row(before).crash_count == 0


def test_f3_a_flush_loses_no_store(platform: Platform, valkey: Valkey) -> None:
    """Again and again while stores are on their way, workers register, and jobs run."""
    stores = []
    with valkey.client() as client:
        for _ in range(10):
            stores.append(platform.create())
            client.flushall()
            time.sleep(0.1)
    platform.until_settled(*stores, seconds=60)
