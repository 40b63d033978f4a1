"""Every call that leaves for a cluster, timed, counted and written down at level debug.

Stands inside the circuit: what an open circuit holds back is no call. The line names the object, never what is in it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from app.domain.errors import ClusterError
from app.domain.manifests import ObjectKey
from app.ports import Cluster, Metrics
from app.reconcile.intercept import InterceptedCluster

log = structlog.get_logger(__name__)
# Asked at every call; the standard library's answer is twenty times as fast.
_level = logging.getLogger(__name__)

T = TypeVar("T")


class MeasuredCluster(InterceptedCluster):
    def __init__(self, inner: Cluster, metrics: Metrics) -> None:
        super().__init__(inner)
        self._metrics = metrics

    def around(self, verb: str, target: ObjectKey | str, call: Callable[[], T]) -> T:
        outcome, begun = "error", time.perf_counter()
        try:
            answer = call()
            outcome = "ok"
        except ClusterError as error:
            outcome = error.code.removeprefix("cluster_")
            raise
        finally:
            seconds = time.perf_counter() - begun
            self._metrics.cluster_called(verb, target if isinstance(target, str) else target.kind, outcome, seconds)
            if _level.isEnabledFor(logging.DEBUG):
                log.debug("cluster call", verb=verb, **_named(target), outcome=outcome, ms=round(seconds * 1000, 1))
        return answer


def _named(target: ObjectKey | str) -> dict[str, str]:
    key = ObjectKey(target, "", "") if isinstance(target, str) else target
    return {name: value for name in ("kind", "namespace", "name") if (value := getattr(key, name))}
