"""One platform for all end-to-end tests of a run; every test has a tenant of its own and leaves no store behind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform


@pytest.fixture(scope="session")
def platform(worker_database: str, valkey_server: Path) -> Iterator[Platform]:
    if "STOREYARD_TEST_KUBECONFIG" not in os.environ:
        pytest.skip("no STOREYARD_TEST_KUBECONFIG")
    running = Platform.start(worker_database, f"unix://{valkey_server}")
    yield running
    running.stop()


@pytest.fixture
def tenant(platform: Platform) -> Iterator[str]:
    """The slug of a new tenant. Its stores are deleted after the test, and waited for: a leak would show as a failure here."""
    slug = f"tenant-{secrets.token_hex(3)}"
    platform.run("tenant", "create", slug)
    yield slug
    for store in platform.json("store", "list", "--tenant", slug)["stores"]:
        platform.run("store", "delete", store["id"], "--yes", "--wait", "--timeout", "120")
