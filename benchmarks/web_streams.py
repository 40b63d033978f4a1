"""A thousand open streams in a process of their own, told on standard input when to end. Bare sockets: they leave the server its core.

{"port": 8000, "cookies": ["storeyard_session=…", …], "path": "/live"}   first line read: one stream for each cookie
{"open": 1000}                                                         first line written: all have said hello
{"received": [[12, "01…", 81.25], …]}                                  last line: stream, store, moment on the monotonic clock
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

OPEN_WITHIN = 120.0
_MESSAGE = re.compile(rb"event: (\w+)\n(?:.*\n)*?data: (.*)")


@dataclass
class Stream:
    """`waiting`: it has not yet said hello. `told`: it is open, so that nothing may be lost any more."""

    number: int
    socket: socket.socket
    buffer: bytes = b""
    waiting: bool = True
    told: bool = False
    received: list[tuple[int, str, float]] = field(default_factory=list)

    def read(self) -> None:
        """What has come. Raises ConnectionError where the stream was refused or has ended."""
        now, more = time.monotonic(), self.socket.recv(65536)
        if not more:
            raise ConnectionError(f"stream {self.number} ended: {self.buffer[:300]!r}")
        self.buffer += more
        if self.waiting and b"\r\n" in self.buffer and b" 200 " not in self.buffer.partition(b"\r\n")[0]:
            raise ConnectionError(f"stream {self.number} was refused: {self.buffer[:300]!r}")
        *messages, self.buffer = self.buffer.split(b"\n\n")
        for message in messages:
            if (found := _MESSAGE.search(message)) is None:
                continue
            self.waiting = False
            if found[1] == b"store":
                self.received.append((self.number, json.loads(found[2])["store"], now))
            elif found[1] == b"reset" and self.told:
                raise ConnectionError(f"stream {self.number} lost messages")


def main() -> int:
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    selector = selectors.DefaultSelector()
    streams = [connect(number, asked["port"], asked["path"], cookie) for number, cookie in enumerate(asked["cookies"])]
    for stream in streams:
        selector.register(stream.socket, selectors.EVENT_READ, stream)
    deadline = time.monotonic() + OPEN_WITHIN
    while any(stream.waiting for stream in streams):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{sum(stream.waiting for stream in streams)} streams said no hello in {OPEN_WITHIN:.0f} s")
        for key, _ in selector.select(1):
            key.data.read()
    for stream in streams:
        stream.told = True
    say({"open": len(streams)})
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                say({"received": [receipt for stream in streams for receipt in stream.received]})
                return 0
            key.data.read()


def connect(number: int, port: int, path: str, cookie: str) -> Stream:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n".encode())
    return Stream(number, connection)


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    sys.exit(main())
