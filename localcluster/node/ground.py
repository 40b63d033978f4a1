"""What all pods of the node stand on: the store, the catalogue, folders, and the few threads that run probes and hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcluster.errors import ApiError
from localcluster.marshal import timestamp
from localcluster.node.addresses import Addresses
from localcluster.node.catalogue import Catalogue
from localcluster.node.claims import Claims
from localcluster.node.environment import Lookup
from localcluster.node.events import Recorder
from localcluster.node.logs import LogBook
from localcluster.node.process import MARK, Account
from localcluster.objects import Store

Body = Mapping[str, Any]

HOST_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ground:
    """`rewrite(text, namespace)` replaces names of Services; times are in seconds."""

    store: Store
    state: Path
    runtime: Path
    account: Account | None
    catalogue: Catalogue
    addresses: Addresses
    claims: Claims
    logs: LogBook
    events: Recorder
    rewrite: Callable[[str, str], str]
    node: str = "local"
    first_back_off: float = 10.0
    most_back_off: float = 300.0
    retry: float = 2.0
    jobs: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=32, thread_name_prefix="node-job"))

    def now(self) -> str:
        return timestamp(self.store.now())

    def mark(self, uid: str) -> dict[str, str]:
        """What a pod's processes carry in their environment."""
        return {MARK: f"{self.state}/{uid}"}

    def folder(self, uid: str) -> Path:
        """A pod's own folder. Short: paths of unix sockets end at 107 characters."""
        return self.runtime / hashlib.sha256(uid.encode()).hexdigest()[:10]

    def lookup(self, namespace: str) -> Lookup:
        def find(kind: str, name: str) -> Body | None:
            try:
                return self.store.get(kind, namespace, name)
            except ApiError as error:
                if error.code == 404:
                    return None
                raise

        return find
