"""The pocket cluster's API server in this process, for tests: a store in memory, controllers at work, a free port, a kubeconfig."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from localcluster.api import Logs, ensure_credentials, serve, write_kubeconfig
from localcluster.controllers.manager import Manager
from localcluster.objects import Store
from tests.fakes.controllers import Controllers

Work = Callable[[Store, threading.Event], None]


def controllers_alone(store: Store, stop: threading.Event) -> None:
    """As the pocket cluster has them, without a node: no pod ever runs."""
    Manager(store).run(stop)


def controllers_and_node(store: Store, stop: threading.Event) -> None:
    """With a node that says of every pod that it runs."""
    controllers = Controllers(store)
    version = 0
    while not stop.is_set():
        controllers.settle(50)
        version = store.wait(version, 0.1)


class Pocket:
    """A context manager; leaves nothing but the files in `folder`."""

    def __init__(self, folder: Path, *, logs: Logs | None = None, work: Work = controllers_alone) -> None:
        self.store = Store(now=lambda: datetime.now(UTC), new_uid=lambda: str(uuid.uuid4()))
        self.credentials = ensure_credentials(folder / "credentials")
        self.kubeconfig = folder / "kubeconfig"
        self.server = serve(self.store, port=0, credentials=self.credentials, logs=logs)
        self._stop = threading.Event()
        self._worker = threading.Thread(target=work, args=(self.store, self._stop), daemon=True)

    def __enter__(self) -> Self:
        for namespace in ("default", "kube-system"):
            self.store.create("Namespace", {"metadata": {"name": namespace}}, manager="kube-apiserver")
        write_kubeconfig(self.kubeconfig, self.credentials, self.server.url)
        self.server.start()
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self._stop.set()
        self._worker.join()
