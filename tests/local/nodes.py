"""A node of its own for a test: store, controllers and kubelet in this process, pods as real ones; short waits, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcluster.controllers.manager import Manager
from localcluster.errors import ApiError
from localcluster.network.names import rewrite
from localcluster.node import capacity
from localcluster.node.catalogue import Catalogue
from localcluster.node.kubelet import Kubelet
from localcluster.node.process import Account, environment
from localcluster.objects import Store

Body = dict[str, Any]

SECONDS = 30.0
NAMESPACE = "shop"

WEB = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(open(path).read()) if os.path.exists(path := os.environ.get("STATUS", "")) else 200
        self.send_response(status); self.end_headers()
        self.wfile.write(os.environ.get("ANSWER", "").encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8000), Handler).serve_forever()
"""


def images(folder: Path) -> dict[str, Any]:
    """`sh` runs bash, `python` an interpreter, `web` answers at port 8000 with $ANSWER (and the status in the file $STATUS)."""
    (folder / "web.py").write_text(WEB, encoding="utf-8")
    base = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
    return {
        "docker.io/library/sh:1": {"command": ["bash"]},
        "docker.io/library/python:1": {"command": [base, "-u"]},
        "docker.io/library/web:1": {
            "root": str(folder), "mount": "/app", "workdir": "/app", "command": [base, "-u", "/app/web.py"],
        },
    }  # fmt: skip


class Node:
    """`start` and `stop` may alternate: objects, volumes and logs stay."""

    def __init__(self, *, account: Account | None = None, back_off: tuple[float, float] = (0.4, 3.0), look: float = 0.3) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sy-", dir="/tmp"))
        self.folder.chmod(0o711)
        self.root = self.folder / "root"
        self.root.mkdir()
        self.catalogue = self.folder / "catalogue.json"
        self.offer(images(self.root))
        self.store = Store(now=lambda: datetime.now(UTC), new_uid=lambda: str(uuid.uuid4()))
        self._account, self._back_off, self._look = account, back_off, look
        self.store.create("Namespace", {"metadata": {"name": NAMESPACE}}, manager="test")
        capacity.announce(self.store, "local")
        self.start()

    def start(self) -> None:
        self._node_ends, self._ends = threading.Event(), threading.Event()
        self.kubelet = Kubelet(
            self.store,
            catalogue=Catalogue(self.catalogue),
            state=self.folder / "state",
            runtime=self.folder / "r",
            account=self._account,
            rewrite=lambda text, namespace: rewrite(text, namespace=namespace, services=list(self.store.all("Service"))),
            back_off=self._back_off,
            retry=0.2,
            look=self._look,
        )
        self.kubelet.prepare()
        work = ((self.kubelet.run, self._node_ends), (Manager(self.store).run, self._ends))
        self._threads = [threading.Thread(target=run, args=(ends,), daemon=True) for run, ends in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for ends, thread in zip((self._node_ends, self._ends), self._threads, strict=True):
            ends.set()
            thread.join(SECONDS)
            assert not thread.is_alive(), "the node did not end"

    def close(self) -> None:
        self.stop()
        left = self.processes()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"left behind: {left}"

    def offer(self, entries: Mapping[str, Any]) -> None:
        fresh = self.catalogue.with_suffix(".new")
        fresh.write_text(json.dumps({"images": entries}), encoding="utf-8")
        fresh.replace(self.catalogue)

    def processes(self) -> list[int]:
        """All that carry a mark of this node."""
        return marked(self.folder)

    # Objects

    def create(self, kind: str, body: Body) -> Body:
        return self.store.create(kind, body, namespace=NAMESPACE, manager="test")

    def run(self, name: str, container: Body, **spec: Any) -> Body:
        """A pod of one container, called `main`."""
        containers = [{"name": "main", **container}]
        spec = {"terminationGracePeriodSeconds": 2, "containers": containers, **spec}
        return self.create("Pod", {"metadata": {"name": name, "labels": {"app": name}}, "spec": spec})

    def sh(self, name: str, script: str, container: Body | None = None, **spec: Any) -> Body:
        return self.run(name, {"image": "sh:1", "args": ["-c", script], **(container or {})}, **spec)

    def secret(self, name: str, **values: str) -> None:
        self.create("Secret", {"metadata": {"name": name}, "stringData": values})

    def claim(self, name: str) -> Body:
        return self.create(
            "PersistentVolumeClaim",
            {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        )

    def pod(self, name: str) -> Body:
        return self.store.get("Pod", NAMESPACE, name)

    def container(self, name: str, container: str = "main") -> Body:
        """Its status; empty where there is none yet."""
        return next((item for item in self.pod(name)["status"].get("containerStatuses") or () if item["name"] == container), {})

    def ready(self, name: str) -> bool:
        return any(item["type"] == "Ready" and item["status"] == "True" for item in self.pod(name)["status"].get("conditions") or ())

    def waits(self, name: str) -> Body:
        """Why its container waits; empty where it does not."""
        return (self.container(name).get("state") or {}).get("waiting") or {}

    def gone(self, name: str) -> bool:
        try:
            self.pod(name)
        except ApiError as error:
            return error.code == 404
        return False

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reasons and messages about a pod."""
        found = [event for event in self.store.all("Event", NAMESPACE) if event["involvedObject"]["name"] == name]
        return [(event["reason"], event["message"]) for event in found]

    def said(self, name: str, reason: str, text: str = "") -> bool:
        return any(found == reason and text in message for found, message in self.events(name))

    def log(self, name: str, **options: Any) -> str:
        return b"".join(self.kubelet.logs.read(NAMESPACE, name, "main", **options)).decode()

    def until(self, what: Callable[[], Any], why: str) -> None:
        until(what, why, lambda: [(pod["metadata"]["name"], pod["status"]) for pod in self.store.all("Pod")])


def until(what: Callable[[], Any], why: str, tell: Callable[[], Any] = lambda: "") -> None:
    """AssertionError where it does not come true in time; `tell` says how things are then."""
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {why}; {tell()}"
        time.sleep(0.02)


def marked(folder: Path) -> list[int]:
    """Processes of pods whose state is somewhere below a folder."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if environment(pid).get("STOREYARD_POD", "").startswith(f"{folder}/")]
