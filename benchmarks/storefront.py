"""The storefront on one core against a real Medusa: how fast its catalogue is, what of it reaches Medusa, and what it adds to a checkout.

python -m benchmarks.storefront --json
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.medusa import CHECKOUT, Medusa, find_bundle, free_port, medusa
from benchmarks.platform import Refused, resident_mb, wait_until
from benchmarks.report import note, percentile, run, whole_number
from embedded import process as embedded_process

FOLDER = CHECKOUT / "docker" / "storefront"
CATALOGUE = "/products"
MIXED = (
    "/", "/products", "/products?sort=price", "/products?q=linen", "/categories/kitchen", "/categories/clothing", "/products/stoneware-mug",
    "/products/harbour-linen-shirt", "/products/market-tote", "/sitemap.xml",
)  # fmt: skip
ADDRESS = {
    "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "address_1": "Way 1", "postal_code": "20095", "city": "Hamburg",
    "country_code": "de",
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rss_mb(self) -> float:
        """Of the master and its worker together; what they share is counted twice."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return round(resident_mb(self.process) + sum(_rss_kb(int(child)) / 1024 for child in children), 1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if shutil.which("taskset") is None:
        raise Refused("taskset is missing, which keeps the storefront on one core.")
    cores = sorted(os.sched_getaffinity(0))
    ours, others = cores[-1], cores[:-1] or cores
    os.sched_setaffinity(0, others)
    with (
        medusa(find_bundle(options.bundle), prefix=["taskset", "-c", ",".join(map(str, others))]) as backend,
        storefront(backend, prefix=["taskset", "-c", str(ours)]) as shop,
    ):
        load(shop.port, [CATALOGUE, *MIXED], clients=1, requests=100)
        before, begun = answered(backend), time.monotonic()
        alone = load(shop.port, [CATALOGUE], clients=1, requests=options.requests // 10)
        crowd_begun = time.monotonic()
        crowd = load(shop.port, [CATALOGUE], clients=20, requests=options.requests // 2)
        rate = len(crowd) / (time.monotonic() - crowd_begun)
        load(shop.port, MIXED, clients=20, requests=options.requests - len(alone) - len(crowd))
        took = time.monotonic() - begun
        calls = answered(backend) - before
        note(f"20 visitors at once: p95 {percentile(crowd, 0.95):.1f} ms; {options.requests} requests in {took:.1f} s")
        overheads = [checkout_overhead(shop) for _ in range(options.checkouts + 1)][1:]
        return {
            "catalogue_p95_ms": round(percentile(alone, 0.95), 2),
            "catalogue_rps": round(rate, 1),
            "medusa_requests": calls,
            "checkout_overhead_ms": round(statistics.median(overheads), 1),
            "rss_mb": shop.rss_mb(),
        }


@contextmanager
def storefront(backend: Medusa, *, prefix: list[str]) -> Iterator[Shop]:
    port = free_port()
    settings = {
        "BACKEND_URL": backend.url, "PUBLISHABLE_KEY": backend.publishable_key, "SIGNING_KEY": secrets.token_hex(32),
        "STORE_NAME": "Demo Shop", "PUBLIC_URL": "http://shop.example.com", "HOST": "127.0.0.1", "PORT": str(port),
        "PATH": os.environ["PATH"],
        "PYTHONPYCACHEPREFIX": str(backend.folder / "bytecode"),
    }  # fmt: skip
    told = backend.folder / "storefront.log"
    with told.open("ab") as log:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"], cwd=FOLDER, env=settings, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log,
            preexec_fn=embedded_process.ending_with_us(signal.SIGTERM),  # noqa: PLW1509 - system calls alone, no lock taken
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), 30, "the storefront answering")
        if process.poll() is not None:
            raise Refused(f"The storefront ended at once:\n{told.read_text()[-2000:]}")
        yield Shop(port, process, told)
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def load(port: int, paths: list[str] | tuple[str, ...], *, clients: int, requests: int) -> list[float]:
    """Milliseconds of every request; visitors without cookies who keep their connections."""
    turn, found, problems = iter(range(requests)), [], []
    lock = threading.Lock()

    def visit(first: int) -> None:
        own: list[float] = []
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
                for path in itertools.islice(itertools.cycle(paths), first, None):
                    with lock:
                        if next(turn, None) is None:
                            break
                    begun = time.perf_counter()
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n".encode())
                    _read(answers)
                    own.append((time.perf_counter() - begun) * 1000)
        except (OSError, ValueError) as error:
            problems.append(error)
        with lock:
            found.extend(own)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems or len(found) != requests:
        raise Refused(f"The storefront did not answer all requests: {problems[:1] or len(found)}")
    return found


def _read(answers: Any) -> None:
    status, length = answers.readline(), None
    if b" 200 " not in status:
        raise ValueError(status.decode(errors="replace").strip() or "the connection was closed")
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None:
        raise ValueError("an answer without its length")
    answers.read(length)


def answered(backend: Medusa) -> int:
    """How many Store API requests Medusa's log tells of."""
    return sum('"level":"http"' in line and '"path":"/store/' in line for line in backend.log.read_text().splitlines())


def checkout_overhead(shop: Shop) -> float:
    """Milliseconds of one checkout, from the first form to the confirmation, that were not spent on waiting for Medusa's answers."""
    with httpx.Client(base_url=shop.url, timeout=60) as browser:
        product = browser.get("/products/stoneware-mug").text
        token, variant = _field(product, "csrf"), _field(product, "variant_id")
        browser.post("/cart/items", data={"csrf": token, "variant_id": variant, "quantity": "1"}, follow_redirects=True)
        before, spent = len(waited(shop)), 0.0

        def timed(call: Callable[[], httpx.Response]) -> httpx.Response:
            nonlocal spent
            begun = time.perf_counter()
            answer = call()
            spent += (time.perf_counter() - begun) * 1000
            return answer

        def send(path: str, **fields: str) -> str:
            """A form, and the page after it."""
            sent = timed(lambda: browser.post(path, data={"csrf": token, **fields}))
            if sent.status_code != 303:
                raise Refused(f"{path} answered {sent.status_code}.")
            return timed(lambda: browser.get(sent.headers["Location"])).text

        timed(lambda: browser.get("/checkout"))
        deliveries = send("/checkout/contact", **ADDRESS)
        payments = send("/checkout/shipping", option_id=_field(deliveries, "option_id"))
        review = send("/checkout/payment", provider_id=_field(payments, "provider_id"))
        if "Thank you" not in send("/checkout/place", cart=_field(review, "cart")):
            raise Refused("The order was not confirmed.")
        waits = waited(shop)[before:]
    note(f"checkout: {spent:.0f} ms in {len(waits)} requests, of which waiting for Medusa {sum(waits):.0f} ms")
    return spent - sum(waits)


def waited(shop: Shop) -> list[float]:
    """Milliseconds that each request waited for Medusa, from the storefront's own log."""
    return [float(told) for told in re.findall(r"of which the backend ([\d.]+) ms", shop.log.read_text())]


def _field(page: str, name: str) -> str:
    """The value of the first field of that name."""
    for field in re.findall(r"<(?:input|button)[^>]*>", page):
        if f'name="{name}"' in field and (value := re.search(r'value="([^"]*)"', field)):
            return value[1]
    raise Refused(f"The page has no field {name}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storefront", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--bundle", help="the folder that docker/medusa/build/bundle.sh made; else that of `make up`")
    parser.add_argument("--requests", type=whole_number(100), default=10_000, help="how many in all (10000)")
    parser.add_argument("--checkouts", type=whole_number(1), default=5, help="how many, after one that warms up (5)")
    sys.exit(run(parser, measure))
