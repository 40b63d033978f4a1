"""Wiring: the only place that names adapters. Nothing connects here; each connects when first used."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache

import structlog
from redis import Redis

from app.adapters.clock import SystemClock
from app.adapters.jinja import JinjaRenderer
from app.adapters.kubernetes import KubernetesCluster
from app.adapters.rq import RqWakeQueue, connect
from app.adapters.vault import FernetVault
from app.config import Settings
from app.models.session import Sessions
from app.ports import Cluster
from app.reconcile.circuit import CircuitCluster
from app.services.context import Services


def build_services(settings: Settings) -> Services:
    """Everything a use case needs, from settings."""
    clock = SystemClock()

    @lru_cache(maxsize=16)
    def cluster(cluster_id: str) -> Cluster:  # noqa: ARG001  (one cluster now; a store already says which)
        return CircuitCluster(KubernetesCluster.from_kubeconfig(settings.kubeconfig, context=settings.kube_context), clock)

    return Services(
        sessions=Sessions.from_url(settings.database_url),
        queue=RqWakeQueue(connect(settings.queue_url)),
        renderer=JinjaRenderer(None, settings.profile),
        clock=clock,
        vault=FernetVault(settings.vault_keys),
        cluster=cluster,
        policy=settings.policy,
        profile=settings.profile,
    )


def queue_connection(settings: Settings) -> Redis:
    """The connection a worker listens on: its reads wait for messages, so they have no time-out of their own."""
    return Redis.from_url(settings.queue_url, socket_connect_timeout=3, health_check_interval=15)


def configure_logging(settings: Settings) -> None:
    """One line per event on standard error: JSON for machines, or aligned text for people. Libraries' lines take the same way."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("app", "jobs", "__main__"):
        logging.getLogger(name).setLevel(level)
