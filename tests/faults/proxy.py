"""A proxy in front of the API server that lies: it delays, cuts, refuses, invents and forgets; and counts what it is asked.

What it does to a request is decided by a rule: from the seed, the request's method and path and how often it has been asked, so that a
run can be replayed whatever the order in which parallel requests arrive. Workers reach it by plain http, with a kubeconfig of its own.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import orjson
import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from app.adapters.kubernetes import MAX_ANSWER


class Lie(StrEnum):
    """What is done to one request. Those marked * reach the API server, and take effect there."""

    DELAY = "a delay *"
    HANG = "no answer at all"
    REFUSE = "a closed connection"
    CUT = "an answer cut off *"
    TOO_MANY = "429 with Retry-After"
    INTERNAL = "500"
    UNAVAILABLE = "503 without a body"
    TRUNCATED = "half of the JSON *"
    NOT_JSON = "a page of HTML *"
    OTHER_KIND = "an object of another kind *"
    NOTHING_HERE = "the answers of a cluster that was set up anew"
    PAGE_NOT_FOUND = "404 by a load balancer"
    TOO_LARGE = "an answer without end"
    PAST = "what was true when it was first asked"


HANG_SECONDS = 8.0
RETRY_AFTER = 2


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    number: int
    """How often this method and path have been asked, counted from 1."""
    at: float = 0.0
    """On the monotonic clock."""

    @property
    def namespace(self) -> str:
        """The namespace it is about, or in; '' for the whole cluster."""
        found = re.search(r"/namespaces/([^/?]+)", self.path)
        return found[1] if found else ""

    @property
    def lists(self) -> bool:
        """A GET of a collection: its path ends in a plural that stands alone or behind a namespace."""
        bare = self.path.partition("?")[0]
        return self.method == "GET" and re.fullmatch(r"/(api|apis/[^/]+)/v1(/namespaces/[^/]+)?/[a-z]+", bare) is not None

    @property
    def reads(self) -> bool:
        return self.method == "GET"


Rule = Callable[[Request], Lie | None]


def honest(_: Request) -> None:
    """Pass everything on."""


def sometimes(lie: Lie, *, seed: int, share: float, about: Callable[[Request], bool] = lambda _: True) -> Rule:
    """The lie to a share of the requests it is about; which ones follows from the seed."""

    def rule(request: Request) -> Lie | None:
        if not about(request):
            return None
        drawn = hashlib.sha256(f"{seed} {request.method} {request.path} {request.number}".encode()).digest()
        return lie if int.from_bytes(drawn[:4]) / 2**32 < share else None

    return rule


def always(lie: Lie, about: Callable[[Request], bool] = lambda _: True) -> Rule:
    return lambda request: lie if about(request) else None


class Proxy:
    """`rule` may be changed at any time. `asked` counts requests, `told` lies, both since the last `reset`."""

    def __init__(self, kubeconfig: str, folder: Path) -> None:
        settings = Configuration()
        settings.connection_pool_maxsize = 64
        config.load_kube_config(kubeconfig, client_configuration=settings, persist_config=False)
        self._pool: urllib3.PoolManager = ApiClient(settings).rest_client.pool_manager
        self._upstream = settings.host.rstrip("/")
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._first: dict[str, tuple[int, bytes]] = {}
        self.rule: Rule = honest
        self.asked: list[Request] = []
        self.told: Counter[Lie] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="lying-proxy", args=(0.05,), daemon=True)
        self._thread.start()
        self.kubeconfig = folder / "proxy.kubeconfig"
        self.kubeconfig.write_text(_through(kubeconfig, f"http://127.0.0.1:{self._server.server_port}"))

    def reset(self, rule: Rule = honest) -> None:
        """From now on by this rule, counting from nought."""
        with self._lock:
            self.rule = rule
            self.asked.clear()
            self.told.clear()
            self._seen.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._pool.clear()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self._seen[handler.command, handler.path] += 1
            request = Request(handler.command, handler.path, self._seen[handler.command, handler.path], time.monotonic())
            self.asked.append(request)
            lie = self.rule(request)
            if lie is not None:
                self.told[lie] += 1
        if lie is None:
            status, answer = self._pass_on(handler, body)
            if request.reads and status == 200:
                self._first.setdefault(request.path, (status, answer))
            _answer(handler, status, answer)
        else:
            self._lie(lie, request, handler, body)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        kept = {name: value for name, value in handler.headers.items() if name.lower() in ("accept", "authorization", "content-type")}
        try:
            answer = self._pool.request(
                handler.command, self._upstream + handler.path, body=body or None, headers=kept, retries=False, timeout=60
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return 502, str(error).encode()
        return answer.status, answer.data

    def _lie(self, lie: Lie, request: Request, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        match lie:
            case Lie.HANG:
                time.sleep(HANG_SECONDS)
                _hang_up(handler)
            case Lie.REFUSE:
                _hang_up(handler)
            case Lie.TOO_MANY:
                _answer(handler, 429, _status(429, "TooManyRequests", "Too many requests, please try again later."), retry=RETRY_AFTER)
            case Lie.INTERNAL:
                _answer(handler, 500, _status(500, "InternalError", "Internal error occurred: etcdserver: leader changed"))
            case Lie.UNAVAILABLE:
                _answer(handler, 503, b"")
            case Lie.PAGE_NOT_FOUND:
                _answer(handler, 404, b"<html><h1>404 Not Found</h1></html>", type_="text/html")
            case Lie.TOO_LARGE:
                _answer_without_end(handler)
            case Lie.NOTHING_HERE:
                _answer(handler, 200 if request.lists else 404, self._empty(request, handler))
            case Lie.PAST if request.path in self._first:
                _answer(handler, *self._first[request.path])
            case _:
                status, answer = self._pass_on(handler, body)
                _distort(lie, request, handler, status, answer)

    def _empty(self, request: Request, handler: BaseHTTPRequestHandler) -> bytes:
        """As a server that was set up anew: the right kind, no items, a resourceVersion of long ago."""
        if not request.lists:
            return _status(404, "NotFound", "not found")
        _, answer = self._pass_on(handler, b"")
        whole: dict[str, Any] = orjson.loads(answer)
        return orjson.dumps({**whole, "metadata": {"resourceVersion": "2"}, "items": []})


def _distort(lie: Lie, request: Request, handler: BaseHTTPRequestHandler, status: int, answer: bytes) -> None:
    match lie:
        case Lie.DELAY:
            time.sleep(2)
            _answer(handler, status, answer)
        case Lie.CUT:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer[: len(answer) // 2])
            _hang_up(handler)
        case Lie.TRUNCATED:
            _answer(handler, status, answer[: len(answer) // 2])
        case Lie.NOT_JSON:
            _answer(handler, 200, b"<html><h1>Welcome to nginx!</h1></html>", type_="text/html")
        case Lie.OTHER_KIND:
            kind = "ConfigMapList" if request.lists else "ConfigMap"
            meta = {"resourceVersion": "1", "name": "other", "namespace": "default"}
            _answer(handler, 200, orjson.dumps({"apiVersion": "v1", "kind": kind, "metadata": meta, "items": []}))
        case _:
            _answer(handler, status, answer)


def _answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, *, retry: int | None = None, type_: str = "application/json"
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", type_)
    handler.send_header("Content-Length", str(len(body)))
    if retry is not None:
        handler.send_header("Retry-After", str(retry))
    handler.end_headers()
    handler.wfile.write(body)


def _answer_without_end(handler: BaseHTTPRequestHandler) -> None:
    """More than is believed, and more would come: the caller has to hang up."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(MAX_ANSWER * 100))
    handler.end_headers()
    chunk = b" " * (1 << 20)
    for _ in range((MAX_ANSWER >> 20) * 2):
        handler.wfile.write(chunk)
    _hang_up(handler)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.wfile.flush()
    handler.connection.shutdown(SHUT_RDWR)


def _status(code: int, reason: str, message: str) -> bytes:
    return orjson.dumps(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}
    )


def _through(kubeconfig: str, address: str) -> str:
    """The same user and context, the proxy's address."""
    whole = yaml.safe_load(Path(kubeconfig).read_text())
    for entry in whole["clusters"]:
        entry["cluster"] = {"server": address}
    return yaml.safe_dump(whole)


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            try:
                proxy.handle(self)
            except (BrokenPipeError, ConnectionResetError, OSError):
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Nothing: `asked` is the log."""

    return Handler
