"""The streams of one web process: one thread hears the news, and hands each to those who may know of it.

A stream has a short queue of its own. Whoever reads too slowly, or comes back with an id that is too old, is told to look at everything
again (`reset`) instead of being told what they missed. A second thread sees who hung up and whose session is over, so that a stream
costs its own thread nothing but waiting, and no connection to the database. Knows nothing of Flask.
"""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from app.ports import LiveEvents, LiveUnavailable, News, Told

log = structlog.get_logger(__name__)

KEEP_ALIVE = 15.0  # seconds of silence
RETRY_MS = 3000
REPLAYED = 2048  # news a stream can be resumed over
WAITING = 100  # messages a slow reader may be behind
PER_PERSON = 30
LOOK_AROUND = 1.0
ASK_AGAIN = 10.0  # how often sessions are looked at
TRUST = 60.0  # how long a stream goes on while nobody can say whether its session does
FIRST_ANSWER = 1.5

_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,10})")
_Place = tuple[int, int]
_START: _Place = (0, 0)


@dataclass(frozen=True, slots=True)
class Listener:
    """Whose stream it is. Without a tenant: the platform's, for an operator."""

    session_id: str
    user_id: str
    tenant_id: str | None


class Refused(Exception):
    """No stream at present; `retry_after` in seconds."""

    def __init__(self, reason: str, *, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Hub:
    """`limit` is how many streams the process may hold. `standing` tells of session ids which go on, and whether for the same listener."""

    def __init__(self, events: LiveEvents, standing: Callable[[Collection[Listener]], Collection[Listener]], *, limit: int) -> None:
        self.limit = limit
        self._events, self._standing = events, standing
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._people: Counter[str] = Counter()
        self._recent: deque[tuple[_Place, News]] = deque(maxlen=REPLAYED)
        self._floor = self._place = _START
        self._hears = threading.Event()
        self._closed = threading.Event()
        self._lost = self._started = False

    @property
    def position(self) -> str | None:
        """The id of what was told last; None before anything was heard, and while nothing is."""
        return _text(self._place) if self._hears.is_set() else None

    @property
    def place(self) -> _Place:
        """The same for who has a stream."""
        return self._place

    def __len__(self) -> int:
        return len(self._streams)

    def start(self) -> None:
        """Begin to listen, if nobody did yet. After the fork: threads do not survive one."""
        with self._lock:
            if self._started or self._closed.is_set():
                return
            self._started = True
        for name, target in (("live-reader", self._read), ("live-keeper", self._keep)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def open(self, who: Listener, since: str | None, connection: socket.socket | None = None) -> Stream:
        """A stream of what is told after `since`, or a reset where that is not known any more. Raises Refused."""
        self.start()
        if self._lost or not self._hears.wait(FIRST_ANSWER):
            raise Refused("Live updates are off for the moment.", retry_after=5)
        with self._lock:
            if self._closed.is_set():
                raise Refused("This server is about to stop.", retry_after=1)
            if len(self._streams) >= self.limit:
                raise Refused("Too many pages are open here.", retry_after=10)
            if self._people[who.user_id] >= PER_PERSON:
                raise Refused("You have too many pages open.", retry_after=30)
            stream = Stream(self, who, connection)
            stream.begin(self._place, self._missed(who, since))
            self._streams.add(stream)
            self._people[who.user_id] += 1
            return stream

    def _missed(self, who: Listener, since: str | None) -> list[bytes]:
        place = _parse(since)
        if place is None or not self._floor <= place <= self._place:
            return [_RESET]
        missed = {news: at for at, news in self._recent if at > place and concerns(who, news)}
        if len(missed) > WAITING or any(news.kind == "reset" for news in missed):
            return [_RESET]
        return [_message(who, news) for news in missed]

    def forget(self, stream: Stream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.discard(stream)
                self._people[stream.who.user_id] -= 1
                self._people += Counter()  # drops the zeros

    def close(self) -> None:
        """End all streams and take no more."""
        self._closed.set()
        self._end(lambda _: True)

    def _end(self, which: Callable[[Stream], bool]) -> None:
        with self._lock:
            ending = [stream for stream in self._streams if which(stream)]
        for stream in ending:
            stream.end()

    def _read(self) -> None:
        try:
            while not self._closed.is_set():
                try:
                    if not self._hears.is_set():
                        self._catch_up()
                    self._hand_out(self._events.after(_text(self._place), wait=2))
                except LiveUnavailable as error:
                    self._stop_hearing(str(error))
                    self._closed.wait(1)
        finally:
            self._stop_hearing("nobody listens any more")

    def _stop_hearing(self, why: str) -> None:
        if not self._lost and not self._closed.is_set():
            log.warning("live updates are off", error=why)
        self._lost = True
        self._hears.clear()
        self._end(lambda _: True)

    def _catch_up(self) -> None:
        """At the first start what was told lately; later nobody knows what was not told meanwhile, so all that is open is out of date."""
        recent = [(place, told.news) for told in self._events.newest(REPLAYED) if (place := _parse(told.id)) is not None]
        with self._lock:
            if self._lost:
                last = max(self._place, recent[-1][0] if recent else _START)
                self._recent.clear()
                self._floor = self._place = (last[0], last[1] + 1)
                log.warning("live updates are on again")
            else:
                self._recent.extend(recent)
                self._place = recent[-1][0] if recent else _START
                self._floor = recent[0][0] if recent else _START
            self._lost = False
        self._hears.set()

    def _hand_out(self, told: Collection[Told]) -> None:
        if not told:
            return
        with self._lock:
            fresh: dict[News, _Place] = {}
            for one in told:
                place = _parse(one.id) or self._place
                fresh.pop(one.news, None)  # of the same news the last counts, in its place
                fresh[one.news] = self._place = max(self._place, place)
                if len(self._recent) == REPLAYED:
                    self._floor = self._recent[0][0]
                self._recent.append((self._place, one.news))
            messages: dict[tuple[News, bool], bytes] = {}
            for stream in self._streams:
                for news, place in fresh.items():
                    if concerns(stream.who, news):
                        form = (news, stream.who.tenant_id is None)
                        if form not in messages:
                            messages[form] = _with_id(_message(stream.who, news), place)
                        stream.offer(messages[form])

    def _keep(self) -> None:
        asked = confirmed = time.monotonic()
        while not self._closed.wait(LOOK_AROUND):
            now = time.monotonic()
            with self._lock:
                streams = list(self._streams)
            for stream in hung_up(streams):
                stream.end()
                self.forget(stream)
            if now - asked < ASK_AGAIN:
                continue
            asked = now
            try:
                self._end_strangers(streams)
                confirmed = now
            except Exception:
                log.exception("sessions of live streams could not be looked at")
                if now - confirmed > TRUST:
                    self._end(lambda _: True)

    def _end_strangers(self, streams: Collection[Stream]) -> None:
        if streams:
            going_on = set(self._standing({stream.who for stream in streams}))
            for stream in streams:
                if stream.who not in going_on:
                    stream.end()


class Stream(Iterator[bytes]):
    """What the server sends: each item is one or more whole messages. Waits in the thread that sends."""

    def __init__(self, hub: Hub, who: Listener, connection: socket.socket | None) -> None:
        self.who, self.connection = who, connection
        self._hub = hub
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._late = self._ended = False

    def begin(self, place: _Place, missed: Collection[bytes]) -> None:
        first = b"retry: %d\n" % RETRY_MS + _with_id(b"event: hello\ndata: {}\n", place)
        self._queue.put(first + b"".join(_with_id(message, place) for message in missed))

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

    def __next__(self) -> bytes:
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
            messages = [_with_id(_RESET, self._hub.place)]
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


_RESET = b"event: reset\ndata: {}\n"


def _message(who: Listener, news: News) -> bytes:
    data: Mapping[str, str | None] = {"store": news.store_id, "tenant": news.tenant_id if who.tenant_id is None else None}
    text = json.dumps({name: value for name, value in data.items() if value is not None}, separators=(",", ":"))
    return f"event: {news.kind}\ndata: {text}\n".encode()


def _with_id(message: bytes, place: _Place) -> bytes:
    return b"%sid: %d-%d\n\n" % (message, *place)


def _text(place: _Place) -> str:
    return f"{place[0]}-{place[1]}"


def _parse(text: str | None) -> _Place | None:
    found = _ID.fullmatch(text or "")
    return (int(found[1]), int(found[2])) if found else None
