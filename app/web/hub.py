"""The streams of one web process: one thread hears the news, and hands each to those who may know of it.

A stream has a short queue of its own. Whoever reads too slowly, or comes back with an id that is too old, is told to look at everything
again (`reset`) instead of being told what they missed. A second thread sees who hung up and whose session is over, so that a stream
costs its own thread nothing but waiting, and no connection to the database. Knows nothing of Flask.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection

import structlog

from app.ports import LiveEvents, LiveUnavailable, News, Told
from app.web.stream import RESET, START, WAITING, Listener, Place, Stream, concerns, hung_up, message_of, place_of, text_of, with_id

__all__ = ["Hub", "Listener", "Refused", "Stream"]

log = structlog.get_logger(__name__)

REPLAYED = 2048  # news a stream can be resumed over
PER_PERSON = 30
LOOK_AROUND = 1.0
ASK_AGAIN = 10.0  # how often sessions are looked at
TRUST = 60.0  # how long a stream goes on while nobody can say whether its session does
FIRST_ANSWER = 1.5
# A thousand threads that wake at once would keep pages waiting: so many at a time, with a pause for the others.
AT_ONCE, BREATH = 32, 0.005
STUCK = 30.0  # how long one message may be on its way to a reader


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
        self._recent: deque[tuple[Place, News]] = deque(maxlen=REPLAYED)
        self._floor = self._place = START
        self._hears = threading.Event()
        self._closed = threading.Event()
        self._lost = self._started = False

    @property
    def position(self) -> str | None:
        """The id of what was told last; None before anything was heard, and while nothing is."""
        return text_of(self._place) if self._hears.is_set() else None

    @property
    def place(self) -> Place:
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
        place = place_of(since)
        if place is None or not self._floor <= place <= self._place:
            return [RESET]
        missed = {news: at for at, news in self._recent if at > place and concerns(who, news)}
        if len(missed) > WAITING or any(news.kind == "reset" for news in missed):
            return [RESET]
        return [message_of(who, news) for news in missed]

    def forget(self, stream: Stream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.discard(stream)
                self._people[stream.who.user_id] -= 1
                self._people += Counter()  # drops the zeros

    def close(self) -> None:
        """End all streams and take no more."""
        self._closed.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.end()
            if stream.sends_since is not None:
                stream.cut()

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
                    self._hand_out(self._events.after(text_of(self._place), wait=2))
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
        recent = [(place, told.news) for told in self._events.newest(REPLAYED) if (place := place_of(told.id)) is not None]
        with self._lock:
            if self._lost:
                last = max(self._place, recent[-1][0] if recent else START)
                self._recent.clear()
                self._floor = self._place = (last[0], last[1] + 1)
                log.warning("live updates are on again")
            else:
                self._recent.extend(recent)
                self._place = recent[-1][0] if recent else START
                self._floor = recent[0][0] if recent else START
            self._lost = False
        self._hears.set()

    def _hand_out(self, told: Collection[Told]) -> None:
        """A stream that is opened meanwhile begins at the new place, so it has heard of this already."""
        if not told:
            return
        with self._lock:
            fresh: dict[News, Place] = {}
            for one in told:
                place = place_of(one.id) or self._place
                fresh.pop(one.news, None)  # of the same news the last counts, in its place
                fresh[one.news] = self._place = max(self._place, place)
                if len(self._recent) == REPLAYED:
                    self._floor = self._recent[0][0]
                self._recent.append((self._place, one.news))
            streams = list(self._streams)
        messages: dict[tuple[News, bool], bytes] = {}
        woken = 0
        for stream in streams:
            mine = [(news, place) for news, place in fresh.items() if concerns(stream.who, news)]
            for news, place in mine:
                form = (news, stream.who.tenant_id is None)
                if form not in messages:
                    messages[form] = with_id(message_of(stream.who, news), place)
                stream.offer(messages[form])
            woken += bool(mine)
            if mine and woken % AT_ONCE == 0:
                time.sleep(BREATH)

    def _keep(self) -> None:
        asked = confirmed = time.monotonic()
        while not self._closed.wait(LOOK_AROUND):
            now = time.monotonic()
            with self._lock:
                streams = list(self._streams)
            for stream in hung_up(streams):
                stream.end()
                self.forget(stream)
            for stream in streams:
                if stream.sends_since is not None and now - stream.sends_since > STUCK:
                    stream.cut()
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
