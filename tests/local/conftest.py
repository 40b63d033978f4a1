"""One Storeyard that `make up` has started, for all tests that only use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded import settings
from tests.e2e.platform import Platform, a_tenant
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
    with a_tenant(platform) as slug:
        yield slug
