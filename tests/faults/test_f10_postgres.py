"""F10: PostgreSQL is restarted and killed in mid-pass. Passes are resumed, nothing is charged twice, no process ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.stores import Phase
from app.services.create_store import create_store
from app.services.queries import list_stores
from app.services.quota_queries import tenant_quota
from app.services.views import StoreView
from tests.conftest import migrated_database
from tests.factories import MERCHANT
from tests.faults.daemons import Postgres, Valkey
from tests.faults.nursery import Nursery
from tests.faults.platform import Platform

pytestmark = pytest.mark.cluster


@pytest.fixture
def shaken(
    own_postgres: Postgres, nursery: Nursery, folder: Path, kubeconfig: str, valkey: Valkey, request: pytest.FixtureRequest
) -> Iterator[Platform]:
    """A platform on a PostgreSQL that may be killed."""
    with valkey.client() as client:
        client.flushall()
    made = Platform.wire(
        nursery,
        folder / f"p10-{abs(hash(request.node.name)) % 10**6}",
        database_url=migrated_database(own_postgres.folder, "shaken"),
        queue_url=valkey.url,
        kubeconfig=kubeconfig,
    ).start()
    yield made
    try:
        made.stop()
    finally:
        made.close()


STOPS: dict[str, Callable[[Postgres], None]] = {"restarted": Postgres.quit, "killed": Postgres.kill}


@pytest.mark.parametrize("how", STOPS)
def test_f10_a_pass_outlives_its_database(how: str, shaken: Platform, own_postgres: Postgres) -> None:
    """It goes away for two seconds in the middle of six stores' passes, and once more before they are through."""
    tenant = shaken.tenant()
    stores = [shaken.create(tenant, harm={"delay": 0.02}) for _ in range(6)]
    for _ in range(2):
        shaken.until(lambda: any(shaken.objects(store, "Service") for store in stores), "a pass in its middle")
        STOPS[how](own_postgres)
        time.sleep(2)
        own_postgres.start()
        time.sleep(0.5)
    settled = shaken.until_settled(*stores, seconds=120)
    assert {store.phase for store in settled} == {Phase.READY}
    assert tenant_quota(shaken.services, tenant_id=tenant).used.stores == 6
    for store in stores:
        for kind, expected in (("Deployment", 2), ("StatefulSet", 1), ("PersistentVolumeClaim", 2)):
            assert len(shaken.objects(store, kind)) == expected
    assert all(process.codes == [] for process in (*shaken.workers, *shaken.schedulers)), "no process ended"


def test_f10_an_intent_that_is_retried_after_a_crash_is_charged_once(shaken: Platform, own_postgres: Postgres) -> None:
    """The script's commands fail while the database is down; sent again with their keys, each makes its store once."""
    tenant = shaken.tenant()
    made: dict[str, StoreView] = {}
    failures = 0

    def send(number: int) -> None:
        key = f"key-{number}"
        made[key] = create_store(shaken.services, MERCHANT, tenant_id=tenant, slug=f"retried-{number}", idempotency_key=key)

    for number in range(9):
        if number % 3 == 1:
            own_postgres.kill()
        for _ in range(60):
            try:
                send(number)
                break
            except (DBAPIError, SQLAlchemyError):
                failures += 1
                if not own_postgres.alive:
                    own_postgres.start()
                time.sleep(0.1)
        send(number)
    assert failures >= 3
    assert len({store.id for store in made.values()}) == 9
    assert len(list_stores(shaken.services, tenant_id=tenant)) == 9
    assert tenant_quota(shaken.services, tenant_id=tenant).used.stores == 9
    shaken.until_settled(*made.values(), seconds=120)
