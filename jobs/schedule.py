"""The scheduler's process."""

from __future__ import annotations

import signal
import threading

from app.bootstrap import configure_logging
from app.config import Settings
from app.services.schedule import run_scheduler
from jobs.runtime import services


def main() -> None:
    configure_logging(Settings.from_env())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_scheduler(services(), stop)


if __name__ == "__main__":
    main()
