"""The services of this process, built once before the first job."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import lru_cache

import structlog

from app.bootstrap import build_services, configure_logging, serve_metrics
from app.config import ConfigError, Settings
from app.services.context import Services

log = structlog.get_logger(__name__)


def settings_or_exit() -> Settings:
    """The settings; where the environment is wrong, every problem on standard error and exit code 2."""
    try:
        return Settings.from_env()
    except ConfigError as error:
        sys.exit(exit_with("\n".join(error.problems)))


def exit_with(problem: str) -> int:
    """Say on standard error why this process cannot start; the exit code for it."""
    sys.stderr.write(f"error: {problem}\n")
    return 2


@lru_cache(maxsize=1)
def services() -> Services:
    settings = Settings.from_env()
    return build_services(settings, measured=settings.metrics_port > 0)


def announce_metrics(settings: Settings) -> None:
    """Serve /metrics where a port is set. Work does not depend on being watched: a port that cannot be had is said, and no more."""
    try:
        served = serve_metrics(settings)
    except OSError as error:
        log.warning("metrics not served", host=settings.metrics_host, port=settings.metrics_port, error=str(error))
    else:
        if served is not None:
            log.info("metrics served", host=settings.metrics_host, port=served[0])


def run_until_stopped(started: str, serve: Callable[[Services, threading.Event], None]) -> None:
    """A process that serves until SIGTERM or SIGINT: settings, logging, metrics, and then `serve` with what tells it to stop.

    `started` is the line that supervisors wait for.
    """
    settings = settings_or_exit()
    configure_logging(settings)
    announce_metrics(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info(started)
    serve(services(), stop)
