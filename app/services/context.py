"""What a use case is given: ports and rules, wired once in app.bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.domain.people import Portal
from app.domain.platform import PlatformPolicy, PlatformProfile
from app.models.session import Sessions
from app.ports import (
    Clock,
    Cluster,
    LiveEvents,
    Mailer,
    ManifestRenderer,
    Metrics,
    NullLiveEvents,
    NullMailer,
    NullMetrics,
    Passwords,
    Vault,
    WakeQueue,
)

T = TypeVar("T")


class ContextExecutor(ThreadPoolExecutor):
    """Threads that know for whom they work: what is bound to log lines where work is handed in holds in the thread as well."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        return super().submit(copy_context().run, fn, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Services:
    """`cluster` gives the adapter for a row of the clusters table, by id; the web process has none and must never call it.

    `executor` runs the writes of one wave in parallel; its threads start with the first.
    """

    sessions: Sessions
    queue: WakeQueue
    renderer: ManifestRenderer
    clock: Clock
    vault: Vault
    passwords: Passwords
    cluster: Callable[[str], Cluster]
    policy: PlatformPolicy
    profile: PlatformProfile
    executor: Executor = field(default_factory=lambda: ContextExecutor(8, "apply"))
    metrics: Metrics = field(default_factory=NullMetrics)
    portal: Portal = field(default_factory=Portal)
    mailer: Mailer = field(default_factory=NullMailer)
    live: LiveEvents = field(default_factory=NullLiveEvents)
