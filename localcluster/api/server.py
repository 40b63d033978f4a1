"""The port: TLS, HTTP/1.1 with keep-alive, one thread per connection.

Python's own http.server parses requests; Werkzeug's server closes every connection after one answer and shakes hands in its accept loop.
Here a client that is slow, silent or gone costs its own thread and no more, and `stop` ends all of them.
"""

from __future__ import annotations

import logging
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from localcluster.api.application import Application
from localcluster.api.credentials import Credentials
from localcluster.api.logs import Logs
from localcluster.api.wire import Query, Request, Response, refusal
from localcluster.errors import ApiError
from localcluster.objects import Store

LOG = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 90.0
STOP_SECONDS = 5.0
MAX_BODY = 3 * 1024 * 1024
MAX_CONNECTIONS = 500
"""Beyond these, new connections are closed at once: each costs a thread."""
_MAX_DISCARDED = 64 * 1024 * 1024


def serve(store: Store, *, host: str = "127.0.0.1", port: int, credentials: Credentials, logs: Logs | None = None) -> Server:
    """A server that listens already (port 0: on a free one) and answers once it is started. Raises OSError where the port is taken."""
    return Server(Application(store, credentials.token, logs), host, port, credentials.server_context())


class Server:
    """`start` and `stop` are each called once."""

    def __init__(self, application: Application, host: str, port: int, context: ssl.SSLContext) -> None:
        self._listener = _Listener((host, port), application, context)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.25,), name="api", daemon=True)
        self.host, self.port = self._listener.server_address[:2]

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, break off watches and logs, and wait for what is being answered."""
        self._listener.stopping.set()
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.disconnect(STOP_SECONDS)


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application, context: ssl.SSLContext) -> None:
        self.application = application
        self.stopping = threading.Event()
        self._context = context
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        with self._lock:
            return len(self._connections) < MAX_CONNECTIONS

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that never finishes its handshake holds up nobody."""
        request.settimeout(HANDSHAKE_SECONDS)
        thread = threading.current_thread()
        with self._lock:
            self._connections[thread] = request
        try:
            with self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as secured:
                with self._lock:
                    self._connections[thread] = secured
                secured.do_handshake()
                secured.settimeout(IDLE_SECONDS)
                if not self.stopping.is_set():
                    _Handler(secured, client_address, self)
        except (OSError, ValueError) as error:  # reset, timed out, not TLS
            LOG.debug("a connection ended: %s", error)
        except Exception:
            LOG.exception("a connection's thread crashed")
        finally:
            with self._lock:
                del self._connections[thread]

    def disconnect(self, seconds: float) -> None:
        """Have no connection left after `seconds`; those that are being answered get half of them to finish."""
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = dict(self._connections)
        for connection in threads.values():
            _shut(connection, socket.SHUT_RD)  # an idle one reads the end of the stream
        for thread in threads:
            thread.join(max(0, deadline - seconds / 2 - time.monotonic()))
        for thread, connection in threads.items():
            if thread.is_alive():
                _shut(connection, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))


def _shut(connection: socket.socket, how: int) -> None:
    with suppress(OSError):
        # The plain socket's way: SSLSocket.shutdown would drop the TLS state that another thread is using.
        socket.socket.shutdown(connection, how)


class _Handler(BaseHTTPRequestHandler):
    """One connection's requests, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 65536
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride] - it is started by no other
    connection: ssl.SSLSocket

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        LOG.debug(format, *args)

    def _answer(self) -> None:
        application = self.server.application
        allowed = application.knows(self.headers.get("Authorization", ""))
        try:
            body = self._body(keep=allowed)
        except ApiError as error:
            self._send(refusal(error))
            return
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            segments=tuple(unquote(part) for part in path.split("/") if part),
            query=Query(query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            gone=self._gone,
        )
        self._send(application.answer(request, allowed=allowed))

    def _body(self, *, keep: bool) -> bytes:
        """The request's body, read to its end even where it is refused, so that the client gets to read the answer."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "", "the length of the body must be given")
        given = self.headers.get("Content-Length", "0").strip()
        if not given.isdigit():
            self.close_connection = True
            raise ApiError.bad_request("Content-Length is not a number")
        length = int(given)
        if keep and length <= MAX_BODY:
            body = self.rfile.read(length) if length else b""
            if len(body) < length:
                raise ConnectionResetError("the client left in the middle of its request")
            return body
        for left in range(min(length, _MAX_DISCARDED), 0, -65536):
            self.rfile.read(min(left, 65536))
        self.close_connection = self.close_connection or length > _MAX_DISCARDED
        if keep:
            raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY}")
        return b""

    def _send(self, response: Response) -> None:
        whole = isinstance(response.body, bytes)
        length = f"Content-Length: {len(response.body)}" if isinstance(response.body, bytes) else "Transfer-Encoding: chunked"
        lines = [
            f"HTTP/1.1 {response.code} {HTTPStatus(response.code).phrase}",
            f"Content-Type: {response.content_type}",
            "Cache-Control: no-cache, private",
            f"Date: {formatdate(usegmt=True)}",
            length,
            *(f"{name}: {value}" for name, value in response.headers),
            *(["Connection: close"] if self.close_connection else []),
        ]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if isinstance(response.body, bytes):
            self.connection.sendall(head if self.command == "HEAD" else head + response.body)
        else:
            self._stream(head, response.body)
        if whole and self.server.stopping.is_set():
            self.close_connection = True

    def _stream(self, head: bytes, pieces: Iterator[bytes]) -> None:
        self.connection.sendall(head)
        try:
            for piece in pieces:
                if piece:
                    self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                elif self._gone():
                    self.close_connection = True
                    return
            self.connection.sendall(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        except Exception:
            # The head is sent: all that is left is to break off, which tells the client.
            LOG.exception("an answer broke off")
            self.close_connection = True
        finally:
            if close := getattr(pieces, "close", None):
                close()

    def _gone(self) -> bool:
        """Whether the server stops, or the client has closed its end."""
        if self.server.stopping.is_set():
            return True
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(0))
