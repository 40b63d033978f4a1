"""A whole Storeyard for a benchmark: its own PostgreSQL and Valkey, real worker and scheduler processes, a cluster that is given.

The servers are started as the tests start theirs (tests.servers), but with a PostgreSQL that is as durable as in production. Nothing is
left behind: processes end with this one, and the namespaces of the stores made here are deleted.

    STOREYARD_BENCH_KUBECONFIG (or STOREYARD_KUBECONFIG)    the cluster
    any other STOREYARD_ setting                            passed on to the processes as it is
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select, update

from app.adapters.kubernetes import KubernetesCluster
from app.adapters.vault import new_key
from app.bootstrap import build_services, configure_logging
from app.config import ConfigError, Settings
from app.domain.actors import Actor, ActorKind
from app.domain.errors import ClusterError
from app.domain.manifests import ObjectKey
from app.domain.quotas import Amount
from app.domain.stores import Phase
from app.models import Store
from app.ports import Cluster, WakeQueue
from app.services.context import Services
from app.services.create_store import create_store
from app.services.create_tenant import create_tenant
from app.services.upgrade_schema import upgrade
from app.services.views import StoreView
from tests import servers

ACTOR = Actor(ActorKind.OPERATOR, "benchmark", "Benchmark")
PLENTY = Amount(stores=100_000, cpu=10**9, memory=10**9, disk=10**9)
OWN_SETTINGS = ("STOREYARD_BENCH_", "STOREYARD_TEST_")
STORES_PER_TENANT = 5
GONE_WITHIN = 600.0


class Refused(Exception):
    """The benchmark cannot run; the message is a sentence that says what is missing."""


class NoQueue:
    """A queue that carries nothing: the rows are committed, and nobody is woken before the clock starts."""

    def wake(self, store_id: str, *, urgent: bool) -> None:
        """Drop it."""

    def start(self, task: Literal["sweep", "retention"]) -> None:
        """Drop it."""

    def tidy(self) -> None:
        """Nothing to tidy."""

    def depths(self) -> Mapping[str, int]:
        return {}

    def ping(self) -> str:
        return "none"


class StampingQueue(NoQueue):
    """Passes wakes on, and remembers when each was handed over: the moment at which the commit has returned."""

    def __init__(self, inner: WakeQueue) -> None:
        self._inner = inner
        self.committed: dict[str, float] = {}

    def wake(self, store_id: str, *, urgent: bool) -> None:
        self.committed[store_id] = time.time()
        self._inner.wake(store_id, urgent=urgent)

    def start(self, task: Literal["sweep", "retention"]) -> None:
        self._inner.start(task)


@dataclass
class Platform:
    """`environment` is what every process gets; `services` are the same use cases in this process. Stores made here are in `stores`."""

    environment: Mapping[str, str]
    services: Services
    folder: Path
    stores: list[StoreView] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.services.cluster("")

    def start(self, *parts: str) -> list[subprocess.Popen[bytes]]:
        """Processes that are warm: each has said in its log that it works. `worker`, `scheduler`, or a module of our own."""
        started = [(self._spawn(part, f"{part}-{number}"), f"{part}-{number}") for number, part in enumerate(parts)]
        for process, name in started:
            wait_until(lambda process=process, name=name: process.poll() is not None or self._works(name), 30, f"{name} working")
            if process.poll() is not None:
                raise Refused(f"{name} ended at once:\n{self.log(name).read_text()[-2000:]}")
        return [process for process, _ in started]

    def _spawn(self, part: str, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", part] if "." in part else [str(Path(sys.executable).with_name("storeyard")), part]
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(command, env=dict(self.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def _works(self, name: str) -> bool:
        told = self.log(name).read_bytes()
        return b'"worker started"' in told or b'"leading"' in told

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stop(self, processes: Iterable[subprocess.Popen[bytes]] | None = None) -> None:
        """SIGTERM: the pass at hand is finished."""
        ending = list(self.processes if processes is None else processes)
        for process in ending:
            process.terminate()
        for process in ending:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = [process for process in self.processes if process not in ending]

    def make_stores(self, count: int, *, services: Services | None = None) -> list[StoreView]:
        """Rows of new stores, five to a tenant, made by the use case. With `services` of its own, a queue may be left out."""
        services = services or self.services
        made: list[StoreView] = []
        while len(made) < count:
            number = len(self.stores) + len(made)
            tenant = create_tenant(services, ACTOR, slug=f"bench-{number}")
            made.extend(
                create_store(services, ACTOR, tenant_id=tenant.id, slug=f"shop-{number + place}")
                for place in range(min(STORES_PER_TENANT, count - len(made)))
            )
        self.stores.extend(made)
        return made

    def hold(self, stores: Sequence[StoreView]) -> None:
        """Make the stores' time come in a year, so that nothing happens before `release`."""
        self._set(stores, next_reconcile_at=func.now() + func.make_interval(1), wake_after=None)

    def release(self, stores: Sequence[StoreView]) -> float:
        """Make all of them due in one transaction. The moment of its commit, on the monotonic clock."""
        self._set(stores, next_reconcile_at=func.now(), wake_after=None)
        return time.monotonic()

    def _set(self, stores: Sequence[StoreView], **values: object) -> None:
        with self.services.sessions.platform("a benchmark sets the scene") as session:
            session.execute(update(Store).where(Store.id.in_([store.id for store in stores])).values(**values))

    def ready(self, stores: Sequence[StoreView]) -> int:
        """How many of them are recorded as Ready."""
        with self.services.sessions.platform("a benchmark looks") as session:
            found = select(func.count()).select_from(Store)
            return session.scalar(found.where(Store.id.in_([store.id for store in stores]), Store.phase == Phase.READY)) or 0

    def remove(self, namespaces: Sequence[str]) -> None:
        """Delete namespaces and wait until they are gone."""
        cluster = self.cluster
        remaining = set(namespaces)
        for name in namespaces:
            _delete_namespace(cluster, name)
        deadline = time.monotonic() + GONE_WITHIN
        while remaining and time.monotonic() < deadline:
            remaining = {name for name in remaining if cluster.get(ObjectKey("Namespace", "", name)) is not None}
            time.sleep(0.5)
        if remaining:
            print(f"{len(remaining)} namespaces were still there after {GONE_WITHIN:.0f} s.", file=sys.stderr)


def _delete_namespace(cluster: Cluster, name: str) -> None:
    try:
        cluster.delete(ObjectKey("Namespace", "", name))
    except ClusterError as error:
        print(f"The namespace {name} could not be deleted: {error}", file=sys.stderr)


@contextmanager
def platform(*, clustered: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[Platform]:
    """The servers and use cases, without processes yet. Raises Refused. `clustered`: a cluster must answer, and is cleaned at the end."""
    if os.uname().sysname != "Linux":
        raise Refused("The benchmarks need Linux: they read /proc, and end their servers by its signals.")
    kubeconfig = _kubeconfig() if clustered else None
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    folder.chmod(0o711)
    running: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
    made: Platform | None = None
    try:
        try:
            running.append(servers.start_postgres(folder / "postgres", durable=True))
            running.append(servers.start_valkey(folder / "valkey"))
        except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise Refused(f"PostgreSQL or Valkey could not be started ({error}). Are the development requirements installed?") from error
        made = _wire(folder, kubeconfig, settings or {})
        yield made
    finally:
        if made is not None:
            made.stop()
            if clustered and made.stores:
                made.remove([store.namespace for store in made.stores])
            made.services.sessions.dispose()
        for process, stop_signal in reversed(running):
            process.send_signal(stop_signal)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _kubeconfig() -> str:
    path = os.environ.get("STOREYARD_BENCH_KUBECONFIG") or os.environ.get("STOREYARD_KUBECONFIG")
    if not path:
        raise Refused("Set STOREYARD_BENCH_KUBECONFIG to the kubeconfig of a cluster that may be filled and emptied.")
    if not os.path.isfile(path):
        raise Refused(f"STOREYARD_BENCH_KUBECONFIG names {path}, which is not a file.")
    try:
        KubernetesCluster.from_kubeconfig(path).version()
    except ClusterError as error:
        raise Refused(f"The cluster of {path} does not answer: {error}") from error
    return path


def _wire(folder: Path, kubeconfig: str | None, settings: Mapping[str, str]) -> Platform:
    database = servers.postgres_url(folder / "postgres", "postgres")
    upgrade(database)
    given = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    environment = {
        "STOREYARD_INGRESS_PEERS": "namespace=ingress",
        **given,
        "STOREYARD_DATABASE_URL": database,
        "STOREYARD_QUEUE_URL": f"unix://{servers.valkey_socket(folder / 'valkey')}",
        "STOREYARD_VAULT_KEYS": new_key(),
        "STOREYARD_LOG_FORMAT": "json",
        "STOREYARD_LOG_LEVEL": "info",
        # As in the image: modules are compiled beforehand. Compiling them in a worker would leave 6 MB behind, and take four seconds.
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        **settings,
    }
    for name in ("STOREYARD_KUBECONFIG", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", "import benchmarks.stub, jobs.schedule"], env=environment, check=True)
    if kubeconfig is not None:
        environment["STOREYARD_KUBECONFIG"] = kubeconfig
    try:
        settled = Settings.from_env(environment)
        configure_logging(replace(settled, log_level="warning"))  # of this process; those it starts say what they do in their logs
        services = build_services(settled)
    except ConfigError as error:
        raise Refused(f"The settings cannot be used: {error}") from error
    return Platform(environment, replace(services, policy=replace(services.policy, tenant_quota=PLENTY, platform_quota=PLENTY)), folder)


def wait_until(check: Callable[[], bool], seconds: float, what: str, *, every: float = 0.05) -> float:
    """Ask again and again; the moment it came true, on the monotonic clock. Raises Refused after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return time.monotonic()
        time.sleep(every)
    raise Refused(f"{what}: not within {seconds:.0f} s.")


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """VmRSS of a process in MB (10^6 bytes would be 5 % more): what `ps` shows."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise Refused("A worker ended before its memory could be read.")
