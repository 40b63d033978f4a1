"""The port: TLS, keep-alive, clients that are slow, silent, greedy or gone, and the end of all of them."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.api import server as module
from tests.pocket import Pocket

CM = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def pocket(tmp_path: Path) -> Iterator[Pocket]:
    with Pocket(tmp_path, work=lambda store, stop: None) as running:
        yield running


def trust(pocket: Pocket) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=pocket.credentials.authority.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
def connection(pocket: Pocket) -> Iterator[http.client.HTTPSConnection]:
    opened = connect(pocket)
    yield opened
    opened.close()


def connect(pocket: Pocket, host: str = "127.0.0.1") -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(host, pocket.server.port, context=trust(pocket), timeout=20)


def auth(pocket: Pocket) -> dict[str, str]:
    return {"Authorization": f"Bearer {pocket.credentials.token}", "Content-Type": "application/json"}


def get(pocket: Pocket, connection: http.client.HTTPSConnection, path: str = CM) -> tuple[int, Any]:
    connection.request("GET", path, headers=auth(pocket))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def open_connections(pocket: Pocket) -> int:
    return len(pocket.server._listener._connections)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_one_connection_serves_many_requests(pocket: Pocket, host: str) -> None:
    connection = connect(pocket, host)
    assert get(pocket, connection)[0] == 200
    sock = connection.sock
    for path, code in ((CM, 200), (f"{CM}/none", 404), ("/version", 200)):
        assert get(pocket, connection, path)[0] == code
        assert connection.sock is sock
    connection.close()


def test_a_refused_request_leaves_the_connection_usable(pocket: Pocket, connection: http.client.HTTPSConnection) -> None:
    connection.request("POST", CM, body=b'{"metadata": {"name": "x"}}', headers={"Authorization": "Bearer wrong"})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["reason"]) == (401, "Unauthorized")
    assert get(pocket, connection)[1]["items"] == []


def test_a_body_that_is_too_large_is_refused_in_words(pocket: Pocket, connection: http.client.HTTPSConnection) -> None:
    connection.request("POST", CM, body=b"x" * (module.MAX_BODY + 1), headers=auth(pocket))
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["reason"]) == (413, "RequestEntityTooLarge")
    assert get(pocket, connection)[0] == 200


@pytest.mark.parametrize(
    ("header", "value", "code"), [("Content-Length", "x", 400), ("Content-Length", "-1", 400), ("Transfer-Encoding", "chunked", 411)]
)
def test_a_body_of_no_known_length_is_refused(
    pocket: Pocket, connection: http.client.HTTPSConnection, header: str, value: str, code: int
) -> None:
    connection.putrequest("POST", CM)
    for name, text in (*auth(pocket).items(), (header, value)):
        connection.putheader(name, text)
    connection.endheaders()
    assert connection.getresponse().status == code


def test_clients_that_say_nothing_hold_up_nobody(pocket: Pocket, connection: http.client.HTTPSConnection) -> None:
    silent = [socket.create_connection(("127.0.0.1", pocket.server.port)) for _ in range(5)]
    assert get(pocket, connection)[0] == 200
    for each in silent:
        each.close()


def test_what_is_not_tls_is_hung_up_on(pocket: Pocket, connection: http.client.HTTPSConnection) -> None:
    with socket.create_connection(("127.0.0.1", pocket.server.port)) as plain:
        plain.sendall(b"GET /version HTTP/1.1\r\n\r\n")
        plain.settimeout(20)
        assert b"HTTP/1" not in _rest(plain)
    assert get(pocket, connection)[0] == 200


def _rest(plain: socket.socket) -> bytes:
    try:
        return plain.recv(1000)
    except ConnectionError:
        return b""


def test_more_connections_than_threads_are_wanted_are_turned_away(pocket: Pocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 1)
    first, second = connect(pocket), connect(pocket)
    assert get(pocket, first)[0] == 200
    with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as it comes
        get(pocket, second)
    first.close()
    second.close()
    eventually(lambda: open_connections(pocket) == 0)
    third = connect(pocket)
    assert get(pocket, third)[0] == 200
    third.close()


def test_a_watch_streams_and_ends_when_its_client_leaves(pocket: Pocket) -> None:
    connection = connect(pocket)
    connection.request("GET", f"{CM}?watch=true&resourceVersion={pocket.store.version}", headers=auth(pocket))
    response = connection.getresponse()
    pocket.store.create("ConfigMap", {"metadata": {"name": "new"}}, namespace="default", manager="test")
    assert json.loads(response.readline())["object"]["metadata"]["name"] == "new"
    response.close()
    connection.close()
    eventually(lambda: open_connections(pocket) == 0)


def test_stopping_ends_watches_idle_connections_and_handshakes(tmp_path: Path) -> None:
    with Pocket(tmp_path, work=lambda store, stop: None) as pocket:
        idle, watching = connect(pocket), connect(pocket)
        assert get(pocket, idle)[0] == 200
        watching.request("GET", f"{CM}?watch=true", headers=auth(pocket))
        response = watching.getresponse()
        silent = socket.create_connection(("127.0.0.1", pocket.server.port))
        eventually(lambda: open_connections(pocket) == 3)
    assert open_connections(pocket) == 0
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    with pytest.raises(OSError):  # noqa: PT011 - nobody listens
        socket.create_connection(("127.0.0.1", pocket.server.port))
    for each in (idle, watching, silent):
        each.close()


def test_a_port_that_is_taken_is_said_at_once(pocket: Pocket) -> None:
    with pytest.raises(OSError, match="in use"):
        module.serve(pocket.store, port=pocket.server.port, credentials=pocket.credentials)


def test_readers_and_writers_at_once_see_whole_objects_only(pocket: Pocket) -> None:
    pocket.store.create("ConfigMap", {"metadata": {"name": "x"}, "data": {"a": "0", "b": "0"}}, namespace="default", manager="test")
    torn: list[Any] = []
    stop = threading.Event()

    def read() -> None:
        connection = connect(pocket)
        while not stop.is_set():
            data = get(pocket, connection, f"{CM}/x")[1]["data"]
            if data["a"] != data["b"]:
                torn.append(data)
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(100):
        patch = {"data": {"a": str(number), "b": str(number)}}
        pocket.store.patch("ConfigMap", "default", "x", patch, form="merge", manager="test")
    stop.set()
    for reader in readers:
        reader.join()
    assert torn == []
