"""One platform for all end-to-end tests of a run; every test has a tenant of its own and leaves no store behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import migrated_database
from tests.e2e.platform import Platform, a_tenant


@pytest.fixture(scope="session")
def platform(postgres: Path) -> Iterator[Platform]:
    """With a database and a queue of its own: other tests empty theirs."""
    if "STOREYARD_TEST_KUBECONFIG" not in os.environ:
        pytest.skip("no STOREYARD_TEST_KUBECONFIG")
    database = migrated_database(postgres, f"platform_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    running = Platform.start(database, f"unix://{servers.valkey_socket(servers.want('valkey-platform'))}")
    yield running
    running.stop()


@pytest.fixture
def tenant(platform: Platform) -> Iterator[str]:
    with a_tenant(platform) as slug:
        yield slug
