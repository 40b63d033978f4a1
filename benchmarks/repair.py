"""Changes made by hand in many stores: how long until each field is as asked for again, seen by a watch of the cluster.

python -m benchmarks.repair --stores 1000 --edits 300 --rate 4 --json
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.errors import ClusterError
from app.domain.manifests import MANAGED_BY, PLATFORM, LiveObject, ObjectKey
from app.ports import list_all
from benchmarks.platform import Platform, Refused, platform, resident_mb, wait_until
from benchmarks.raw import RawCluster
from benchmarks.report import note, percentile, run, whole_number

WORKERS = 2
READY_WITHIN = 1800.0
# Seconds without a version that moves anywhere, before the first edit.
QUIET = 5.0
LEFT_WITHIN = 90.0
OURS = {MANAGED_BY: PLATFORM}

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to change an object by hand: a merge patch of one field."""

    kind: str
    name: str
    path: tuple[str, ...]
    value: Any

    def patch(self) -> dict[str, Any]:
        body: Any = self.value
        for name in reversed(self.path):
            body = {name: body}
        return body

    def of(self, body: Mapping[str, Any]) -> Any:
        """The field of an object; None where it is not there."""
        value: Any = body
        for name in self.path:
            value = (value or {}).get(name)
        return value


FORMS = (
    Form("Deployment", "storefront", ("spec", "replicas"), 2),
    Form("Service", "backend", ("spec", "sessionAffinity"), "ClientIP"),
    Form("ResourceQuota", "store", ("spec", "hard", "pods"), "99"),
    Form("NetworkPolicy", "deny-all", ("metadata", "labels", "edited"), "yes"),
    Form("Secret", "store", ("data", "EXTRA"), "c3RyYXk="),
    Form("Ingress", "store", ("metadata", "annotations", "edited"), "yes"),
)


class Watched:
    """What the edited kinds look like from outside: when each field was seen as it had been."""

    def __init__(self, running: Platform) -> None:
        self._running = running
        self._lock = threading.Lock()
        self._open: dict[ObjectKey, tuple[Form, Any, float]] = {}
        self.seconds: list[float] = []
        self.moved_at = time.monotonic()

    def start(self) -> None:
        for kind in {form.kind for form in FORMS}:
            page = self._running.cluster.list_page(kind, labels=OURS, limit=1)
            threading.Thread(target=self._follow, args=(kind, page.resource_version), daemon=True).start()

    def edited(self, key: ObjectKey, form: Form, before: Any, at: float) -> None:
        """An edit is about to be sent; `answered` sets its clock."""
        with self._lock:
            self._open[key] = (form, before, at)

    def answered(self, key: ObjectKey) -> None:
        with self._lock:
            if key in self._open:
                form, before, _ = self._open[key]
                self._open[key] = (form, before, time.monotonic())

    @property
    def unrepaired(self) -> int:
        with self._lock:
            return len(self._open)

    def _follow(self, kind: str, version: str) -> None:
        while True:
            try:
                for event in self._running.cluster.watch(kind, labels=OURS, resource_version=version):
                    version = event.resource_version
                    if event.type == "MODIFIED":
                        self._saw(event.object)
            except ClusterError as error:
                note(f"the benchmark's own watch of {kind} broke off: {error}")
                time.sleep(0.2)

    def _saw(self, live: LiveObject) -> None:
        now = time.monotonic()
        with self._lock:
            self.moved_at = now
            form, before, at = self._open.get(live.key, (None, None, 0.0))
            if form is None or form.of(live.body) != before:
                return
            # An event from before the edit shows the field as it was, too.
            if at and now >= at:
                del self._open[live.key]
                self.seconds.append(now - at)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.edits > options.stores:
        raise Refused("Each store is edited once at most: --edits must not exceed --stores.")
    with platform() as running:
        parts = [*["worker"] * WORKERS, "scheduler", *([] if options.no_watch else ["watcher"])]
        processes = running.start(*parts)
        stores = running.make_stores(options.stores)
        note(f"{len(stores)} stores on their way")
        wait_until(lambda: running.ready(stores) == len(stores), READY_WITHIN, "all stores Ready", every=1.0)
        watched = Watched(running)
        watched.start()
        wait_until(lambda: time.monotonic() - watched.moved_at > QUIET, 300, "a quiet cluster", every=0.5)
        note("all Ready and quiet; editing")
        _edit(running, watched, options)
        wait_until_or_note(watched)
        memory = 0.0 if options.no_watch else resident_mb(processes[-1])
    if not watched.seconds:
        raise Refused("No edit was put right at all.")
    return {
        "p50_s": round(percentile(watched.seconds, 0.5), 3),
        "p95_s": round(percentile(watched.seconds, 0.95), 3),
        "max_s": round(max(watched.seconds), 3),
        "unrepaired": watched.unrepaired,
        "watcher_rss_mb": memory,
    }


def wait_until_or_note(watched: Watched) -> None:
    """What is still open after a long while is told as unrepaired, not refused."""
    try:
        wait_until(lambda: watched.unrepaired == 0, LEFT_WITHIN, "every edit put right")
    except Refused as late:
        note(f"{late} {watched.unrepaired} are left.")


def _edit(running: Platform, watched: Watched, options: argparse.Namespace) -> None:
    raw = RawCluster(running.environment["STOREYARD_KUBECONFIG"], 4)
    before = {
        (live.key.kind, live.key.namespace, live.key.name): live.body
        for kind in {form.kind for form in FORMS}
        for live in list_all(running.cluster, kind, labels=OURS)
    }
    begun = time.monotonic()
    for number in range(options.edits):
        form, store = FORMS[number % len(FORMS)], running.stores[number]
        key = ObjectKey(form.kind, store.namespace, form.name)
        time.sleep(max(0.0, begun + number / options.rate - time.monotonic()))
        watched.edited(key, form, form.of(before[key.kind, key.namespace, key.name]), 0.0)
        _send(raw, key, form)
        watched.answered(key)


def _send(raw: RawCluster, key: ObjectKey, form: Form) -> None:
    info = key.info
    root = "apis" if "/" in info.api_version else "api"
    url = f"{raw.host}/{root}/{info.api_version}/namespaces/{key.namespace}/{info.plural}/{key.name}?fieldManager=kubectl-edit"
    headers = {**raw.headers, "Content-Type": _MERGE}
    answer = raw.pool.request("PATCH", url, body=orjson.dumps(form.patch()), headers=headers, timeout=10)
    if answer.status != 200:
        raise Refused(f"An edit of {key} was answered {answer.status}: {answer.data[:300]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repair", description="From a change by hand to the repaired field.")
    parser.add_argument("--stores", type=whole_number(1), default=1000, help="how many (1000)")
    parser.add_argument("--edits", type=whole_number(1), default=300, help="how many, each in another store (300)")
    parser.add_argument("--rate", type=whole_number(1), default=4, help="edits per second (4)")
    parser.add_argument("--no-watch", action="store_true", help="without the watcher: the sweep alone")
    return run(parser, measure)


if __name__ == "__main__":
    sys.exit(main())
