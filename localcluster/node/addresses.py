"""Pods' addresses: one each from 127.64.0.0/12, so that every server keeps its usual port."""

from __future__ import annotations

import hashlib
import ipaddress
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

POD_NETWORK = ipaddress.IPv4Network("127.64.0.0/12")


class Addresses:
    """Hands out addresses, each after the other: one that was just given back is the last to be used again."""

    def __init__(self, seed: Path, in_use: Callable[[], Iterable[str]]) -> None:
        # Two pocket clusters of one machine start at different places, or they would take each other's.
        self._next = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4])
        self._in_use = in_use
        self._given: set[str] = set()
        self._lock = threading.Lock()

    def take(self, wanted: str = "") -> str:
        """An address that nobody has; `wanted`, the one it had before, where it is still free. RuntimeError when all are taken."""
        with self._lock:
            if wanted and wanted not in self._given and _is_ours(wanted):
                self._given.add(wanted)
                return wanted
            taken = self._given.union(self._in_use())
            for _ in range(POD_NETWORK.num_addresses):
                self._next += 1
                address = str(POD_NETWORK[self._next % POD_NETWORK.num_addresses])
                if address not in taken and not address.endswith((".0", ".255")):
                    self._given.add(address)
                    return address
        raise RuntimeError("no pod address is free")

    def give_back(self, address: str) -> None:
        with self._lock:
            self._given.discard(address)


def _is_ours(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text) in POD_NETWORK
    except ValueError:
        return False
