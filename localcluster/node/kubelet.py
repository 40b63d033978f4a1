"""The node: takes the pods that are bound to it, one thread each, and looks after claims, logs and memory.

A pocket cluster that was killed leaves processes, if at all, for the moment it takes the kernel to end them: `prepare` sees to the rest.
Then every pod of this node is started again, which counts as a restart of its containers.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from localcluster.errors import ApiError
from localcluster.history import Event
from localcluster.node import process
from localcluster.node.addresses import Addresses
from localcluster.node.catalogue import Catalogue
from localcluster.node.claims import Claims
from localcluster.node.events import Recorder
from localcluster.node.ground import Ground
from localcluster.node.logs import LogBook
from localcluster.node.pod import PodWorker
from localcluster.objects import Store

Body = Mapping[str, Any]

LOG = logging.getLogger(__name__)

_PATIENCE = 0.25


def _as_it_is(text: str, namespace: str) -> str:  # noqa: ARG001
    return text


class Kubelet:
    """`prepare`, then `run` on a thread of its own. `back_off` is the first and the longest wait before a restart, `retry` that before what
    was not to be had is tried again, `look` that between looks at memory and logs; all in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        catalogue: Catalogue,
        state: Path,
        runtime: Path,
        account: process.Account | None = None,
        rewrite: Callable[[str, str], str] = _as_it_is,
        node: str = "local",
        back_off: tuple[float, float] = (10.0, 300.0),
        retry: float = 2.0,
        look: float = 5.0,
    ) -> None:
        self._store = store
        self._node = node
        self._look_every = look
        self._workers: dict[str, PodWorker] = {}
        self._gone: list[PodWorker] = []
        self._seen_claims: dict[str, Body] = {}
        self._ground = Ground(
            store=store,
            state=state.resolve(),
            runtime=runtime,
            account=account,
            catalogue=catalogue,
            addresses=Addresses(state.resolve(), self._addresses_in_use),
            claims=Claims(state.resolve() / "volumes", account, self._live_claims),
            logs=LogBook(store, state.resolve() / "logs"),
            events=Recorder(store, node),
            rewrite=rewrite,
            node=node,
            first_back_off=back_off[0],
            most_back_off=back_off[1],
            retry=retry,
        )

    @property
    def logs(self) -> LogBook:
        return self._ground.logs

    def prepare(self) -> None:
        """Before anything runs: folders, and an end to what an earlier pocket cluster of this state folder left. OSError where it fails."""
        if killed := process.kill_leftovers(f"{self._ground.state}/"):
            LOG.info("ended %s processes that an earlier pocket cluster had left", killed)
        for folder in (self._ground.state / "volumes", self._ground.state / "logs", self._ground.runtime):
            folder.mkdir(parents=True, exist_ok=True)
        (self._ground.state / "logs").chmod(0o700)
        for folder in (self._ground.state / "volumes", self._ground.runtime):
            # Where containers run as another user, he must get through to what is his.
            folder.chmod(0o711 if self._ground.account else 0o700)
        for path in self._ground.claims.sweep():
            LOG.warning("kept the data of a volume whose claim is not there: %s", path)
        self._sweep_runtime()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then the pods' processes are ended within their grace, all at once, and the objects stay."""
        caretaker = threading.Thread(target=self._look_after, args=(stop,), name="node-caretaker", daemon=True)
        caretaker.start()
        while not stop.is_set():
            try:
                self._follow(stop)
            except ApiError as error:
                LOG.warning("the node looks at everything anew: %s", error.message)
            except Exception:
                LOG.exception("the node failed in a turn, and looks at everything anew")
                stop.wait(1.0)
        self._shut_down()
        caretaker.join()

    def _follow(self, stop: threading.Event) -> None:
        """From what there is now on, event by event."""
        pods, claims = self._store.watch("Pod"), self._store.watch("PersistentVolumeClaim")
        self._drop_the_gone()
        version = 0
        while not stop.is_set():
            version = self._store.wait(version, _PATIENCE)
            for event in pods.poll():
                self._pod(event)
            for event in claims.poll():
                self._claim(event)

    def _pod(self, event: Event) -> None:
        pod = event.object
        uid, here = pod["metadata"]["uid"], pod["spec"].get("nodeName") == self._node
        worker = self._workers.get(uid)
        if event.type == "DELETED":
            if worker is not None:
                del self._workers[uid]
                worker.gone()
                self._remember(worker)
        elif worker is not None:
            worker.changed(pod)
        elif here:
            key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
            before = next((other for other in (*self._workers.values(), *self._leaving()) if other.key == key), None)
            worker = self._workers[uid] = PodWorker(self._ground, pod, after=before)
            worker.start()

    def _claim(self, event: Event) -> None:
        claim = event.object
        uid = claim["metadata"]["uid"]
        if event.type == "DELETED":
            self._seen_claims.pop(uid, None)
            self._ground.jobs.submit(self._ground.claims.deleted, claim)
            return
        self._seen_claims[uid] = claim
        if "deletionTimestamp" in claim["metadata"]:
            self._ground.claims.deleting(claim)

    def _drop_the_gone(self) -> None:
        """After events were missed: who is not there any more was deleted meanwhile."""
        pods = {pod["metadata"]["uid"] for pod in self._store.all("Pod")}
        for uid in self._workers.keys() - pods:
            self._pod(Event("DELETED", {"metadata": {"uid": uid}, "spec": {}}))
        claims = set(self._live_claims())
        for uid in self._seen_claims.keys() - claims:
            self._claim(Event("DELETED", self._seen_claims[uid]))

    # Workers whose pod is gone and whose processes may not be

    def _remember(self, worker: PodWorker) -> None:
        self._gone = [*self._leaving(), worker]

    def _leaving(self) -> list[PodWorker]:
        return [worker for worker in self._gone if worker.alive()]

    def _shut_down(self) -> None:
        workers = [*self._workers.values(), *self._leaving()]
        for worker in workers:
            worker.shut_down()
        for worker in workers:
            worker.join()
        self._ground.jobs.shutdown(wait=False, cancel_futures=True)

    # Caretaking

    def _look_after(self, stop: threading.Event) -> None:
        while not stop.wait(self._look_every):
            try:
                processes = process.scan()
                for worker in list(self._workers.values()):
                    worker.look_at_memory(processes)
            except Exception:
                LOG.exception("the look at the node's processes failed, and is tried again")

    def _sweep_runtime(self) -> None:
        """Folders of pods that are not there any more."""
        names = {self._ground.folder(pod["metadata"]["uid"]).name for pod in self._store.all("Pod")}
        for folder in self._ground.runtime.iterdir():
            if folder.is_dir() and folder.name not in names and len(folder.name) == len(self._ground.folder("").name):
                shutil.rmtree(folder, ignore_errors=True)
        known = {self._ground.logs.of_pod(pod) for pod in self._store.all("Pod")}
        for folder in (self._ground.state / "logs").glob("*/*"):
            if folder not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def _addresses_in_use(self) -> Iterable[str]:
        return [str((pod.get("status") or {}).get("podIP", "")) for pod in self._store.all("Pod")]

    def _live_claims(self) -> Iterable[str]:
        return [str(claim["metadata"]["uid"]) for claim in self._store.all("PersistentVolumeClaim")]
