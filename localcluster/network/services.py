"""Services: a TCP forwarder behind every cluster address, in one asyncio loop in a thread of its own.

It listens where there is an endpoint and only there, so that a connection is refused by the kernel, as kube-proxy would have it refused,
while there is none. Endpoints are taken in turn; one that doesn't answer is passed over. A connection outlives its endpoint's place in the
list, not its Service. TCP on cluster addresses only: no UDP, no node ports, no session affinity (every client has the same address).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Mapping
from functools import partial

from localcluster.network.endpoints import Address
from localcluster.network.links import Side, reset

_LOG = logging.getLogger(__name__)

_BACKLOG = 1024
_CONNECT_SECONDS = 3.0
_RETRY_SECONDS = 1.0  # after an address could not be bound

Table = Mapping[Address, tuple[Address, ...]]  # where to listen, where to connect to


class Forwarder:
    """Serves the table that it was given last."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="services", daemon=True)
        self._wanted: Table = {}
        self._changed = asyncio.Event()
        self._ending = False
        self._doors: dict[Address, _Door] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close everything; returns when it is closed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join()

    def serve(self, table: Table) -> None:
        """From now on these. From any thread; takes effect soon."""
        self._loop.call_soon_threadsafe(self._take, dict(table))

    def troubles(self) -> Mapping[Address, str]:
        """Addresses that should be listened on and cannot be, and why. From any thread."""
        return {address: door.trouble for address, door in list(self._doors.items()) if door.trouble}

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._keep())
        finally:
            self._loop.close()

    def _take(self, table: Table) -> None:
        self._wanted = table
        self._changed.set()

    def _end(self) -> None:
        self._ending = True
        self._take({})

    async def _keep(self) -> None:
        while not self._ending:
            self._changed.clear()
            self._settle()
            patience = _RETRY_SECONDS if self.troubles() else None
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError:
                continue
        doors = list(self._doors.values())
        self._settle()
        while any(door.busy for door in doors):
            await asyncio.sleep(0)  # what was cut is closed in the loop's next turns

    def _settle(self) -> None:
        wanted = self._wanted
        for address in self._doors.keys() - wanted.keys():
            self._doors.pop(address).remove()
        for address, targets in wanted.items():
            door = self._doors.get(address) or self._doors.setdefault(address, _Door(address))
            door.lead_to(targets)


class _Door:
    """One address of one Service, open while it leads somewhere.

    It accepts by itself: asyncio's Server loses a connection that was accepted in the turn in which it is closed.
    """

    def __init__(self, address: Address) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._targets: tuple[Address, ...] = ()
        self._turn = 0
        self._listener: socket.socket | None = None
        self._sides: set[Side] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.trouble = ""

    @property
    def busy(self) -> bool:
        return bool(self._sides or self._connecting)

    def lead_to(self, targets: tuple[Address, ...]) -> None:
        self._targets = targets
        if not targets:
            self._close()
            self.trouble = ""
        elif self._listener is None:
            self._open()

    def remove(self) -> None:
        self._close()
        for task in self._connecting:
            task.cancel()
        for side in list(self._sides):
            side.reset()

    def _close(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _open(self) -> None:
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(self._address)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if not self.trouble:
                _LOG.warning("an address of a service could not be bound: address=%s:%d error=%s", *self._address, error.strerror)
            self.trouble = error.strerror or str(error)
            return
        self._listener, self.trouble = listener, ""
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptors left: later there may be
                _LOG.warning("a connection could not be accepted: address=%s:%d error=%s", *self._address, error.strerror)
                self._loop.remove_reader(listener)
                self._loop.call_later(_RETRY_SECONDS, self._accept_again, listener)
                return
            task = self._loop.create_task(self._carry(connection))
            self._connecting.add(task)
            task.add_done_callback(partial(self._carried, connection))

    def _accept_again(self, listener: socket.socket) -> None:
        if self._listener is listener:
            self._loop.add_reader(listener, self._accept, listener)

    async def _carry(self, connection: socket.socket) -> None:
        server = await self._reach()
        if server is None:
            reset(connection)
            return
        _, client = await self._loop.connect_accepted_socket(self._side, connection)
        if server.transport is None:
            client.reset()
        else:
            client.join(server)

    def _carried(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if task.cancelled() and connection.fileno() != -1:  # it may not even have begun
            reset(connection)

    async def _reach(self) -> Side | None:
        """The first endpoint that answers, beginning with the next in turn."""
        targets = self._targets
        self._turn += 1
        for step in range(len(targets)):
            host, port = targets[(self._turn + step) % len(targets)]
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    _, server = await self._loop.create_connection(self._side, host, port)
            except OSError:  # TimeoutError is one
                continue
            return server
        return None

    def _side(self) -> Side:
        return Side(self._sides)
