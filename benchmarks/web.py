"""The portal as it is served, on a platform that has been used for long: its pages, new stores, and a thousand open streams.

python -m benchmarks.web --json
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import re
import secrets
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text, update

from app.config import Settings
from app.domain.people import Role, Visitor
from app.factory import create_app
from app.models import Membership, Store, User
from app.services.account_views import LoggedIn
from app.services.auth_sessions import begin_session
from app.services.create_store import create_store
from app.services.log_in import log_in
from app.services.rename_store import rename_store
from app.services.sign_up import sign_up
from benchmarks.medusa import CHECKOUT, free_port
from benchmarks.platform import ACTOR, Platform, Refused, platform, resident_mb, wait_until
from benchmarks.report import note, percentile, run, whole_number
from benchmarks.web_rows import OWN_EVENTS, OWN_STORES, STORE, Size, fill, row_id
from embedded import process as embedded_process

NOTHING = Size(1, 0, 0)
PASSWORD = "benchmark " + secrets.token_hex(8)
VISITOR = Visitor("127.0.0.1", "benchmarks.web", "benchmark")
WARM = 20
STREAMS_EACH = 25  # of one person: the server refuses more than thirty
CHANGES = 5
CHANGE_EVERY = 1.5  # seconds
SETTINGS = {
    "STOREYARD_TENANT_QUOTA": "stores=100000,cpu=1000000000,memory=1000000000,disk=1000000000",
    "STOREYARD_PLATFORM_QUOTA": "stores=100000,cpu=1000000000,memory=1000000000,disk=1000000000",
    "STOREYARD_LOG_LEVEL": "warning",
}


@dataclass(frozen=True, slots=True)
class Web:
    port: int
    process: subprocess.Popen[bytes]
    cookie: str  # its name

    def rss_mb(self) -> float:
        """Of the master and its worker together; what they share is counted twice."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return round(resident_mb(self.process) + sum(_rss_kb(int(child)) / 1024 for child in children), 1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: milliseconds at the server, of its thread's own work, and at the client; and the statements it sent."""

    server: float
    cpu: float
    client: float
    statements: int


def measure(options: argparse.Namespace) -> dict[str, Any]:
    full = Size(options.tenants, options.stores, options.events)
    if full.tenants < 2 or full.stores <= OWN_STORES or full.events <= OWN_EVENTS:
        raise Refused(
            f"The tenant that asks has {OWN_STORES} stores, and one of them {OWN_EVENTS} events: there must be more, and two tenants."
        )
    with platform(clustered=False, settings=SETTINGS) as running:
        mia, olga, tenant_id, pattern = people(running)
        app = create_app(Settings.from_env(dict(running.environment)))
        console = next((route.rule for route in app.url_map.iter_rules() if route.endpoint == "admin.tenants"), None)
        pages = {
            "list": ("/stores", mia),
            "store": (f"/stores/{row_id(STORE, 1)}", mia),
            "activity": (f"/stores/{row_id(STORE, 1)}/activity", mia),
        }
        if console is None:
            note("There is no admin.tenants: the console is not measured.")
        else:
            pages["console"] = (console, olga)
        tenth = full.tenth()
        with web(running, app.config["LOGIN_COOKIE"]) as served:
            seed(running, NOTHING, tenth, tenant_id, pattern)
            few = {name: visits(served, path, who, options.requests) for name, (path, who) in pages.items()}
            seed(running, tenth, full, tenant_id, pattern)
            many = {name: visits(served, path, who, options.requests) for name, (path, who) in pages.items()}
            tell("a tenth of the rows", few)
            tell("all rows", many)
            made = creations(served, mia, options.creates)
            tell("new stores", {"create": made})
            live = next((route.rule for route in app.url_map.iter_rules() if route.endpoint == "live.tenant"), None)
            streamed = streams(running, served, live, mia, [path for path, who in pages.values() if who is mia], options.streams)
            figures = {
                **{f"{name}_p95_ms": p95(many.get(name)) for name in ("list", "store", "console")},
                "create_p95_ms": p95(made),
                "queries_max": max(visit.statements for found in many.values() for visit in found),
            }
            return {**figures, **streamed, "tenth": {f"{name}_p95_ms": p95(few.get(name)) for name in ("list", "store", "console")}}


def people(running: Platform) -> tuple[LoggedIn, LoggedIn, str, str]:
    """A merchant and an operator who are logged in, the merchant's tenant, and a store after whose pattern the others are made."""
    services = running.services
    mia = sign_up(services, VISITOR, email="mia@example.com", name="Mia", password=PASSWORD, shop="Mia's Bakery")
    sign_up(services, VISITOR, email="olga@example.com", name="Olga", password=PASSWORD, shop="Olga's Own")
    assert mia.session.tenant is not None
    store = create_store(services, ACTOR, tenant_id=mia.session.tenant.id, slug="pattern")
    now = services.clock.now()
    with services.sessions.platform("a benchmark sets the scene") as session:
        session.execute(update(User).where(User.email == "olga@example.com").values(is_operator=True))
        gone = {"desired_state": "absent", "deletion_requested_at": now, "gone_at": now, "phase": "Deleted"}
        session.execute(update(Store).where(Store.id == store.id).values(**gone))
    return mia, log_in(services, VISITOR, email="olga@example.com", password=PASSWORD), mia.session.tenant.id, store.id


def seed(running: Platform, have: Size, want: Size, tenant_id: str, pattern: str) -> None:
    begun, engine = time.monotonic(), running.services.sessions.engine
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        fill(connection, have=have, want=want, tenant_id=tenant_id, store_id=pattern)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))  # as the server does by itself after a while
    engine.dispose()
    note(f"{want.tenants} tenants, {want.stores} stores, {want.events} events, in {time.monotonic() - begun:.1f} s")


@contextmanager
def web(running: Platform, cookie: str) -> Iterator[Web]:
    """gunicorn, as `make up` starts it, with the application that tells its own time."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}", "--graceful-timeout", "5",
        "--log-level", "warning", "benchmarks.web_app:app",
    ]  # fmt: skip
    log = running.log("web")
    with log.open("ab") as told:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=dict(running.environment), stdin=subprocess.DEVNULL, stdout=told, stderr=told,
            preexec_fn=embedded_process.ending_with_us(signal.SIGTERM),  # noqa: PLW1509 - system calls alone, no lock taken
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or _ready(port), 60, "the web answering")
        if process.poll() is not None:
            raise Refused(f"The web ended at once:\n{log.read_text()[-2000:]}")
        yield Web(port, process, cookie)
    finally:
        process.terminate()
        process.wait(30)


def visits(served: Web, path: str, who: LoggedIn, requests: int) -> list[Visit]:
    """The same page again and again, one at a time, on one connection."""
    with connected(served, who) as ask:
        for _ in range(WARM):
            ask("GET", path)
        return [ask("GET", path) for _ in range(requests)]


def creations(served: Web, who: LoggedIn, requests: int) -> list[Visit]:
    """New stores, as the form asks for them."""
    found: list[Visit] = []
    with connected(served, who) as ask:
        for number in range(requests + WARM):
            form = {"name": f"New shop {number}", "slug": f"new-shop-{number}", "plan": "starter", "key": secrets.token_urlsafe(18)}
            found.append(ask("POST", "/stores", {**form, "csrf": who.session.csrf}))
    return found[WARM:]


def streams(running: Platform, served: Web, path: str | None, mia: LoggedIn, pages: list[str], count: int) -> dict[str, Any]:
    """So many people's open streams of one tenant, five of whose stores are changed; other pages are asked for meanwhile.

    A message's time is from when the change is asked of the use case, in this process, to when the stream's reader has it.
    """
    figures: dict[str, Any] = dict.fromkeys(("sse_delivered", "sse_p99_ms", "web_rss_mb", "pages_meanwhile_p95_ms"))
    if path is None:
        note("There is no route for streams: they are not measured.")
        return figures
    tenant = mia.session.tenant
    assert tenant is not None
    cookies = [f"{served.cookie}={token}" for token in colleagues(running, tenant.id, -(-count // STREAMS_EACH))]
    alone = served.rss_mb()
    with reader(running) as (send, receive):
        send({"port": served.port, "path": path, "cookies": [cookies[number % len(cookies)] for number in range(count)]})
        begun = time.monotonic()
        receive()
        note(f"{count} streams open after {time.monotonic() - begun:.1f} s; memory {alone} MB before, {served.rss_mb()} MB now")
        asked: dict[str, float] = {}
        with ThreadPoolExecutor(1) as thread:
            changed = threading.Event()
            visiting = thread.submit(visits_until, served, pages, mia, changed)
            try:
                for number in range(1, CHANGES + 1):
                    time.sleep(CHANGE_EVERY)
                    store = row_id(STORE, number)
                    asked[store] = time.monotonic()
                    rename_store(running.services, ACTOR, tenant_id=tenant.id, store_id=store, name=f"Changed {number}")
                time.sleep(CHANGE_EVERY)
            finally:
                changed.set()
            meanwhile = visiting.result()
        rss = served.rss_mb()
        send({})
        received = receive()["received"]
    first: dict[tuple[int, str], float] = {}
    for stream, store, moment in received:
        if store in asked:
            first.setdefault((stream, store), (moment - asked[store]) * 1000)
    tell(f"{count} streams open", {"pages": meanwhile})
    note(f"messages: {len(first)} of {count * CHANGES}, p50 {percentile(list(first.values()), 0.5):.0f} ms" if first else "no message")
    p99 = round(percentile(list(first.values()), 0.99), 1) if first else None
    return {"sse_delivered": len(first), "sse_p99_ms": p99, "web_rss_mb": rss, "pages_meanwhile_p95_ms": p95(meanwhile)}


def colleagues(running: Platform, tenant_id: str, count: int) -> list[str]:
    """Tokens of so many more people of the tenant, each logged in."""
    services, now = running.services, running.services.clock.now()
    with services.sessions.platform("a benchmark sets the scene") as session:
        made = [
            User(id=row_id("004", number), email=f"person-{number}@example.com", name=f"Person {number}", is_operator=False, created_at=now)
            for number in range(count)
        ]
        session.add_all(made)
        session.flush()
        session.add_all(Membership(tenant_id=tenant_id, user_id=user.id, role=Role.MEMBER, created_at=now) for user in made)
        session.flush()
        return [begin_session(session, VISITOR, user, now=now, tenant_id=tenant_id).token for user in made]


@contextmanager
def reader(running: Platform) -> Iterator[tuple[Callable[[Mapping[str, Any]], None], Callable[[], dict[str, Any]]]]:
    """The process that holds the streams: how to tell it something, and what it says next."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.web_streams"], cwd=CHECKOUT, env=dict(running.environment), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
        preexec_fn=embedded_process.ending_with_us(signal.SIGTERM),  # noqa: PLW1509 - system calls alone, no lock taken
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    told, said = process.stdin, process.stdout

    def send(what: Mapping[str, Any]) -> None:
        print(json.dumps(what), file=told, flush=True)

    def receive() -> dict[str, Any]:
        line = said.readline()
        if not line:
            raise Refused("The reader of the streams ended: see above.")
        return json.loads(line)

    try:
        yield send, receive
    finally:
        process.terminate()
        process.wait(30)


def visits_until(served: Web, paths: list[str], who: LoggedIn, over: threading.Event) -> list[Visit]:
    """One page after the other, one at a time, until it is over."""
    found: list[Visit] = []
    with connected(served, who) as ask:
        for path in itertools.cycle(paths):
            if over.is_set():
                return found
            found.append(ask("GET", path))
    return found


@contextmanager
def connected(served: Web, who: LoggedIn) -> Iterator[Callable[..., Visit]]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    headers = {"Cookie": f"{served.cookie}={who.token}", "User-Agent": "benchmarks.web"}

    def ask(method: str, path: str, form: Mapping[str, str] | None = None) -> Visit:
        body = urlencode(form) if form is not None else None
        typed = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        begun = time.perf_counter()
        connection.request(method, path, body, {**headers, **typed})
        answer = connection.getresponse()
        said = answer.read()
        took = (time.perf_counter() - begun) * 1000
        location = answer.headers.get("Location", "")
        if answer.status != (200 if form is None else 303) or location.startswith("/login"):
            raise Refused(f"{method} {path} was answered with {answer.status} {location}:\n{said[:500].decode(errors='replace')}")
        told = re.search(r'app;dur=([\d.]+), cpu;dur=([\d.]+), sql;desc="(\d+)"', answer.headers["Server-Timing"])
        assert told
        return Visit(float(told[1]), float(told[2]), took, int(told[3]))

    try:
        yield ask
    finally:
        connection.close()


def p95(found: list[Visit] | None) -> float | None:
    return round(percentile([visit.server for visit in found], 0.95), 2) if found else None


def tell(what: str, found: Mapping[str, list[Visit]]) -> None:
    for name, all_visits in found.items():
        half, cpu = (statistics.median(getattr(visit, part) for visit in all_visits) for part in ("server", "cpu"))
        client = percentile([visit.client for visit in all_visits], 0.95)
        note(
            f"{what}: {name} p95 {p95(all_visits)} ms, the middle one {half:.1f} ms with {cpu:.1f} ms of work; p95 {client:.1f} ms at the"
            f" client; {max(visit.statements for visit in all_visits)} statements"
        )


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--tenants", type=whole_number(2), default=1000, help="(1000)")
    parser.add_argument("--stores", type=whole_number(1), default=10_000, help="(10000)")
    parser.add_argument("--events", type=whole_number(1), default=500_000, help="(500000)")
    parser.add_argument("--requests", type=whole_number(1), default=300, help="for each page (300)")
    parser.add_argument("--creates", type=whole_number(1), default=100, help="new stores (100)")
    parser.add_argument("--streams", type=whole_number(1), default=1000, help="open at once (1000)")
    sys.exit(run(parser, measure))
