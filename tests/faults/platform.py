"""A Storeyard to be mistreated: real workers and schedulers that can be killed one by one, beside a real cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from sqlalchemy import select

from app.adapters.kubernetes import KubernetesCluster
from app.bootstrap import build_services
from app.config import Settings
from app.domain.errors import ClusterError
from app.domain.manifests import LiveObject, Manifest, ObjectKey
from app.domain.stores import Phase
from app.models import Store
from app.ports import WakeQueue, list_all
from app.services.context import Services
from app.services.create_store import create_store
from app.services.create_tenant import create_tenant
from app.services.queries import get_store, list_stores
from app.services.views import StoreView
from tests.factories import MERCHANT, OPERATOR, row_of
from tests.faults.nursery import Nursery, Process
from tests.faults.stops import read_plan, steps_of, write_plan

T = TypeVar("T")

STORAGE_CLASS = "storeyard-faults"
SECONDS = 90.0


@dataclass
class Platform:
    """`services` are the use cases in this process, `environment` what every process gets, `folder` holds logs and plans of harm."""

    environment: dict[str, str]
    services: Services
    cluster: KubernetesCluster
    nursery: Nursery
    folder: Path
    workers: list[Process] = field(default_factory=list)
    schedulers: list[Process] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    @classmethod
    def wire(cls, nursery: Nursery, folder: Path, *, database_url: str, queue_url: str, kubeconfig: str, **settings: str) -> Platform:
        """Nothing runs yet. `settings` are further variables, without their prefix."""
        folder.mkdir()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STOREYARD_")},
            "STOREYARD_DATABASE_URL": database_url,
            "STOREYARD_QUEUE_URL": queue_url,
            "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
            "STOREYARD_KUBECONFIG": kubeconfig,
            "STOREYARD_STORAGE_CLASS": STORAGE_CLASS,
            "STOREYARD_TENANT_QUOTA": "stores=1000,cpu=10000000,memory=10000000,disk=1000000",
            "STOREYARD_PLATFORM_QUOTA": "stores=10000,cpu=100000000,memory=100000000,disk=10000000",
            **{f"STOREYARD_{name}": value for name, value in settings.items()},
        }
        services = build_services(Settings.from_env(environment))
        return cls(environment, services, KubernetesCluster.from_kubeconfig(os.environ["STOREYARD_TEST_KUBECONFIG"]), nursery, folder)

    # Processes

    def start(self, *, workers: int = 2, schedulers: int = 1) -> Platform:
        for _ in range(workers):
            self.add_worker()
        for _ in range(schedulers):
            self.add_scheduler()
        return self

    def add_worker(self, *, again: bool = True, **options: Any) -> Process:
        self.workers.append(self._spawn("worker", again=again, **options))
        return self.workers[-1]

    def add_scheduler(self) -> Process:
        self.schedulers.append(self._spawn("scheduler"))
        return self.schedulers[-1]

    def _spawn(self, part: str, **options: Any) -> Process:
        log = self.folder / f"{part}-{next(self._numbers)}.log"
        return self.nursery.start(part, environment=self.environment, log=log, faults=self.folder, **options)

    def stop(self) -> None:
        """The end of all processes. One that ended by itself, other than asked, is a failure."""
        processes = (*self.workers, *self.schedulers)
        for process in processes:
            process.send(signal.SIGKILL, last=True)
        crashed = [process.name for process in processes if process.wait() > 0 or any(code > 0 for code in process.codes)]
        tail = self.tail(40) if crashed else ""
        self.workers.clear()
        self.schedulers.clear()
        assert not crashed, f"processes {crashed} crashed\n{tail}"

    def close(self) -> None:
        """Connections of this process, and the stores: they are asked to go, and their namespaces at once; nobody waits for that."""
        for store in list_stores(self.services, include_gone=True):
            self.cluster.delete(ObjectKey("Namespace", "", store.namespace))
        self.services.sessions.dispose()
        self.cluster.close()

    def stopped_workers(self) -> list[Process]:
        """Those that have been brought to a halt."""
        return [worker for worker in self.workers if worker.state() == "T"]

    # Intents

    def tenant(self, slug: str | None = None) -> str:
        return create_tenant(self.services, OPERATOR, slug=slug or f"tenant-{next(self._numbers)}").id

    def create(self, tenant: str | None = None, *, harm: Mapping[str, Any] | None = None, **options: Any) -> StoreView:
        """A new store. What is to happen to it is in place before any worker hears of it."""
        services = self.services
        if harm is not None:
            services = replace(services, queue=_PlanningQueue(services.queue, self.folder, harm))
        slug = f"shop-{next(self._numbers)}"
        return create_store(services, MERCHANT, tenant_id=tenant or self.tenant(), slug=slug, **options)

    def harm(self, store: StoreView, **plan: Any) -> None:
        """What is to happen to the store from its next pass on; without a plan its steps are counted."""
        write_plan(self.folder, store.id, **plan)

    # Looking

    def see(self, store: StoreView) -> StoreView:
        return get_store(self.services, tenant_id=store.tenant_id, store_id=store.id)

    def row(self, store: StoreView) -> Store:
        return row_of(self.services, store.id)

    def phase(self, store: StoreView) -> Phase:
        return self.see(store).phase

    def says(self, store: StoreView, type_: str) -> str:
        """`Status Reason: message` of a condition, '' where there is none."""
        found = {c.type: c for c in self.see(store).conditions}.get(type_)
        return "" if found is None else f"{found.status} {found.reason}: {found.message}"

    def look(self, store: StoreView, kind: str, name: str) -> LiveObject | None:
        return self.cluster.get(ObjectKey(kind, "" if kind == "Namespace" else store.namespace, name))

    def objects(self, store: StoreView, *kinds: str) -> list[LiveObject]:
        return [live for kind in kinds for live in list_all(self.cluster, kind, namespace=store.namespace)]

    def apply(self, body: Mapping[str, Any]) -> LiveObject:
        return self.cluster.apply(Manifest.of(body))

    # Waiting

    def until(self, check: Callable[[], T], what: str, *, seconds: float = SECONDS) -> T:
        """The first true answer. What fails meanwhile counts as not yet; the message of a failure has the tails of all logs."""
        deadline = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < deadline:
            try:
                if last := check():
                    return last
            except (AssertionError, LookupError, ClusterError) as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"{what}: not in {seconds} s; the last answer was {last!r}\n{self.tail()}")

    def unsettled(self, stores: Iterable[StoreView]) -> dict[str, str]:
        """Those that have not reached their intent, or that somebody works on, with a word on how far they are."""
        columns = (Store.id, Store.phase, Store.generation, Store.observed_generation, Store.lease_token)
        with self.services.sessions.platform("a test looks") as session:
            rows = session.execute(select(*columns).where(Store.id.in_([store.id for store in stores]))).all()
        return {row.id: f"{row.phase} {row.observed_generation}/{row.generation}" for row in rows if not _settled(*row[1:])}

    def until_settled(self, *stores: StoreView, seconds: float = SECONDS) -> list[StoreView]:
        """Until all have reached their intent and nobody works on them."""
        self.until(lambda: not self.unsettled(stores), f"{len(stores)} stores settled", seconds=seconds)
        return [self.see(store) for store in stores]

    def tail(self, lines: int = 12) -> str:
        """The last lines of all logs, and the last steps of the stores with a plan."""
        parts = [f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) for path in self._logs()]
        for path in sorted(self.folder.glob("*.plan"))[:3]:
            steps = steps_of(self.folder, path.stem)[-4:]
            parts.append(f"--- {path.stem}: {read_plan(self.folder, path.stem)} {steps}")
        return "\n".join(parts)

    def _logs(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[-6:]


class _PlanningQueue:
    """Puts the plan of harm down before it passes the wake on. The due loop leaves a woken store alone for some seconds."""

    def __init__(self, inner: WakeQueue, folder: Path, plan: Mapping[str, Any]) -> None:
        self._inner, self._folder, self._plan = inner, folder, plan

    def wake(self, store_id: str, *, urgent: bool) -> None:
        write_plan(self._folder, store_id, **self._plan)
        self._inner.wake(store_id, urgent=urgent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _settled(phase: Phase, generation: int, observed: int, lease: str | None) -> bool:
    return phase in (Phase.READY, Phase.SUSPENDED, Phase.DELETED) and generation == observed and lease is None
