"""How often one address may try something: fixed windows in this process's memory, bounded in number."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

ADDRESSES = 10_000


class Limiter:
    """`tries` in a window of `seconds`. Each worker process counts for itself."""

    def __init__(self, tries: int, seconds: float, *, most: int = ADDRESSES, now: Callable[[], float] = time.monotonic) -> None:
        self._tries, self._seconds, self._most, self._now = tries, seconds, most, now
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def hit(self, address: str) -> int:
        """Count one try; the seconds to wait before the next is allowed, 0 where this one is."""
        key, now = network(address), self._now()
        with self._lock:
            ends, tries = self._windows.get(key, (0.0, 0))
            if ends <= now:
                # equally long windows in the order of their beginnings: the first end first
                self._windows.pop(key, None)
                ends, tries = now + self._seconds, 0
            self._windows[key] = (ends, tries + 1)
            while self._windows and (len(self._windows) > self._most or next(iter(self._windows.values()))[0] <= now):
                self._windows.popitem(last=False)
        return math.ceil(ends - now) if tries >= self._tries else 0


def network(address: str) -> str:
    """An IPv4 address itself; of an IPv6 address its first 64 bits, for one household has all the rest."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
