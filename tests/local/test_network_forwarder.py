"""The forwarder of Services, on real sockets."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from localcluster.network.services import Forwarder
from tests.local.tcp import SECONDS, address, connect, echo, eventually, receive_all, refused, saying, serving

PORT = 5432


@pytest.fixture
def forwarder() -> Iterator[Forwarder]:
    found = Forwarder()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def at() -> tuple[str, int]:
    """A Service's address."""
    return (address(), PORT)


def opened(forwarder: Forwarder, at: tuple[str, int], *targets: tuple[str, int]) -> None:
    forwarder.serve({at: targets})
    eventually(lambda: not refused(at), "the service's address is open")


def test_what_is_said_arrives_both_ways(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            for word in (b"one", b"two"):
                client.sendall(word)
                assert client.recv(100) == word


def test_the_server_may_speak_first(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(saying(b"welcome")) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            assert receive_all(client) == b"welcome"


def test_without_an_endpoint_connections_are_refused_until_there_is_one(forwarder: Forwarder, at: tuple[str, int]) -> None:
    forwarder.serve({at: ()})
    assert refused(at)
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        forwarder.serve({at: ()})
        eventually(lambda: refused(at), "refused again")
        opened(forwarder, at, server.at)


def test_an_endpoint_that_does_not_listen_resets_the_connection(forwarder: Forwarder, at: tuple[str, int]) -> None:
    forwarder.serve({at: ((address(64), 1),)})
    eventually(lambda: not refused(at), "the service's address is open")
    with pytest.raises(ConnectionResetError), connect(at) as client:
        client.recv(1)


def test_endpoints_take_turns_and_a_dead_one_is_passed_over(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(saying(b"a")) as one, serving(saying(b"b")) as two:
        opened(forwarder, at, one.at, (address(64), 1), two.at)
        said = b""
        for _ in range(12):
            with connect(at) as client:
                said += receive_all(client)
        assert sorted(set(said)) == [*b"ab"]
        assert len(said) == 12


def test_new_connections_go_to_new_endpoints_and_old_ones_go_on(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(echo) as old, serving(saying(b"new")) as new:
        opened(forwarder, at, old.at)
        with connect(at) as before:
            before.sendall(b"x")
            assert before.recv(1) == b"x"
            forwarder.serve({at: (new.at,)})

            def arrived() -> bool:
                with connect(at) as client:
                    client.shutdown(socket.SHUT_WR)
                    return receive_all(client) == b"new"

            eventually(arrived, "a new connection reaches the new endpoint")
            before.sendall(b"still there")
            assert before.recv(100) == b"still there"


def test_a_removed_service_refuses_and_its_connections_are_cut(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            client.recv(1)
            forwarder.serve({})
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        eventually(lambda: refused(at), "nobody listens")


def test_an_endpoint_that_dies_ends_its_connections(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            client.recv(1)
            server.close()
            assert client.recv(1) == b""


def test_an_endpoint_that_aborts_is_not_taken_for_one_that_has_said_all(forwarder: Forwarder, at: tuple[str, int]) -> None:
    def abort(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with serving(abort) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_a_client_that_aborts_is_told_to_the_server(forwarder: Forwarder, at: tuple[str, int]) -> None:
    heard: list[str] = []

    def listen(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"y")
        try:
            heard.append("end" if connection.recv(1) == b"" else "data")
        except ConnectionResetError:
            heard.append("reset")

    with serving(listen) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            client.recv(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: "reset" in heard, "the server hears of it")


def test_one_side_may_end_and_still_listen(forwarder: Forwarder, at: tuple[str, int]) -> None:
    def count(connection: socket.socket) -> None:
        connection.sendall(str(len(receive_all(connection))).encode())

    with serving(count) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x" * 1000)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b"1000"


def test_the_server_may_end_first_and_still_listen(forwarder: Forwarder, at: tuple[str, int]) -> None:
    heard: list[bytes] = []

    def quiet(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_WR)
        heard.append(receive_all(connection))

    with serving(quiet) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            assert client.recv(1) == b""
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
            eventually(lambda: b"last words" in heard, "they arrive")


def test_large_transfers_arrive_whole_both_ways_at_once(forwarder: Forwarder, at: tuple[str, int]) -> None:
    data = os.urandom(1 << 20) * 24
    wanted, got = hashlib.sha256(data).digest(), list[bytes]()

    def exchange(connection: socket.socket) -> None:
        sender = threading.Thread(target=_send, args=(connection, data))
        sender.start()
        got.append(hashlib.sha256(receive_all(connection)).digest())
        sender.join(SECONDS)

    with serving(exchange) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            exchange(client)
        eventually(lambda: got.count(wanted) == 2, "both have all")


def _send(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # who only looked whether the address is open listens no more
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def test_a_slow_reader_holds_the_sender_back(forwarder: Forwarder, at: tuple[str, int]) -> None:
    sent = 0
    done = threading.Event()

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(1)
        connection.settimeout(2)
        try:
            for _ in range(1000):
                sent += connection.send(b"x" * (1 << 18))
        except TimeoutError:
            done.set()

    with serving(flood) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            assert done.wait(SECONDS), "the sender was never held back"
            assert sent < 64 << 20


def test_two_hundred_connections_at_once(forwarder: Forwarder, at: tuple[str, int]) -> None:
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        clients = [connect(at) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(f"{number:04}".encode())
        assert [client.recv(4) for client in clients] == [f"{number:04}".encode() for number in range(200)]
        for client in clients:
            client.close()


def test_an_address_that_is_taken_is_told_and_tried_again(forwarder: Forwarder, at: tuple[str, int]) -> None:
    free = (address(), PORT)
    with serving(saying(b"server")) as server:
        with serving(saying(b"squatter"), host=at[0], port=PORT):
            forwarder.serve({at: (server.at,), free: (server.at,)})
            eventually(lambda: "in use" in forwarder.troubles().get(at, ""), "it is told")
            assert not refused(free), "the others are served all the same"
        eventually(lambda: not forwarder.troubles(), "it is over")
        with connect(at) as client:
            assert receive_all(client) == b"server"


def test_a_stopped_forwarder_leaves_nothing_open(at: tuple[str, int]) -> None:
    found = Forwarder()
    found.start()
    with serving(echo) as server:
        opened(found, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            client.recv(1)
            found.stop()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    assert refused(at)
    found.stop()


def test_connections_wait_for_nothing(forwarder: Forwarder, at: tuple[str, int]) -> None:
    """Small packets are sent at once, by both halves."""
    with serving(echo) as server:
        opened(forwarder, at, server.at)
        with connect(at) as client:
            client.sendall(b"x")
            client.recv(1)
            halves = [side for door in forwarder._doors.values() for side in door._sides if side.other is not None]
            options = [
                side.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for side in halves
                if side.transport
            ]
    assert len(options) >= 2
    assert set(options) == {1}
