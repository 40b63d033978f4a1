"""The watcher's process."""

from __future__ import annotations

import signal
import threading

import structlog

from app.bootstrap import configure_logging
from app.services.watch import run_watcher
from jobs.runtime import announce_metrics, services, settings_or_exit

log = structlog.get_logger(__name__)


def main() -> None:
    settings = settings_or_exit()
    configure_logging(settings)
    announce_metrics(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("watcher started")
    run_watcher(services(), stop)


if __name__ == "__main__":
    main()
