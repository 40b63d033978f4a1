"""The pocket cluster as a whole: state, API, controllers, network and node, started in an order in which each finds what it needs.

The state folder: `store/` (objects), `volumes/` (claims' data), `logs/`, `credentials/`, and `kubeconfig`, with which clients find it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcluster.api import Server, ensure_credentials, serve, write_kubeconfig
from localcluster.controllers.manager import Manager
from localcluster.disk import FolderTaken, Shelf
from localcluster.errors import ApiError
from localcluster.network.names import rewrite
from localcluster.network.network import CLUSTER_ADDRESSES, Network
from localcluster.node import capacity
from localcluster.node.catalogue import Catalogue
from localcluster.node.kubelet import Kubelet
from localcluster.node.process import Account
from localcluster.objects import Store
from localcluster.pools import Pool
from localcluster.strategy import DEFAULT_CLASS, Surroundings

LOG = logging.getLogger(__name__)

NODE = "local"
NAMESPACES = ("default", "kube-system", "storeyard-ingress")
STORAGE_CLASS = "standard"

PORT_TAKEN, STATE_TAKEN, STATE_UNUSABLE = 3, 4, 5


class CannotStart(Exception):
    """`code` is the exit code; the text says what to do."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Options:
    """See the command line's help. `memory` is in MiB; without `run_node` pods are not run."""

    state: Path
    runtime: Path
    catalogue: Path
    port: int = 6443
    ingress_port: int = 8080
    user: str | None = None
    memory: int | None = None
    caddy_admin: str | None = None
    run_node: bool = True


class Cluster:
    """`open`, `run`, `close`, each once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._account = _account(options.user)
        self._ending = threading.Event()

    def open(self) -> None:
        """Take the state folder and the port, and load what there is. CannotStart says why not."""
        options = self._options
        try:
            options.state.mkdir(parents=True, exist_ok=True)
            options.runtime.mkdir(parents=True, exist_ok=True)
            # As others see the folder decides whether it is found again: one state, however its path is written.
            self._state, self._runtime = options.state.resolve(), options.runtime.resolve()
            self._admit_user()
            self._shelf = Shelf(self._state / "store")
        except FolderTaken as error:
            raise CannotStart(STATE_TAKEN, str(error)) from error
        except OSError as error:
            raise CannotStart(STATE_UNUSABLE, f"the state folder cannot be used: {error}") from error
        self._store = self._load()
        self._kubelet = self._node()
        self._manager = Manager(self._store)
        self._network = Network(self._store, ingress_port=options.ingress_port, caddy_admin=options.caddy_admin)
        self._server = self._listen()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then pods are stopped, each within its grace, and their objects kept."""
        self._server.start()
        _furnish(self._store)
        if self._options.run_node:
            capacity.announce(self._store, NODE, memory=self._options.memory)
        threads = [self._thread("controllers", self._manager.run, self._ending), self._thread("network", self._network.run, self._ending)]
        node = self._thread("node", self._kubelet.run, stop) if self._options.run_node else None
        LOG.info("the pocket cluster answers at %s; kubectl --kubeconfig %s", self._server.url, self._state / "kubeconfig")
        stop.wait()
        LOG.info("stopping: pods get their grace, objects are kept")
        if node is not None:
            node.join()
        self._ending.set()
        self._server.stop()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        self._shelf.close()

    def _thread(self, name: str, work: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
        thread.start()
        return thread

    def _admit_user(self) -> None:
        """Containers' user has to get through to his volumes."""
        if self._account is None:
            return
        for folder in (self._state, self._runtime):
            folder.chmod(0o711)
            closed = next((path for path in folder.parents if not path.stat().st_mode & 0o001), None)
            if closed is not None:
                raise CannotStart(
                    STATE_UNUSABLE,
                    f"the user {self._options.user} cannot enter {closed}, so nothing could run in {folder}. Choose another folder.",
                )

    def _load(self) -> Store:
        size = CLUSTER_ADDRESSES.num_addresses - 2
        # Two pocket clusters of one machine start at different places, or each would take the other's addresses.
        offset = int.from_bytes(hashlib.sha256(str(self._state).encode()).digest()[:4])
        addresses = Pool(size, lambda number: str(CLUSTER_ADDRESSES[1 + (number + offset) % size]))
        store = Store(
            now=lambda: datetime.now(UTC),
            new_uid=lambda: str(uuid.uuid4()),
            surroundings=Surroundings(storage_class=STORAGE_CLASS, addresses=addresses),
            keeper=self._shelf,
        )
        loaded = self._shelf.load()
        for damage in loaded.damaged:
            what = "its other copy is used" if damage.recovered else "the object is lost, and has to be applied again"
            LOG.warning("a damaged file of the state was set aside: %s (%s): %s", damage.place, damage.reason, what)
        store.restore(loaded.objects, loaded.version)
        return store

    def _node(self) -> Kubelet:
        store = self._store

        def named(text: str, namespace: str) -> str:
            return rewrite(text, namespace=namespace, services=list(store.all("Service")))

        kubelet = Kubelet(
            store,
            catalogue=Catalogue(self._options.catalogue),
            state=self._state,
            runtime=self._runtime,
            account=self._account,
            rewrite=named,
            node=NODE,
        )
        try:
            kubelet.prepare()
        except OSError as error:
            raise CannotStart(STATE_UNUSABLE, f"the state folder cannot be used: {error}") from error
        return kubelet

    def _listen(self) -> Server:
        port = self._options.port
        credentials = ensure_credentials(self._state / "credentials")
        try:
            server = serve(self._store, port=port, credentials=credentials, logs=self._kubelet.logs)
        except OSError as error:
            text = f"port {port} of 127.0.0.1 cannot be had: {error.strerror}. Choose another with --port."
            raise CannotStart(PORT_TAKEN, text) from error
        write_kubeconfig(self._state / "kubeconfig", credentials, server.url)
        return server


def _account(user: str | None) -> Account | None:
    if user is None:
        return None
    try:
        account = Account.named(user)
    except KeyError as error:
        raise CannotStart(STATE_UNUSABLE, f"there is no user {user} on this machine.") from error
    if os.geteuid() == 0:
        return account if account.uid != 0 else None
    if account.uid != os.geteuid():
        raise CannotStart(STATE_UNUSABLE, f"only root can run pods as {user}: leave --user out.")
    return None


def _furnish(store: Store) -> None:
    """What a cluster has from the start."""
    for name in NAMESPACES:
        _ensure(store, "Namespace", {"metadata": {"name": name}})
    storage_class = {
        "metadata": {"name": STORAGE_CLASS, "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": "storeyard.dev/folder",
        "allowVolumeExpansion": True,
    }
    _ensure(store, "StorageClass", storage_class)


def _ensure(store: Store, kind: str, body: dict[str, Any]) -> None:
    try:
        store.create(kind, body, manager="kube-apiserver")
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
