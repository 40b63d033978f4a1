"""Events about pods. What repeats often is told at most every half minute after the first few times: every event costs a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

from localcluster.controllers import events
from localcluster.objects import Store

Body = Mapping[str, Any]

_AT_ONCE = 5
_PAUSE = 30.0
_REMEMBERED = 1000


class Recorder:
    """Safe for threads. An event that cannot be written is lost, as on a real node."""

    def __init__(self, store: Store, node: str) -> None:
        self._store = store
        self._node = node
        self._told: dict[tuple[str, ...], tuple[int, float]] = {}
        self._lock = threading.Lock()

    def say(
        self,
        pod: Body,
        reason: str,
        message: str,
        *,
        container: str = "",
        init: bool = False,
        kind: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        field = f"spec.{'initContainers' if init else 'containers'}{{{container}}}" if container else ""
        if self._is_news((pod["metadata"]["uid"], field, reason, message)):
            events.record(self._store, pod, reason, message, kind, "kubelet", host=self._node, field=field)

    def _is_news(self, key: tuple[str, ...]) -> bool:
        now = time.monotonic()
        with self._lock:
            times, last = self._told.pop(key, (0, 0.0))
            news = times < _AT_ONCE or now >= last + _PAUSE
            self._told[key] = (times + 1, now if news else last)
            while len(self._told) > _REMEMBERED:
                del self._told[next(iter(self._told))]
        return news
