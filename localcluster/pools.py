"""Numbers that a cluster hands out, such as addresses and ports: each in its turn, so that a released one is not soon somebody else's."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Container
from typing import Generic, TypeVar

T = TypeVar("T")


class Exhausted(Exception):
    """All are in use."""


class Pool(Generic[T]):
    """`size` things, `item(0)` to `item(size - 1)`. The caller knows what is in use: nothing is given back or kept."""

    def __init__(self, size: int, item: Callable[[int], T]) -> None:
        self._size = size
        self._item = item
        self._turn = 0

    def take(self, used: Container[T] = ()) -> T:
        """The next that is not in use. Not for several threads at once."""
        for _ in range(self._size):
            item = self._item(self._turn)
            self._turn = (self._turn + 1) % self._size
            if item not in used:
                return item
        raise Exhausted(f"all {self._size} are in use")


def addresses(network: str) -> Pool[str]:
    """The addresses of an IPv4 network such as `127.96.0.0/12`, without its first and last."""
    block = ipaddress.IPv4Network(network)
    return Pool(block.num_addresses - 2, lambda number: str(block[number + 1]))
