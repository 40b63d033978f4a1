"""The watch: one leader that follows every kind of object over the whole cluster, and wakes the stores whose objects differ at once.

One stream per kind. It begins with a list, compared whole, and is followed from that list's version; where it breaks, is too old, or has
been silent for a whole window though a living server would have sent a bookmark, the kind is listed again. Nothing is kept: what was missed
is found by the next list or by the sweep.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Mapping

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.domain.errors import ClusterError, Gone
from app.domain.manifests import LiveObject, ObjectKey
from app.models import ClusterRow
from app.ports import Cluster, QueueUnavailable
from app.reconcile.circuit import backoff
from app.services.context import Services
from app.services.leading import WATCHER, Term, lead
from app.services.schedule import wake_due
from app.services.sightings import Sighting, Sightings, judge, missing
from app.services.sweep import OURS, SWEPT_KINDS, make_due

log = structlog.get_logger(__name__)

# Kinds that could undo a store's isolation are followed whoever made them: a label of ours is not what they would bear.
OPENING_KINDS = ("NetworkPolicy", "Ingress", "RoleBinding")
FOLLOWED: Mapping[str, Mapping[str, str] | None] = {
    **dict.fromkeys(SWEPT_KINDS, OURS),
    **dict.fromkeys(OPENING_KINDS),
}

# Seconds that one request of a watch lasts. Whoever hears nothing in it, not even a bookmark, lists again.
WINDOW = 60.0
# Seconds: to gather what comes in a burst, and before a store that is being worked on is judged again.
GATHER, HELD = 0.03, 0.1


def run_watcher(services: Services, stop: threading.Event) -> None:
    """Watch when nobody else does, until asked to stop."""
    lead(services, WATCHER, stop, lambda term: _serve(services, term, stop))


def _serve(services: Services, term: Term, stop: threading.Event) -> None:
    with services.sessions.platform("the watch serves all tenants") as session:
        cluster_ids = list(session.scalars(select(ClusterRow.id)))
    over = threading.Event()
    watches = [ClusterWatch(services, cluster_id, over) for cluster_id in cluster_ids]
    try:
        for watch in watches:
            watch.start()
        while not stop.is_set() and term.goes_on():
            held = [watch.wake_differing() for watch in watches]
            stop.wait(HELD if any(held) else GATHER)
        if stop.is_set():
            term.resign()
    finally:
        over.set()


class ClusterWatch:
    """All streams of one cluster, and what they saw. Its threads end with the window after `over` is set."""

    def __init__(self, services: Services, cluster_id: str, over: threading.Event, *, window: float = WINDOW) -> None:
        self.sightings = Sightings()
        self._threads: list[threading.Thread] = []
        self._services, self._cluster_id, self._over, self._window = services, cluster_id, over, window

    def start(self) -> None:
        for kind in FOLLOWED:
            thread = threading.Thread(target=self._follow, args=(kind,), name=f"watch-{kind}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wake_differing(self) -> bool:
        """Judge what was seen and wake the stores that differ. True: some of it must wait for a pass that is under way."""
        taken = self.sightings.take()
        verdict = judge(self._services, self._cluster_id, taken)
        self.sightings.hold(verdict.early)
        self._wake(verdict.differing)
        return bool(verdict.early)

    def join(self, seconds: float) -> None:
        """Wait for the threads, `seconds` for each."""
        for thread in self._threads:
            thread.join(seconds)

    def _wake(self, store_ids: Collection[str]) -> None:
        """In turns, as all that is due: a burst of one tenant's must not fill the queue for others."""
        if not store_ids:
            return
        make_due(self._services, store_ids)
        log.info("stores differ", stores=len(store_ids))
        try:
            wake_due(self._services)
        except QueueUnavailable as error:
            log.warning("queue unreachable", error=str(error))

    def _follow(self, kind: str) -> None:
        failures = 0
        while not self._over.is_set():
            try:
                version = self._list(kind)
                failures = 0
                while not self._over.is_set():
                    heard, version = self._hear(kind, version)
                    if not heard:
                        log.info("watch silent, listing again", kind=kind)
                        break
            except Gone:
                log.info("watch too old, listing again", kind=kind)
            except (ClusterError, DBAPIError) as error:
                failures += 1
                log.warning("watch broke off", kind=kind, error=error.message if isinstance(error, ClusterError) else type(error).__name__)
            except Exception:
                # A mistake of ours over one object must not leave a kind unwatched.
                failures += 1
                log.exception("watch failed", kind=kind)
            # Not all kinds at once, and not at all while there is nobody to ask.
            self._over.wait(backoff(failures) if failures else random.uniform(0, 1))  # noqa: S311

    def _list(self, kind: str) -> str:
        """Compare the whole kind, page by page; the version from which to follow it."""
        cluster, listed = self._services.cluster(self._cluster_id), set[ObjectKey]()
        after, version = "", ""
        while True:
            page = cluster.list_page(kind, labels=FOLLOWED[kind], after=after)
            version = version or page.resource_version
            listed.update(live.key for live in page.items)
            self._compare(page.items)
            after = page.remaining
            if not after:
                break
        self.sightings.hold(missing(self._services, self._cluster_id, kind, listed))
        return version

    def _compare(self, items: tuple[LiveObject, ...]) -> None:
        self.sightings.know(items)
        verdict = judge(self._services, self._cluster_id, [Sighting(live.key, live, changed=False) for live in items])
        self.sightings.hold(verdict.early)
        self._wake(verdict.differing)

    def _hear(self, kind: str, version: str) -> tuple[bool, str]:
        """One window: whether anything was heard at all, and the version reached."""
        heard = False
        cluster: Cluster = self._services.cluster(self._cluster_id)
        for event in cluster.watch(kind, labels=FOLLOWED[kind], resource_version=version, timeout=self._window):
            heard, version = True, event.resource_version or version
            if event.type != "BOOKMARK":
                self.sightings.saw(event.object.key, None if event.type == "DELETED" else event.object)
            if self._over.is_set():
                break
        return heard, version
