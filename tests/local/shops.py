"""A store of objects, the network that follows it, a real Caddy before it, and web servers that stand for pods."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localcluster.network.caddy import bootstrap
from localcluster.network.network import Network
from localcluster.objects import Store
from localcluster.pools import Pool
from localcluster.strategy import Surroundings
from tests.local.tcp import SECONDS, address, eventually

Body = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """Answers with its server's name, and what it was asked for in headers."""

    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        if self.path == "/stream":
            self._stream()
            return
        body = self.server.word.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Path", self.path)
        for name in ("Host", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"):
            self.send_header(f"Saw-{name}", self.headers.get(name, ""))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        """One event now, the other when the test has seen the first."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: one\n\n")
        self.server.seen.wait(SECONDS)
        self.wfile.write(b"data: two\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        pass


class Web(ThreadingHTTPServer):
    """A web server on a pod's address."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, word: str, at: tuple[str, int]) -> None:
        super().__init__(at, Handler)
        self.word = word
        self.seen = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up is no error here."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]


class Shops:
    """The whole of it. Objects are in the namespace `shop`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sy-caddy-", dir="/tmp"))
        self.admin = f"unix/{self.folder}/admin"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.store = Store(now=lambda: datetime.now(UTC), surroundings=Surroundings(addresses=Pool(60_000, lambda _: address())))
        self.store.create("Namespace", {"metadata": {"name": "shop"}}, manager="test")
        self.network = Network(self.store, ingress_port=self.port, caddy_admin=self.admin)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self.network.run, args=(self._ending,))
        self._web: dict[str, Web] = {}
        self.caddy: subprocess.Popen[bytes] | None = None
        self._thread.start()

    def start_caddy(self) -> None:
        """In a world in which it can write nothing but its socket and its log."""
        config = self.folder / "caddy.json"
        config.write_text(json.dumps(bootstrap(self.admin)), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        with (self.folder / "caddy.log").open("ab") as log:
            self.caddy = subprocess.Popen(
                [Path(sys.executable).with_name("caddy"), "run", "--config", config],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def kill_caddy(self) -> None:
        assert self.caddy is not None
        self.caddy.kill()
        self.caddy.wait()
        self.caddy = None

    def close(self) -> None:
        self._ending.set()
        self._thread.join(SECONDS)
        if self.caddy is not None:
            self.kill_caddy()
        for web in self._web.values():
            web.stop()
        shutil.rmtree(self.folder)

    # Objects

    def service(self, name: str) -> Body:
        spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
        return self.store.create("Service", {"metadata": {"name": name}, "spec": spec}, namespace="shop", manager="test")

    def pod(self, app: str, name: str = "", *, ready: bool = True, answers: bool = True) -> str:
        """A pod of a Service, with a web server that says its name; the name."""
        name = name or app
        at = (address(64), 8080)
        if answers:
            self._web[name] = Web(name, at)
        container = {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": at[1]}]}
        body = {"metadata": {"name": name, "labels": {"app": app}}, "spec": {"nodeName": "local", "containers": [container]}}
        self.store.create("Pod", body, namespace="shop", manager="test")
        self.ready(name, ready, address=at[0])
        return name

    def ready(self, name: str, ready: bool, **more: str) -> None:
        """A pod's readiness changes."""
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            **({"podIP": more["address"]} if more else {}),
        }
        self.store.patch("Pod", "shop", name, {"status": status}, form="merge", subresource="status", manager="test")

    def remove_pod(self, name: str) -> None:
        self.store.delete("Pod", "shop", name, grace_seconds=0)

    def web(self, name: str) -> Web:
        return self._web[name]

    def ingress(self, name: str, host: str, paths: Sequence[tuple[str, str, str]]) -> Body:
        """Each path with its type and Service."""
        rules = [
            {
                "host": host,
                "http": {
                    "paths": [
                        {"path": path, "pathType": kind, "backend": {"service": {"name": service, "port": {"name": "http"}}}}
                        for path, kind, service in paths
                    ]
                },
            }
        ]
        return self.store.create("Ingress", {"metadata": {"name": name}, "spec": {"rules": rules}}, namespace="shop", manager="test")

    def address_of(self, ingress: str) -> str:
        """What its status says."""
        found = self.store.get("Ingress", "shop", ingress)["status"]["loadBalancer"].get("ingress") or [{}]
        return found[0].get("ip", "")

    # Requests

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def get(self, host: str, path: str = "/", **headers: str) -> Answer:
        connection = self.connection()
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{self.port}", **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), answer.headers)
        finally:
            connection.close()

    def answers(self, host: str, path: str, word: str) -> bool:
        """Whether it is `word` that answers; a Caddy that isn't there does not."""
        try:
            return self.get(host, path).text == word
        except OSError:
            return False

    def answers_with(self, host: str, status: int) -> bool:
        try:
            return self.get(host).status == status
        except OSError:
            return False

    def await_answer(self, host: str, path: str, word: str) -> None:
        eventually(lambda: self.answers(host, path, word), f"{host}{path} is answered by {word}")


@contextmanager
def shops(*, caddy: bool = True) -> Iterator[Shops]:
    found = Shops()
    try:
        if caddy:
            found.start_caddy()
        yield found
    finally:
        found.close()
