"""One stream of server-sent events: its short queue and the form of what is sent. The hub fills it, the web server empties it."""

from __future__ import annotations

import json
import random
import re
import select
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from app.ports import News

KEEP_ALIVE = 15.0  # seconds of silence
RETRY_MS = (2000, 5000)  # not all at once, when a process that they were all on has stopped
WAITING = 100  # messages a slow reader may be behind

_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,10})")
Place = tuple[int, int]
START: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class Listener:
    """Whose stream it is. Without a tenant: the platform's, for an operator."""

    session_id: str
    user_id: str
    tenant_id: str | None


class Holder(Protocol):
    """The hub, as a stream knows it."""

    @property
    def place(self) -> Place: ...

    def forget(self, stream: Stream) -> None: ...


class Stream(Iterator[bytes]):
    """What the server sends: each item is one or more whole messages. Waits in the thread that sends."""

    def __init__(self, hub: Holder, who: Listener, connection: socket.socket | None) -> None:
        self.who, self.connection = who, connection
        self.sends_since: float | None = None
        self._hub = hub
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._late = self._ended = False

    def begin(self, place: Place, missed: Collection[bytes]) -> None:
        first = b"retry: %d\n" % random.randint(*RETRY_MS) + with_id(b"event: hello\ndata: {}\n", place)  # noqa: S311
        self._queue.put(first + b"".join(with_id(message, place) for message in missed))

    def offer(self, message: bytes) -> None:
        """By the hub's reader alone."""
        if self._late:
            return
        if self._queue.qsize() >= WAITING:
            self._late = True
        else:
            self._queue.put(message)

    def end(self) -> None:
        self._ended = True
        self._queue.put(b"")

    def cut(self) -> None:
        """End it in the middle of sending, which waits for the reader as long as there is one."""
        self.end()
        if self.connection is not None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def __next__(self) -> bytes:
        self.sends_since = None
        messages = self._wait()
        self.sends_since = time.monotonic()
        return messages

    def _wait(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            messages = [self._queue.get(timeout=KEEP_ALIVE)]
        except Empty:
            return b":\n\n"
        if self._ended:
            raise StopIteration
        while not self._queue.empty():
            messages.append(self._queue.get())
        if self._late:
            # What is told from here on is told before the reader looks again, so it may be dropped until the flag falls.
            messages = [with_id(RESET, self._hub.place)]
            self._late = False
        return b"".join(messages)

    def close(self) -> None:
        """By the server, when it stops sending, for whatever reason."""
        self._hub.forget(self)


def concerns(who: Listener, news: News) -> bool:
    """A tenant hears of itself and of what concerns everybody; the platform's operators hear of all."""
    return who.tenant_id is None or news.tenant_id == who.tenant_id or (news.tenant_id is None and news.kind in ("platform", "reset"))


def hung_up(streams: Collection[Stream]) -> list[Stream]:
    """Those whose reader is gone, as far as the operating system knows; else the next message to them would find out."""
    poll = select.poll()
    by_number: dict[int, Stream] = {}
    for stream in streams:
        number = stream.connection.fileno() if stream.connection is not None else -1
        if number >= 0:
            by_number[number] = stream
            poll.register(number, select.POLLRDHUP)
    return [by_number[number] for number, _ in poll.poll(0)] if by_number else []


RESET = b"event: reset\ndata: {}\n"


def message_of(who: Listener, news: News) -> bytes:
    data: Mapping[str, str | None] = {"store": news.store_id, "tenant": news.tenant_id if who.tenant_id is None else None}
    text = json.dumps({name: value for name, value in data.items() if value is not None}, separators=(",", ":"))
    return f"event: {news.kind}\ndata: {text}\n".encode()


def with_id(message: bytes, place: Place) -> bytes:
    return b"%sid: %d-%d\n\n" % (message, *place)


def text_of(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def place_of(text: str | None) -> Place | None:
    found = _ID.fullmatch(text or "")
    return (int(found[1]), int(found[2])) if found else None
