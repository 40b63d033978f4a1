"""Wiring: the only place that names adapters. Nothing connects here; each connects when first used."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import lru_cache

import structlog
from redis import Redis

from app.adapters.clock import SystemClock
from app.adapters.jinja import JinjaRenderer
from app.adapters.kubernetes import KubernetesCluster
from app.adapters.live import ValkeyLiveEvents
from app.adapters.mail import LogMailer, SmtpMailer
from app.adapters.passwords import Argon2Passwords
from app.adapters.rq import RqWakeQueue, connect
from app.adapters.vault import FernetVault
from app.config import MailServer, Settings
from app.models.session import Sessions
from app.ports import Cluster, Mailer, Metrics, NullMetrics
from app.reconcile.circuit import CircuitCluster
from app.services.context import Services
from app.services.masking import masked
from app.services.measured_cluster import MeasuredCluster


def build_services(settings: Settings, *, measured: bool = False, sessions: Sessions | None = None) -> Services:
    """Everything a use case needs, from settings. `measured`: this process counts what it does, for Prometheus.

    `sessions`: on an engine that somebody else owns; by default on a new one.
    """
    clock = SystemClock()
    metrics = prometheus_metrics() if measured else NullMetrics()

    @lru_cache(maxsize=16)
    def cluster(cluster_id: str) -> Cluster:
        # One cluster now; a store already says which.
        api = KubernetesCluster.from_kubeconfig(settings.kubeconfig, context=settings.kube_context)
        return CircuitCluster(MeasuredCluster(api, metrics), clock, told=lambda is_open: metrics.circuit(cluster_id, is_open=is_open))

    return Services(
        sessions=sessions or Sessions.from_url(settings.database_url),
        queue=RqWakeQueue(connect(settings.queue_url)),
        renderer=JinjaRenderer(None, settings.profile),
        clock=clock,
        vault=FernetVault(settings.vault_keys),
        passwords=Argon2Passwords(),
        cluster=cluster,
        policy=settings.policy,
        profile=settings.profile,
        metrics=metrics,
        portal=settings.portal,
        mailer=_mailer(settings.mail),
        live=ValkeyLiveEvents(settings.queue_url),
    )


def _mailer(server: MailServer | None) -> Mailer:
    if server is None:
        return LogMailer()
    login = None if server.user is None or server.password is None else (server.user, server.password)
    return SmtpMailer(server.host, server.port, sender=server.sender, login=login, tls=server.tls)


@lru_cache(maxsize=1)
def prometheus_metrics() -> Metrics:
    """This process's own. Loaded when first asked for: the command line counts nothing."""
    from app.adapters.prometheus import PrometheusMetrics  # noqa: PLC0415

    return PrometheusMetrics()


def serve_metrics(settings: Settings) -> tuple[int, Callable[[], None]] | None:
    """Where a port is set: serve /metrics in a thread; the port taken, and how to end. Raises OSError."""
    if not settings.metrics_port:
        return None
    from app.adapters.prometheus import serve  # noqa: PLC0415

    return serve(settings.metrics_host, settings.metrics_port)


def metrics_text() -> tuple[bytes, str]:
    """What Prometheus reads, and its content type."""
    from app.adapters.prometheus import exposition  # noqa: PLC0415

    return exposition()


def forget_metrics(pid: int) -> None:
    """Of a process that ended, the state it was in; what it counted stays counted."""
    from app.adapters.prometheus import forget_process  # noqa: PLC0415

    forget_process(pid)


def queue_connection(settings: Settings) -> Redis:
    """The connection a worker listens on: its reads wait for messages, so they have no time-out of their own."""
    return Redis.from_url(settings.queue_url, socket_connect_timeout=3, health_check_interval=15)


def configure_logging(settings: Settings) -> None:
    """One line per event on standard error: JSON for machines, or aligned text for people. Libraries' lines take the same way.

    What is bound to a job (job, worker, store, tenant, run, generation) stands in all of them; what a store's secrets are in none.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)

    def render(logger: structlog.types.WrappedLogger, method: str, event: structlog.types.EventDict) -> str:
        return masked(str(renderer(logger, method, event)))

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
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("app", "jobs", "__main__"):
        logging.getLogger(name).setLevel(level)
