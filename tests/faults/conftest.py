"""What the fault tests share: one nursery of processes per run, servers of their own per module, and a clean end.

They need an API server and nothing else of a cluster: `STOREYARD_TEST_KUBECONFIG`. Its process is frozen by the pid file in
`STOREYARD_TEST_RUN`.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.kubernetes import KubernetesCluster
from app.domain.manifests import Manifest
from tests.conftest import migrated_database
from tests.faults.daemons import Postgres, Valkey
from tests.faults.nursery import Nursery
from tests.faults.platform import STORAGE_CLASS, Platform
from tests.faults.proxy import Proxy

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The cluster under test, with a storage class whose volumes may grow."""
    if "STOREYARD_TEST_KUBECONFIG" not in os.environ:
        pytest.skip("no STOREYARD_TEST_KUBECONFIG")
    path = os.environ["STOREYARD_TEST_KUBECONFIG"]
    cluster = KubernetesCluster.from_kubeconfig(path)
    standard = next(live for live in cluster.list_page("StorageClass").items if live.key.name == "standard")
    body = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": STORAGE_CLASS},
        "provisioner": standard.body["provisioner"], "allowVolumeExpansion": True, "volumeBindingMode": "Immediate",
    }  # fmt: skip
    cluster.apply(Manifest.of(body))
    return path


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short, because sockets live in it; readable to the user that PostgreSQL runs as."""
    made = Path(tempfile.mkdtemp(prefix="sf-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def nursery(folder: Path) -> Iterator[Nursery]:
    running = Nursery(folder / "nursery.log")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def valkey(folder: Path, request: pytest.FixtureRequest) -> Iterator[Valkey]:
    """A Valkey of the module's own."""
    running = Valkey(folder / f"v-{_short(request)}")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def database_url(postgres: Path, request: pytest.FixtureRequest) -> str:
    """A database of the module's own on the run's PostgreSQL."""
    return migrated_database(postgres, f"faults_{_short(request)}")


@pytest.fixture(scope="module")
def platform(
    nursery: Nursery, folder: Path, kubeconfig: str, database_url: str, valkey: Valkey, request: pytest.FixtureRequest
) -> Iterator[Platform]:
    """Two workers and a scheduler. A module may set `SETTINGS` (variables without their prefix), `WORKERS`, and `PROXIED`."""
    settings = getattr(request.module, "SETTINGS", {})
    if getattr(request.module, "PROXIED", False):
        kubeconfig = str(request.getfixturevalue("proxy").kubeconfig)
    made = Platform.wire(
        nursery, folder / f"p-{_short(request)}", database_url=database_url, queue_url=valkey.url, kubeconfig=kubeconfig, **settings
    )
    made.start(workers=getattr(request.module, "WORKERS", 2))
    yield made
    try:
        made.stop()
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _nothing_stays_frozen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever becomes of a test, the processes it stopped go on."""
    yield
    if "platform" in request.fixturenames:
        for process in request.getfixturevalue("platform").workers:
            process.send(signal.SIGCONT)


@pytest.fixture
def own_postgres(folder: Path, request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A PostgreSQL that may be killed."""
    running = Postgres(folder / f"d-{abs(hash(request.node.nodeid)) % 10**6}")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(kubeconfig: str, folder: Path) -> Iterator[Proxy]:
    """In front of the API server, honest until told otherwise."""
    running = Proxy(kubeconfig, folder)
    yield running
    running.stop()


@pytest.fixture
def freeze_api_server() -> Iterator[Callable[[], Callable[[], None]]]:
    """Stops the API server's process and gives what lets it go on; at the latest it goes on when the test ends."""
    run = os.environ.get("STOREYARD_TEST_RUN")
    if run is None:
        pytest.skip("no STOREYARD_TEST_RUN: where the API server's pid file is")
    pid = int((Path(run) / "kube-apiserver.pid").read_text())

    def thaw() -> None:
        os.kill(pid, signal.SIGCONT)

    def freeze() -> Callable[[], None]:
        os.kill(pid, signal.SIGSTOP)
        return thaw

    try:
        yield freeze
    finally:
        thaw()


def _short(request: pytest.FixtureRequest) -> str:
    return str(request.module.__name__).rpartition(".")[2].removeprefix("test_")
