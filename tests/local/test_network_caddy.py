"""Ingresses, served by a real Caddy."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from localcluster.network.caddy import Admin, CaddyError
from tests.local.shops import Answer, Shops, shops
from tests.local.tcp import SECONDS, address, connect, eventually, receive_all, refused, serving

HOST = "demo.localhost"


@pytest.fixture
def shop() -> Iterator[Shops]:
    """One host, one Service `web`, no pod."""
    with shops() as found:
        found.service("web")
        found.ingress("demo", HOST, [("/", "Prefix", "web")])
        yield found


def test_a_host_leads_to_its_pods_and_the_ingress_gets_an_address(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    eventually(lambda: shop.address_of("demo") == "127.0.0.1", "the address is in its status")
    answer = shop.get("DEMO.localhost", "/a%20b?c=d")
    assert answer.headers["X-Path"] == "/a%20b?c=d"
    assert answer.headers["Saw-Host"] == f"DEMO.localhost:{shop.port}"
    assert answer.headers["Saw-X-Forwarded-Host"] == f"DEMO.localhost:{shop.port}"
    assert (answer.headers["Saw-X-Forwarded-Proto"], answer.headers["Saw-X-Forwarded-For"]) == ("http", "127.0.0.1")


def test_what_a_client_claims_to_have_been_forwarded_is_not_believed(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    answer = shop.get(HOST, "/", **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})
    assert (answer.headers["Saw-X-Forwarded-Proto"], answer.headers["Saw-X-Forwarded-For"]) == ("http", "127.0.0.1")


def test_paths_are_taken_as_the_api_describes_them(shop: Shops) -> None:
    for name in ("exact", "store", "deep", "impl", "web"):
        if name != "web":
            shop.service(name)
        shop.pod(name)
    paths = [
        ("/store", "Prefix", "store"),
        ("/store/deep/", "Prefix", "deep"),
        ("/store", "Exact", "exact"),
        ("/impl", "ImplementationSpecific", "impl"),
    ]
    shop.ingress("paths", HOST, paths)
    shop.await_answer(HOST, "/impl", "impl")
    found = {
        path: shop.get(HOST, path).text
        for path in (
            "/store",
            "/store/",
            "/store/x",
            "/store?x=y",
            "/storefront",
            "/Store",
            "/store/deep",
            "/store/deeper",
            "/store/deep/x",
        )
    }
    assert found == {
        "/store": "exact",
        "/store/": "store",
        "/store/x": "store",
        "/store?x=y": "exact",
        "/storefront": "web",
        "/Store": "web",
        "/store/deep": "deep",
        "/store/deeper": "store",
        "/store/deep/x": "deep",
    }


def test_an_unknown_host_is_told_that_no_shop_is_there(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    answer = shop.get("other.localhost", "/<script>")
    assert answer.status == 404
    assert "No shop has this address" in answer.text
    assert "script" not in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_path_that_nobody_serves_is_told_so(shop: Shops) -> None:
    shop.service("other")
    shop.pod("other")
    shop.ingress("half", "half.localhost", [("/app", "Prefix", "other")])
    shop.await_answer("half.localhost", "/app", "other")
    answer = shop.get("half.localhost", "/")
    assert (answer.status, "no page at this path" in answer.text) == (404, True)


def test_a_shop_without_a_ready_pod_asks_to_try_again(shop: Shops) -> None:
    shop.pod("web", ready=False)
    eventually(lambda: shop.answers_with(HOST, 503), "it is known and not there")
    answer = shop.get(HOST)
    assert (answer.status, answer.headers["Retry-After"], "Back in a moment" in answer.text) == (503, "2", True)
    shop.ready("web", ready=True)
    shop.await_answer(HOST, "/", "web")
    shop.remove_pod("web")
    eventually(lambda: shop.answers_with(HOST, 503), "gone again")


def test_a_pod_that_refuses_is_answered_for(shop: Shops) -> None:
    shop.pod("web", answers=False)
    eventually(lambda: shop.answers_with(HOST, 502), "nobody listens there")
    answer = shop.get(HOST)
    assert (answer.headers["Retry-After"], "did not answer" in answer.text) == ("2", True)


def test_the_older_of_two_ingresses_keeps_its_host_and_the_newer_is_told(shop: Shops) -> None:
    shop.pod("web")
    shop.service("thief")
    shop.pod("thief")
    shop.await_answer(HOST, "/", "web")
    shop.ingress("thief", HOST, [("/", "Prefix", "thief"), ("/thief", "Prefix", "thief")])
    shop.await_answer(HOST, "/thief", "thief")
    assert shop.get(HOST).text == "web"
    eventually(lambda: any(event["reason"] == "PathTaken" for event in shop.store.all("Event", "shop")), "an event")
    (event,) = shop.store.all("Event", "shop")
    assert (event["involvedObject"]["name"], event["type"], event["count"]) == ("thief", "Warning", 1)
    assert event["message"] == f"{HOST}/ is served for Ingress shop/demo, which is older and claims it as well"
    shop.store.delete("Ingress", "shop", "demo")
    shop.await_answer(HOST, "/", "thief")


def test_a_killed_caddy_gets_its_configuration_again(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    for _ in range(2):
        shop.kill_caddy()
        assert not shop.answers(HOST, "/", "web")
        shop.start_caddy()
        shop.await_answer(HOST, "/", "web")


def test_a_caddy_that_comes_late_is_told_what_happened_before() -> None:
    with shops(caddy=False) as shop:
        shop.service("web")
        shop.pod("web")
        shop.ingress("demo", HOST, [("/", "Prefix", "web")])
        assert shop.address_of("demo") == "", "what is not served has no address"
        shop.start_caddy()
        shop.await_answer(HOST, "/", "web")
        eventually(lambda: shop.address_of("demo") == "127.0.0.1", "it has one now")


def test_a_taken_port_is_waited_for() -> None:
    with shops(caddy=False) as shop:
        shop.service("web")
        shop.pod("web")
        shop.ingress("demo", HOST, [("/", "Prefix", "web")])
        with serving(lambda connection: None, host="127.0.0.1", port=shop.port):
            shop.start_caddy()
            eventually(lambda: "in use" in shop.network.complaint, "it is said")
            assert shop.address_of("demo") == ""
        shop.await_answer(HOST, "/", "web")


def test_every_request_is_answered_by_a_pod_that_serves_while_pods_are_replaced(shop: Shops) -> None:
    """As a rolling update does it: the new one is ready before the old one leaves, and the old one serves until it is gone.

    A connection that is being made while Caddy takes a configuration may be reset: it is made again, as browsers do.
    """
    shop.pod("web", "web-0")
    shop.await_answer(HOST, "/", "web-0")
    ending, answers, lost = threading.Event(), list[tuple[int, str]](), list[Exception]()

    def ask() -> None:
        while not ending.is_set():
            try:
                answer = _asked_again_after_a_reset(shop)
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)
                return
            answers.append((answer.status, answer.text))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for number in range(1, 6):
            new, old = shop.pod("web", f"web-{number}"), f"web-{number - 1}"
            _await_asked(answers, new)
            shop.store.delete("Pod", "shop", old, grace_seconds=30)
            eventually(lambda old=old: len(answers) > 40 and (200, old) not in answers[-40:], f"{old} is asked no more")
            shop.web(old).stop()
            shop.remove_pod(old)
    finally:
        ending.set()
        for client in clients:
            client.join(SECONDS)
    assert lost == []
    assert {status for status, _ in answers} == {200}
    assert {text for _, text in answers} == {f"web-{number}" for number in range(6)}


def _asked_again_after_a_reset(shop: Shops) -> Answer:
    try:
        return shop.get(HOST)
    except ConnectionResetError:
        return shop.get(HOST)


def _await_asked(answers: list[tuple[int, str]], name: str) -> None:
    eventually(lambda: (200, name) in answers[-40:], f"{name} is asked")


def test_large_bodies_pass_both_ways(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    body = os.urandom(1 << 20) * 8
    connection = shop.connection()
    connection.request("POST", "/", body, {"Host": HOST})
    assert connection.getresponse().read() == body
    connection.close()


def test_a_stream_arrives_piece_by_piece_and_outlives_a_new_configuration(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    connection = shop.connection()
    connection.request("GET", "/stream", headers={"Host": HOST})
    answer = connection.getresponse()
    assert answer.readline() == b"data: one\n"
    shop.ingress("other", "other.localhost", [("/", "Prefix", "web")])
    shop.await_answer("other.localhost", "/", "web")
    shop.web("web").seen.set()
    assert answer.read() == b"\ndata: two\n\n"
    connection.close()


def test_a_web_socket_passes_and_outlives_a_new_configuration(shop: Shops) -> None:
    def upgrade(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        if b"websocket" in head:
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
            while data := connection.recv(4096):
                connection.sendall(data)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain")

    with serving(upgrade, host=address(64), port=8080) as server:
        shop.pod("web", answers=False)
        shop.ready("web", ready=True, address=server.at[0])
        shop.await_answer(HOST, "/", "plain")
        with connect(("127.0.0.1", shop.port)) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
            got = b""
            while not got.endswith(b"hello"):
                got += client.recv(4096)
            shop.ingress("other", "other.localhost", [("/", "Prefix", "web")])
            shop.await_answer("other.localhost", "/", "plain")
            client.sendall(b"still there")
            assert client.recv(4096) == b"still there"


def test_caddy_ends_at_once_on_sigquit_whatever_is_open(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    connection = shop.connection()
    connection.request("GET", "/stream", headers={"Host": HOST})
    connection.getresponse().readline()
    assert shop.caddy is not None
    shop.caddy.send_signal(signal.SIGQUIT)
    shop.caddy.wait(SECONDS)
    connection.close()


def test_nothing_is_written_but_the_socket_and_nothing_listens_but_the_port(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    assert {path.name for path in shop.folder.iterdir()} == {"admin", "caddy.json", "caddy.log"}
    assert (shop.folder / "caddy.log").read_text(encoding="utf-8") == ""
    assert shop.caddy is not None
    assert _listening(shop.caddy.pid) == {f"127.0.0.1:{shop.port}"}


def _listening(pid: int) -> set[str]:
    """The TCP addresses that a process listens on."""
    held = {os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd")}
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for fields in [line.split() for line in lines][1:]:
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                    host, port = fields[1].split(":")
                    found.add(f"{socket.inet_ntoa(bytes.fromhex(host)[::-1]) if table == 'tcp' else host}:{int(port, 16)}")
    return found


def test_what_caddy_refuses_is_an_error_and_changes_nothing(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    with pytest.raises(CaddyError, match="nonsense"):
        Admin(shop.admin).load({"apps": {"nonsense": {}}})
    assert shop.get(HOST).text == "web"
    with pytest.raises(CaddyError, match="does not answer"):
        Admin("unix//tmp/nobody").running("shops")


def test_a_configuration_from_elsewhere_is_put_right(shop: Shops) -> None:
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    Admin(shop.admin).load({"admin": {"listen": shop.admin, "config": {"persist": False}}})
    shop.await_answer(HOST, "/", "web")


def test_a_service_is_forwarded_to_its_pods_until_it_is_deleted(shop: Shops) -> None:
    at = (shop.store.get("Service", "shop", "web")["spec"]["clusterIP"], 80)
    assert refused(at)
    shop.pod("web")
    eventually(lambda: not refused(at), "it is open")
    with connect(at) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert receive_all(client).endswith(b"web")
    shop.store.delete("Service", "shop", "web")
    eventually(lambda: refused(at), "it is closed")
    eventually(lambda: shop.answers_with(HOST, 503), "and its shop is away")


def test_a_service_whose_address_is_taken_has_an_event(shop: Shops) -> None:
    shop.service("late")
    at = (shop.store.get("Service", "shop", "late")["spec"]["clusterIP"], 80)
    with serving(lambda connection: None, host=at[0], port=80):
        shop.pod("late")
        eventually(lambda: any(event["reason"] == "ListenFailed" for event in shop.store.all("Event", "shop")), "an event")
    (event,) = shop.store.all("Event", "shop")
    assert (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == ("Service", "late")
    assert event["message"] == f"cannot listen on {at[0]}:80: Address already in use; trying again"
    eventually(lambda: shop.web("late").word in _said(at), "it is served when the address is free")


def _said(at: tuple[str, int]) -> str:
    try:
        with connect(at) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return receive_all(client).decode()
    except ConnectionError:
        return ""


def test_a_deleted_namespace_leaves_nothing_listening(shop: Shops) -> None:
    at = (shop.store.get("Service", "shop", "web")["spec"]["clusterIP"], 80)
    shop.pod("web")
    shop.await_answer(HOST, "/", "web")
    for kind, name in (("Ingress", "demo"), ("Service", "web"), ("Pod", "web")):
        shop.store.delete(kind, "shop", name, grace_seconds=0)
    eventually(lambda: refused(at), "the service's address")
    eventually(lambda: shop.answers_with(HOST, 404), "the shop's")
