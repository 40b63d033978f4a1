"""What `make up` costs on this machine: a warm start, stores one after the other until Ready, and memory.

python -m benchmarks.local --json

Memory is PSS: each shared page counted once over all who share it. Per store: PostgreSQL and Medusa, after an order.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from typing import Any

from benchmarks.report import note, run, whole_number
from embedded import settings
from tests.e2e.platform import Platform, eventually
from tests.local.installation import BUILD_SECONDS, Installation, installed

TOLD = {1: "first", 2: "second", 10: "tenth"}
TENANT = "bench"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Stores are made one after the other; each takes an order before the next is made."""
    with installed(STOREYARD_TENANT_QUOTA="stores=100,cpu=1000000,memory=1000000,disk=10000") as installation:
        note("starting for the first time, Medusa being built where it is not there yet")
        installation.up(seconds=BUILD_SECONDS)
        installation.embedded("down")
        begun = time.monotonic()
        installation.up()
        figures: dict[str, Any] = {"warm_start_s": round(time.monotonic() - begun, 2)}
        note(f"warm start {figures['warm_start_s']} s; {_memory(installation)}")
        platform = _platform(installation)
        try:
            figures |= _stores(platform, options.stores)
            memory = _memory(installation)
        finally:
            platform.stop()
        note(f"with {options.stores} stores: {memory}")
        figures["rss_per_store_mb"] = round(memory["stores"] / options.stores)
        figures["rss_control_plane_mb"] = memory["control_plane"]
        return figures


def _stores(platform: Platform, count: int) -> dict[str, Any]:
    platform.run("tenant", "create", TENANT)
    figures: dict[str, Any] = {}
    for number in range(1, count + 1):
        store = platform.json("store", "create", f"shop-{number}", "--tenant", TENANT, "--wait")
        seconds = (_moment(store["first_ready_at"]) - _moment(store["created_at"])).total_seconds()
        note(f"store {number}: Ready after {seconds:.2f} s")
        if number in TOLD:
            figures[f"{TOLD[number]}_ready_s"] = round(seconds, 2)
        shop = platform.shop(store)
        eventually(lambda shop=shop: shop.place_order(), what="an order")
    failed = [s["slug"] for s in platform.json("store", "list", "--tenant", TENANT)["stores"] if s["phase"] != "Ready"]
    if failed:
        raise AssertionError(f"not Ready at the end: {', '.join(failed)}")
    return figures


def _platform(installation: Installation) -> Platform:
    places = installation.places
    environment = {**installation.environment, **settings.parse(places.environment.read_text())}
    return Platform.attach(environment, places.logs, f"http://127.0.0.1:{installation.port}")


def _memory(installation: Installation) -> dict[str, int]:
    return dict(installation.status()["memory_mb"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local", description="What `make up` costs on this machine.")
    parser.add_argument("--stores", type=whole_number(1), default=10, help="stores to make (10)")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
