"""What a use case is given: ports and rules, wired once in app.bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from app.domain.platform import PlatformPolicy, PlatformProfile
from app.models.session import Sessions
from app.ports import Clock, Cluster, ManifestRenderer, Vault, WakeQueue


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
    cluster: Callable[[str], Cluster]
    policy: PlatformPolicy
    profile: PlatformProfile
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(8, "apply"))
