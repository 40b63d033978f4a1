"""The `LiveEvents` port on one capped Valkey stream, which carries ids and nothing else.

Whoever publishes waits for half a second at most. After a failure nobody waits at all: a thread tries in the background, and its first
success tells everybody to look at everything again, since nobody knows what was missed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError
from redis.retry import Retry

from app.ports import LiveUnavailable, News, NewsKind, Told

KEY = "storeyard:live"
KEPT = 4096
PATIENCE = 0.5
TRY_AGAIN = 2.0

_KINDS = frozenset(get_args(NewsKind))
_ID = re.compile(r"[0-9A-Za-z]{1,64}")
T = TypeVar("T")


class ValkeyLiveEvents:
    """Nothing connects before the first call. `wait` of `after` must stay below two seconds and a half: its answer is waited for three."""

    def __init__(self, url: str, *, key: str = KEY, kept: int = KEPT) -> None:
        self._key, self._kept = key, kept
        # One retry, at once, for a connection that the server closed while idle; none for a server that does not answer.
        once = Retry(NoBackoff(), 1, supported_errors=(NotConnected,))
        never = Retry(NoBackoff(), 0)
        common: dict[str, Any] = {"decode_responses": True, "protocol": 2}
        self._writer = Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=once, **common)
        self._reader = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=3, retry=never, **common)
        self._lock = threading.Lock()
        self._away = self._missed = False

    def publish(self, news: News) -> None:
        with self._lock:
            if self._away:
                self._missed = True
                raise LiveUnavailable("Valkey did not answer lately")
        try:
            self._add(news)
        except LiveUnavailable:
            with self._lock:
                first, self._away, self._missed = not self._away, True, True
            if first:
                threading.Thread(target=self._make_up, name="live-make-up", daemon=True).start()
            raise

    def newest(self, count: int) -> tuple[Told, ...]:
        found = _reach(lambda: self._reader.xrevrange(self._key, count=count))
        return tuple(_told(entry) for entry in reversed(cast("list[Any]", found)))

    def after(self, last: str, *, wait: float) -> tuple[Told, ...]:
        found = _reach(lambda: self._reader.xread({self._key: last}, count=1000, block=max(1, round(wait * 1000))))
        return tuple(_told(entry) for _, entries in cast("list[Any]", found or []) for entry in entries)

    def _add(self, news: News) -> None:
        fields: dict[Any, Any] = {"kind": news.kind}
        fields |= {name: text for name, text in (("tenant", news.tenant_id), ("store", news.store_id)) if text}
        _reach(lambda: self._writer.xadd(self._key, fields, maxlen=self._kept, approximate=True))

    def _make_up(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if not self._missed:
                    self._away = False
                    return
                self._missed = False
            try:
                self._add(News("reset"))
            except LiveUnavailable:
                self._missed = True
                pause.wait(TRY_AGAIN)


def _reach(call: Callable[[], T]) -> T:
    try:
        return call()
    except RedisError as error:
        raise LiveUnavailable(f"Valkey cannot be reached: {error}") from error


def _told(entry: tuple[str, Mapping[str, str]]) -> Told:
    """What cannot be read means: look again. Nothing of it gets any further."""
    told_id, fields = entry
    kind, tenant, store = fields.get("kind", ""), fields.get("tenant"), fields.get("store")
    readable = kind in _KINDS and all(text is None or _ID.fullmatch(text) for text in (tenant, store))
    return Told(told_id, News(cast("NewsKind", kind), tenant, store) if readable else News("reset"))
