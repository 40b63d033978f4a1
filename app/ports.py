"""What the core needs from the world, as protocols. Adapters implement them; tests stand fakes behind them.

The contract suite in tests/contract/ states what every `Cluster` must do, and runs against each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from app.domain.engines import Engine
from app.domain.manifests import LiveObject, Manifest, ObjectKey
from app.domain.stores import StoreSnapshot


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `resource_version` is that of the list: a watch may go on from there. `remaining` is '' on the last page."""

    items: tuple[LiveObject, ...]
    resource_version: str
    remaining: str = ""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One step of a watch. A BOOKMARK carries nothing but the resourceVersion reached."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: LiveObject
    resource_version: str


class Cluster(Protocol):
    """One Kubernetes API server.

    Every call has a time-out. Errors are Transient, Conflict, Rejected, Gone or ObjectNotFound (app.domain.errors), never a library's own.
    """

    def version(self) -> str:
        """The server's version, such as v1.34.4."""
        ...

    def get(self, key: ObjectKey) -> LiveObject | None:
        """The object, or None where the server says that it is not there."""
        ...

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        """POST. Conflict where the name is taken."""
        ...

    def apply(
        self,
        manifest: Manifest,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> LiveObject:
        """Server-side apply as our field manager, with force. Preconditions not met: Conflict. Namespace not there: ObjectNotFound."""
        ...

    def patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> LiveObject:
        """JSON patch (RFC 6902)."""
        ...

    def delete(self, key: ObjectKey, *, uid: str | None = None, resource_version: str | None = None) -> bool:
        """Ask for deletion (in the background for dependants). False where it was not there. Preconditions not met: Conflict."""
        ...

    def list_page(
        self,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        limit: int = 500,
        after: str = "",
    ) -> Page:
        """One page of a kind, in a namespace or in all. Labels and fields must equal. A page token too old: Gone."""
        ...

    def watch(
        self,
        kind: str,
        *,
        labels: Mapping[str, str] | None = None,
        resource_version: str,
        timeout: float = 300,
    ) -> Iterator[WatchEvent]:
        """Events of a kind in all namespaces after a resourceVersion, until `timeout` seconds have passed. Too old a version: Gone."""
        ...

    def last_log_line(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
        """The last line a container wrote, or None where there is none to be had."""
        ...

    def may(self, verb: str, kind: str, *, namespace: str | None = None) -> bool:
        """Whether our credentials allow the verb (a SelfSubjectAccessReview)."""
        ...


def list_all(
    cluster: Cluster, kind: str, *, namespace: str | None = None, labels: Mapping[str, str] | None = None, limit: int = 500
) -> Iterator[LiveObject]:
    """All objects of a kind, page by page."""
    after = ""
    while True:
        page = cluster.list_page(kind, namespace=namespace, labels=labels, limit=limit, after=after)
        yield from page.items
        if not page.remaining:
            return
        after = page.remaining


# Queues in the order in which a worker empties them: people wait for the first.
QUEUES = ("intent", "repair")


class WakeQueue(Protocol):
    """Carries wake-ups, never facts: a message is a store's id and nothing else."""

    def wake(self, store_id: str, *, urgent: bool) -> None:
        """Have a worker look at the store soon. `urgent`: a person waits. Not urgent wakes of one store are coalesced."""
        ...

    def start(self, task: Literal["sweep", "retention"]) -> None:
        """Have a worker do a periodic task, once however often it is asked for."""
        ...

    def tidy(self) -> None:
        """Free the jobs of workers that died."""
        ...

    def depths(self) -> Mapping[str, int]:
        """Jobs waiting per queue."""
        ...

    def ages(self) -> Mapping[str, float]:
        """Seconds that the oldest waiting job of each queue has waited; 0 where none waits."""
        ...

    def workers(self) -> tuple[WorkerState, ...]:
        """Who works, by name. A worker that was killed stays for some minutes: its last word tells."""
        ...

    def ping(self) -> str:
        """The queue server's version; raises QueueUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerState:
    """`state` is the queue's word (idle, busy, …). `job` is what it does: a store's id, or a periodic task's name; `since`: begun when."""

    name: str
    state: str
    heard_at: datetime | None
    job: str | None = None
    since: datetime | None = None


class QueueUnavailable(Exception):
    """The queue cannot be reached. Intents are kept in the database: nothing is lost, only later."""


NewsKind = Literal["store", "tenant", "platform", "reset"]


@dataclass(frozen=True, slots=True)
class News:
    """That something may look different now, never what: a store, a tenant's limits, the platform's switches. `reset`: maybe anything."""

    kind: NewsKind
    tenant_id: str | None = None
    store_id: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """News as it was told. Ids are of the form `<milliseconds>-<number>` and grow."""

    id: str
    news: News


class LiveEvents(Protocol):
    """Tells pages that are open what to look at again. All methods raise LiveUnavailable; nothing but freshness depends on them."""

    def publish(self, news: News) -> None:
        """Tell everybody. Waits for half a second at most, and not at all while the last attempt failed."""
        ...

    def newest(self, count: int) -> tuple[Told, ...]:
        """The last that were told, oldest first."""
        ...

    def after(self, last: str, *, wait: float) -> tuple[Told, ...]:
        """What was told after an id; waits up to so many seconds for the first."""
        ...


class LiveUnavailable(Exception):
    """Nothing can be told or heard. Pages show what is so when they are loaded."""


class NullLiveEvents:
    """Tells nobody, and has nothing to hear."""

    def publish(self, news: News) -> None: ...

    def newest(self, count: int) -> tuple[Told, ...]:  # noqa: ARG002 - the port's
        raise LiveUnavailable("live updates are not set up")

    def after(self, last: str, *, wait: float) -> tuple[Told, ...]:  # noqa: ARG002
        raise LiveUnavailable("live updates are not set up")


class ManifestRenderer(Protocol):
    """Engines and their templates."""

    def engines(self) -> tuple[Engine, ...]:
        """The newest release of every engine on offer."""
        ...

    def engine(self, name: str, release: str | None = None) -> Engine:
        """An engine's release (its newest by default); UnknownEngine where there is none."""
        ...

    def render(self, store: StoreSnapshot) -> tuple[Manifest, ...]:
        """All manifests of a store, in the order in which waves apply them; TemplateError names file and line."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for leases and durations."""
        ...


class Vault(Protocol):
    """Secrets at rest."""

    def seal(self, plain: Mapping[str, str]) -> tuple[str, bytes]:
        """The id of the key used, and the sealed text."""
        ...

    def open(self, key_id: str, sealed: bytes) -> Mapping[str, str]:
        """The secrets; VaultError where no key at hand fits."""
        ...


class Passwords(Protocol):
    """Passwords as hashes that tell nothing of them. Slow on purpose: no transaction is open meanwhile."""

    def hash(self, plain: str) -> str:
        """A text that holds its own salt and parameters."""
        ...

    def matches(self, hashed: str, plain: str) -> bool:
        """Whether the hash is of this password. A damaged hash is of none."""
        ...

    def outdated(self, hashed: str) -> bool:
        """Whether it was made with weaker parameters than today's: to be made anew when the password is next at hand."""
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """One message in plain text to one address. The text may hold a link that lets its reader in."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Mail that people wait for, a minute at most. What cannot be sent is logged: they ask again."""

    def send(self, mail: Mail) -> None:
        """Take it and return at once, so that no answer tells by its time whether there was a mail. Raises nothing."""
        ...


class NullMailer:
    """Sends nothing: for processes in which nobody asks for mail."""

    def send(self, mail: Mail) -> None: ...


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """The platform as a whole at one moment. Per queue: jobs waiting, and seconds the oldest has waited; None: it cannot be reached."""

    stores: Mapping[str, int]
    due: int
    due_age: float
    failing: int
    crashing: int
    quarantined: int
    open_drift: int
    queue_depths: Mapping[str, int] | None
    queue_ages: Mapping[str, float] | None


class Metrics(Protocol):
    """What is counted and timed; durations in seconds. No method raises, none takes an id: the number of series is bounded."""

    def pass_done(self, outcome: str, seconds: float, steps: Mapping[str, float]) -> None:
        """A pass that was begun. `outcome` is that of its run record, or `lost`."""
        ...

    def pass_skipped(self, reason: str) -> None:
        """A wake that found nothing to do: busy, paused, quarantined, gone."""
        ...

    def cluster_called(self, verb: str, kind: str, outcome: str, seconds: float) -> None:
        """One call that left for an API server."""
        ...

    def circuit(self, cluster_id: str, *, is_open: bool) -> None:
        """This process stopped asking a cluster, or asks again."""
        ...

    def lease_lost(self, lease: Literal["store", "leader"]) -> None: ...

    def wake_failed(self) -> None: ...

    def news_failed(self) -> None: ...

    def swept(self, *, objects: int, differing: int, unreadable: int, seconds: float) -> None: ...

    def due_taken(self, stores: int, seconds: float) -> None:
        """One turn of the due loop."""
        ...

    def fleet(self, figures: FleetFigures | None) -> None:
        """The whole, told by the leading scheduler alone; None: it leads no longer."""
        ...


class NullMetrics:
    """Counts nothing."""

    def pass_done(self, outcome: str, seconds: float, steps: Mapping[str, float]) -> None: ...

    def pass_skipped(self, reason: str) -> None: ...

    def cluster_called(self, verb: str, kind: str, outcome: str, seconds: float) -> None: ...

    def circuit(self, cluster_id: str, *, is_open: bool) -> None: ...

    def lease_lost(self, lease: Literal["store", "leader"]) -> None: ...

    def wake_failed(self) -> None: ...

    def news_failed(self) -> None: ...

    def swept(self, *, objects: int, differing: int, unreadable: int, seconds: float) -> None: ...

    def due_taken(self, stores: int, seconds: float) -> None: ...

    def fleet(self, figures: FleetFigures | None) -> None: ...
