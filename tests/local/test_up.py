"""`make up` for real: Medusa's bundle, all servers, the pocket cluster; each part killed, the supervisor killed, and up again."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from embedded import running
from embedded.process import leftovers
from tests.local.installation import BUILD_SECONDS, Installation, installed

pytestmark = pytest.mark.local

PARTS = ["postgres", "valkey", "migrate", "caddy", "cluster", "worker-1", "worker-2", "scheduler", "watcher", "web"]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """One state folder for all tests of this file."""
    with installed() as made:
        yield made


@pytest.fixture
def platform(installation: Installation) -> Installation:
    """It runs."""
    if running.supervisor_pid(installation.places) is None:
        installation.up(seconds=BUILD_SECONDS)
    return installation


def until(true: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_first_up_ends_with_addresses_passwords_and_commands_that_work(installation: Installation) -> None:
    said = installation.up(seconds=BUILD_SECONDS)
    assert f"http://<name>.localhost:{installation.port}" in said
    assert re.search(r"Operator  operator@storeyard.localhost   password \S{16}\n", said)
    assert re.search(r"Merchant  merchant@storeyard.localhost   password \S{16}\n", said)
    users = {user["email"]: user for user in installation.storeyard("user", "list")["users"]}
    assert users["operator@storeyard.localhost"]["operator"] is True
    assert installation.storeyard("store", "create", "up-test", "--tenant", "acme")["slug"] == "up-test"
    assert installation.storeyard("store", "delete", "up-test", "--yes")


def test_up_again_says_so_and_shows_no_password(platform: Installation) -> None:
    said = platform.up()
    assert said.startswith("Storeyard runs already.\n")
    assert "password" not in said


def test_status_shows_every_part_at_work_and_the_control_plane_stays_small(platform: Installation) -> None:
    status = platform.status()
    assert [part["name"] for part in status["parts"]] == PARTS
    assert status["works"] is True
    assert platform.embedded("status").returncode == 0
    assert status["memory_mb"]["control_plane"] <= 600
    (supervisor,) = [line for line in platform.embedded("status").stdout.splitlines() if line.startswith("supervisor")]
    assert int(supervisor.split()[-2]) <= 20


@pytest.mark.parametrize("name", [name for name in PARTS if name != "migrate"])
def test_a_part_that_is_killed_comes_back(platform: Installation, name: str) -> None:
    before = platform.part(name)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: platform.part(name)["pid"] not in (before["pid"], None) and platform.status()["works"])
    assert platform.part(name)["restarts"] == before["restarts"] + 1


def test_the_supervisor_killed_takes_all_down_and_up_brings_all_back(platform: Installation) -> None:
    users = platform.storeyard("user", "list")
    pid = running.supervisor_pid(platform.places)
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: leftovers(platform.places.state) == [])
    said = platform.up()
    assert "Storeyard runs" in said
    assert "password" not in said
    assert platform.storeyard("user", "list") == users


def test_everything_killed_at_once_comes_back(platform: Installation) -> None:
    while left := leftovers(platform.places.state):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    platform.up()
    assert platform.status()["works"] is True


def test_a_taken_port_is_said_with_the_setting_that_changes_it(platform: Installation) -> None:
    platform.embedded("down")
    with socket.socket() as server:
        server.bind(("127.0.0.1", platform.port))
        server.listen()
        done = platform.embedded("up")
    assert done.returncode == 1
    assert f"Port {platform.port} (the stores' addresses) is taken by" in done.stdout
    assert "STOREYARD_PORT=18080 make up" in done.stdout


def test_the_secrets_are_files_that_only_their_owner_reads(platform: Installation) -> None:
    places = platform.places
    for path in (places.environment, places.vault_key, places.plan, places.kubeconfig):
        assert path.stat().st_mode & 0o077 == 0, path


def test_down_leaves_no_process_no_socket_and_no_port(platform: Installation) -> None:
    done = platform.embedded("down")
    assert done.returncode == 0
    assert "Storeyard is stopped" in done.stdout
    assert "left over" not in done.stdout
    assert leftovers(platform.places.state) == []
    assert not platform.places.runtime.exists()
    for name in ("STOREYARD_PORT", "STOREYARD_API_PORT"):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(platform.environment[name])))
    assert platform.embedded("status").returncode == 1
