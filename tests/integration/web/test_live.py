"""Streams of live updates as they are served: by gunicorn with its own configuration, a real PostgreSQL and a real Valkey."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from app.bootstrap import build_services
from app.config import Settings
from app.services.account_views import LoggedIn
from app.services.auth_sessions import log_out
from app.services.context import Services
from app.services.create_store import create_store
from app.services.rename_store import rename_store
from app.services.views import StoreView
from tests.factories import MERCHANT
from tests.integration.accounts import make_operator, mia
from tests.integration.test_web_metrics import ROOT, UnixConnection

LIMIT = 4  # of six threads


@dataclass
class Web:
    """gunicorn as it is started, and use cases beside it, in other processes' place."""

    path: Path
    services: Services
    process: subprocess.Popen[bytes]
    open: list[HTTPConnection] = field(default_factory=list)

    def ask(self, path: str, who: LoggedIn | None = None, **headers: str) -> HTTPResponse:
        connection = UnixConnection(self.path)
        self.open.append(connection)
        if who is not None:
            headers["Cookie"] = f"storeyard_session={who.token}"
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def page(self, path: str, who: LoggedIn) -> str:
        answer = self.ask(path, who)
        assert answer.status == 200
        return answer.read().decode()

    def stream(self, who: LoggedIn, path: str = "/live", **headers: str) -> Ear:
        answer = self.ask(path, who, **headers)
        assert answer.status == 200, answer.read()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert "no-store" in answer.headers["Cache-Control"]
        return Ear(answer)


class Ear:
    """Hears one message after the other."""

    def __init__(self, answer: HTTPResponse) -> None:
        self._answer = answer
        self.last = ""

    def hear(self) -> tuple[str, str]:
        """Event and data of the next message."""
        said: dict[str, str] = {}
        while True:
            line = self._answer.readline().decode()
            if not line:
                return "end", ""
            if line == "\n" and "event" in said:
                self.last = said["id"]
                return said["event"], said["data"]
            name, _, text = line.rstrip("\n").partition(": ")
            said[name] = text


@pytest.fixture
def served(database: str, valkey_url: str, tmp_path: Path) -> Iterator[Web]:
    ours = {"DATABASE_URL": database, "QUEUE_URL": valkey_url, "VAULT_KEYS": Fernet.generate_key().decode(), "WEB_THREADS": "6"}
    ours = {f"STOREYARD_{name}": value for name, value in ours.items()}
    services = build_services(Settings.from_env(ours))
    path = tmp_path / "web"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"unix:{path}", "--graceful-timeout", "60", "wsgi:app"]
    with (tmp_path / "log").open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **ours}, cwd=ROOT, stderr=output)
    made = Web(path, services, process)
    try:
        until(lambda: answers(made))
        yield made
    finally:
        for connection in made.open:
            connection.close()
        process.kill()
        process.wait(20)
        services.sessions.dispose()


def answers(web: Web) -> bool:
    with contextlib.suppress(OSError), closing(UnixConnection(web.path)) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    return False


def until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def tenant_of(who: LoggedIn) -> str:
    assert who.session.tenant is not None
    return who.session.tenant.id


def shop(web: Web, who: LoggedIn, slug: str) -> StoreView:
    return create_store(web.services, MERCHANT, tenant_id=tenant_of(who), slug=slug)


def rename(web: Web, store: StoreView, name: str) -> None:
    rename_store(web.services, MERCHANT, tenant_id=store.tenant_id, store_id=store.id, name=name)


def test_a_stream_tells_of_ones_own_stores_never_of_anothers_and_is_resumed(served: Web) -> None:
    owner, stranger = mia(served.services), mia(served.services, "ben@example.com", shop="Ben's Bikes")
    hers, his = shop(served, owner, "hers"), shop(served, stranger, "his")
    ear, other = served.stream(owner), served.stream(stranger)
    assert [ear.hear(), ear.hear()] == [("hello", "{}"), ("reset", "{}")], "nothing says where the page stood"
    assert [other.hear(), other.hear()] == [("hello", "{}"), ("reset", "{}")]
    for number in range(3):
        rename(served, his, f"His {number}")
        rename(served, hers, f"Hers {number}")
    assert ear.hear() == ("store", f'{{"store":"{hers.id}"}}')
    first = ear.last
    assert [ear.hear() for _ in range(2)] == [("store", f'{{"store":"{hers.id}"}}')] * 2
    assert {other.hear() for _ in range(3)} == {("store", f'{{"store":"{his.id}"}}')}
    for again in (served.stream(owner, **{"Last-Event-ID": first}), served.stream(owner, f"/live?since={first}")):
        assert again.hear() == ("hello", "{}")
        assert again.hear() == ("store", f'{{"store":"{hers.id}"}}'), "the two others, told as one"
        assert again.last == ear.last
    served.open[0].close()


def test_f32_no_parameter_leads_to_anothers_news(served: Web) -> None:
    owner, stranger = mia(served.services), mia(served.services, "ben@example.com", shop="Ben's Bikes")
    hers, his = shop(served, owner, "hers"), shop(served, stranger, "his")
    ear = served.stream(owner, f"/live?tenant={tenant_of(stranger)}&tenant_id={tenant_of(stranger)}&store={his.id}&since=0-0")
    heard = [ear.hear()]
    rename(served, his, "His")
    rename(served, hers, "Hers")
    while heard[-1][0] != "store":
        heard.append(ear.hear())
    assert heard[-1][1] == f'{{"store":"{hers.id}"}}'
    assert his.id not in str(heard)
    assert served.ask("/live/platform", owner).status == 403
    assert served.ask("/live").status == 303


def test_a_page_says_where_it_stands_and_its_stream_goes_on_from_there(served: Web) -> None:
    owner = mia(served.services)
    store = shop(served, owner, "linen")
    served.page("/stores", owner)  # the process's first: nobody listened before
    until(lambda: 'data-live-since=""' not in served.page("/stores", owner))
    page = served.page(f"/stores/{store.id}", owner)
    since = page.partition('data-live-since="')[2].partition('"')[0]
    rename(served, store, "Between the page and its stream")
    ear = served.stream(owner, f"/live?since={since}")
    assert [ear.hear(), ear.hear()] == [("hello", "{}"), ("store", f'{{"store":"{store.id}"}}')]


def test_operators_hear_of_all_tenants(served: Web) -> None:
    owner, operator = mia(served.services), mia(served.services, "root@example.com", shop="Operations")
    make_operator(served.services, "root@example.com")
    store = shop(served, owner, "linen")
    ear = served.stream(operator, "/live/platform")
    assert [ear.hear(), ear.hear()] == [("hello", "{}"), ("reset", "{}")]
    rename(served, store, "Linen")
    assert ear.hear() == ("store", f'{{"store":"{store.id}","tenant":"{store.tenant_id}"}}')


def test_a_stream_ends_with_its_session_and_others_go_on(served: Web) -> None:
    owner, other = mia(served.services), mia(served.services, "ben@example.com", shop="Ben's Bikes")
    ear, stays = served.stream(owner), served.stream(other)
    log_out(served.services, owner.session)
    assert [ear.hear()[0] for _ in range(3)] == ["hello", "reset", "end"]
    assert served.ask("/live", owner).status == 303
    store = shop(served, other, "bikes")
    assert [stays.hear() for _ in range(3)][-1] == ("store", f'{{"store":"{store.id}"}}')


def test_two_thirds_of_the_threads_may_stream_and_pages_are_served_meanwhile(served: Web) -> None:
    owner = mia(served.services)
    ears = [served.stream(owner) for _ in range(LIMIT)]
    refused = served.ask("/live", owner)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    assert "Stores" in served.page("/stores", owner)
    served.open[0].close()
    until(lambda: served.ask("/live", owner).status == 200)
    assert ears[-1].hear() == ("hello", "{}")


def test_at_sigterm_streams_end_at_once_and_the_server_with_them(served: Web) -> None:
    owner = mia(served.services)
    ears = [served.stream(owner) for _ in range(LIMIT)]
    served.process.send_signal(signal.SIGTERM)
    for ear in ears:
        assert [ear.hear()[0] for _ in range(3)] == ["hello", "reset", "end"]
    assert served.process.wait(30) == 0, "the grace it has is a minute"


def test_f3_without_valkey_pages_work_intents_are_kept_and_streams_are_refused(served: Web, valkey_url: str) -> None:
    owner = mia(served.services)
    ear = served.stream(owner)
    with Redis.from_url(valkey_url) as client:
        client.set("storeyard:before", 1)
        client.config_set("maxclients", 1)  # and whoever is connected is thrown out: nobody else comes in
        client.client_kill_filter(skipme=True)
        try:
            assert [ear.hear()[0] for _ in range(3)] == ["hello", "reset", "end"]
            refused = served.ask("/live", owner)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            store = shop(served, owner, "linen")
            assert "linen" in served.page(f"/stores/{store.id}", owner)
        finally:
            client.config_set("maxclients", 10_000)
    until(lambda: served.ask("/live", owner).status == 200)


# What needs no server


@pytest.mark.parametrize("path", ["/live", "/live/platform"])
def test_an_installation_without_live_updates_says_so(sign_in: Any, path: str) -> None:
    answer = sign_in(operator=True).get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert 'data-live-stream=""' in sign_in().get("/stores").text
