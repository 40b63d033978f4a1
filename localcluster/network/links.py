"""One forwarded TCP connection: bytes both ways, with back-pressure, half-close, and an abort on one side told to the other.

A chunk that was read is written in the same turn of the loop, and leaves at once (TCP_NODELAY).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

_BUFFERED = 256 * 1024  # bytes waiting for a slow reader before the fast side is no longer read
_NO_LINGER = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One end of a link; `other` is the end that its bytes go to. It is one of `living` while it is connected."""

    def __init__(self, living: set[Side]) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self._living = living
        self.finished = False
        """Nothing more comes in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._living.add(self)
        self.transport.set_write_buffer_limits(high=_BUFFERED)
        # asyncio does this for sockets whose protocol number is set, which that of an accepted one need not be.
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport.pause_reading()  # until there is somewhere to write to

    def join(self, other: Side) -> None:
        """Both are connected: let it flow."""
        self.other, other.other = other, self
        for side in (self, other):
            if side.transport is not None:
                side.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """True keeps this side open for what the other still has to say."""
        self.finished = True
        other = self.other
        if other is None or other.transport is None or other.transport.is_closing():
            return False
        if other.finished:
            other.transport.close()
            return False
        other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.transport = self.other, None
        if other is not None and other.transport is not None:
            if exc is None and self.finished and other.finished:
                other.transport.close()
            else:
                other.reset()
        self._living.discard(self)

    def reset(self) -> None:
        """End it with an RST, dropping what is buffered: the peer must not take it for a complete answer."""
        if self.transport is None:
            return
        _forget(self.transport.get_extra_info("socket"))
        self.transport.abort()


def reset(connection: socket.socket) -> None:
    """End a connection that has no transport yet with an RST."""
    _forget(connection)
    connection.close()


def _forget(connection: socket.socket) -> None:
    """Closing it will not wait for what is unsent, and send an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
