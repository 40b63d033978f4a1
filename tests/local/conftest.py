"""One Storeyard that `make up` has started, for all tests that only use it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from embedded import settings
from tests.e2e.platform import Platform
from tests.local.installation import BUILD_SECONDS, Installation, installed


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with installed(STOREYARD_TENANT_QUOTA="stores=20,cpu=100000,memory=100000,disk=1000") as made:
        made.up(seconds=BUILD_SECONDS)
        yield made


@pytest.fixture(scope="session")
def platform(installation: Installation) -> Iterator[Platform]:
    places = installation.places
    environment = {**installation.environment, **settings.parse(places.environment.read_text())}
    running = Platform.attach(environment, places.logs, f"http://127.0.0.1:{installation.port}")
    yield running
    running.stop()


@pytest.fixture
def tenant(platform: Platform) -> Iterator[str]:
    """The slug of a new tenant. Its stores are deleted after the test, and waited for."""
    slug = f"tenant-{secrets.token_hex(3)}"
    platform.run("tenant", "create", slug)
    yield slug
    for store in platform.json("store", "list", "--tenant", slug)["stores"]:
        platform.run("store", "delete", store["id"], "--yes", "--wait", "--timeout", "120")
