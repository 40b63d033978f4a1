"""What was read a moment ago, in this process's memory, bounded.

Fresh for some seconds; after that the old value is still given, at once, while *one* thread in the background reads anew
(stale-while-revalidate). Far older values wait for the reading, and are given all the same if it fails (stale-if-error). However many
visitors ask for what isn't there, one reads and the others wait for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from storefront.client import BackendAway, BackendError

T = TypeVar("T")

log = logging.getLogger(__name__)

# a reading that takes long is repeated less often, so that it never costs Medusa more than this share of a processor
SHARE = 0.05
RETRY = 2.0


@dataclass
class Entry:
    value: Any
    read_at: float
    next_read: float
    failed: bool = False  # the last reading did: nobody waits for the next one


class Cache:
    """Bounds in seconds: `fresh` values are given as they are, `stale` ones while they are read anew, those to `keep` if Medusa is away.

    `most` is the number of keys; `background` runs what nobody waits for.
    """

    def __init__(
        self,
        *,
        fresh: float,
        stale: float = 300.0,
        keep: float = 86_400.0,
        most: int = 256,
        now: Callable[[], float] = time.monotonic,
        background: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._fresh, self._stale, self._keep, self._most, self._now = fresh, stale, keep, most, now
        self._background = background or _in_thread
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._readings: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """The value at `key`. `read` may raise BackendError, which whoever waits gets if nothing usable is kept."""
        now = self._now()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                if now < entry.next_read:
                    return entry.value
            reading = self._readings.get(key)
            mine = reading is None
            if reading is None:
                reading = self._readings[key] = Future()
        usable = entry is not None and now - entry.read_at < (self._keep if entry.failed else self._fresh + self._stale)
        if mine and usable:
            self._background(lambda: self._read(key, read, reading))
        elif mine:
            self._read(key, read, reading)
        if usable:
            return entry.value  # type: ignore[union-attr]
        try:
            return reading.result()
        except BackendAway:
            if entry is not None and now - entry.read_at < self._keep:
                return entry.value
            raise

    def peek(self, key: Hashable) -> Any:
        """The value at `key` however old, without reading; None without one."""
        with self._lock:
            entry = self._entries.get(key)
        return entry.value if entry is not None else None

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()

    def _read(self, key: Hashable, read: Callable[[], Any], reading: Future[Any]) -> None:
        began = self._now()
        try:
            value = read()
        except BaseException as error:
            with self._lock:
                del self._readings[key]
                if (entry := self._entries.get(key)) is not None:
                    entry.next_read, entry.failed = self._now() + RETRY, isinstance(error, BackendAway)
            reading.set_exception(error)
            if not isinstance(error, BackendError):
                log.exception("reading failed")
            return
        ended = self._now()
        with self._lock:
            self._entries[key] = Entry(value, ended, ended + max(self._fresh, (ended - began) / SHARE))
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            del self._readings[key]
        reading.set_result(value)


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="refresh", daemon=True).start()
