"""TCP servers and clients for the tests of the network: on loopback addresses that nobody else uses, with bounded waits."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SECONDS = 30.0

Handler = Callable[[socket.socket], None]


def address(first: int = 96) -> str:
    """A loopback address of a range (127.64: pods, 127.96: Services), picked at random: other test runs pick theirs."""
    picked = random.SystemRandom()
    return f"127.{first + picked.randrange(16)}.{picked.randrange(256)}.{picked.randrange(1, 255)}"


def eventually(what: Callable[[], bool], why: str) -> None:
    """AssertionError where it doesn't come true."""
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {why}"
        time.sleep(0.01)


def connect(to: tuple[str, int]) -> socket.socket:
    return socket.create_connection(to, timeout=SECONDS)


def refused(to: tuple[str, int]) -> bool:
    """Whether the kernel refuses a connection: nobody listens."""
    try:
        connect(to).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def receive_all(connection: socket.socket) -> bytes:
    """Until the other side has said all."""
    chunks: list[bytes] = []
    while chunk := connection.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


class Server:
    """Runs `handle` in a thread per connection; an error of the network in it ends that connection."""

    def __init__(self, handle: Handler, *, host: str | None = None, port: int = 0) -> None:
        self._handle = handle
        self._listener = socket.create_server((host or address(64), port), backlog=512)
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.at: tuple[str, int] = self._listener.getsockname()
        self.served = 0
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(SECONDS)
            self.served += 1
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._handle(connection)
            except OSError:
                return

    def close(self) -> None:
        """As a process that dies."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):  # ended already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)


@contextmanager
def serving(handle: Handler, *, host: str | None = None, port: int = 0) -> Iterator[Server]:
    server = Server(handle, host=host, port=port)
    try:
        yield server
    finally:
        server.close()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def saying(word: bytes) -> Handler:
    """Says a word and ends."""
    return lambda connection: connection.sendall(word)
